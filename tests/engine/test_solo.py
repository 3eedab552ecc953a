"""Strategies of single members: what they draw, return and forget."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import Batch, Phase, SoloStrategy, Strategy, Task
from clbench.errors import StrategyError
from clbench.stack.generators import Snapshot
from clbench.testing.bench import Stopped, first_difference
from tests.engine.jobs import leave, run, same

CPU = torch.device("cpu")


class Drawing(SoloStrategy):
    """Writes plain PyTorch: a network and noise from whatever generator is at hand."""

    def setup(self) -> None:
        inputs, classes = int(np.prod(self.scenario.input_shape)), self.scenario.classes
        self.net = nn.Sequential(  # type: ignore[misc]
            nn.Flatten(), nn.Linear(inputs, 12), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, classes)
        )
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.01)  # type: ignore[misc]
        self.shifts = np.random.randint(0, 3, size=4)

    def begin_task(self, task: Task) -> None:
        self.log("first", random.random())

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        self.log("epoch_draw", np.random.randn())

    def observe(self, batch: Batch) -> Tensor | None:
        chosen = torch.randint(0, batch.x.shape[0], (4,))
        noisy = batch.x[chosen] + 0.1 * random.gauss(0, 1)
        loss = nn.functional.cross_entropy(self.net(noisy), batch.y[chosen])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.log("drawn", float(np.random.rand()) + float(self.shifts.sum()))
        return loss.detach()

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return self.net(x) + 1e-3 * torch.rand(1)  # type: ignore[no-any-return]


def test_a_solo_strategy_that_draws_from_global_generators_is_seeded(make_bench: Any) -> None:
    """The same suite twice, the process having drawn in between; and alone as among others."""
    bench = make_bench(Drawing, epochs=2)
    first = bench.run(0, 1, 2)
    torch.rand(3), np.random.rand(3), random.random()
    same(first, bench.run(0, 1, 2), 0, 1, 2)
    same(first, bench.run(2), 2)
    same(first, bench.run(1, 0), 0, 1)
    assert first_difference({"loss": first.loss[:1]}, {"loss": first.loss[1:2]}) is not None


def test_the_global_draws_of_a_solo_strategy_survive_a_resume(
    make_bench: Any, tmp_path: Path
) -> None:
    """Left within a task, and between two."""
    bench = make_bench(Drawing, epochs=2)
    whole, mark = bench.run(0, 1), tmp_path / "job.ckpt"
    leave(bench, 0, 1, after=3, checkpoint=mark)
    leave(bench, 0, 1, after=4, checkpoint=mark)
    with pytest.raises(Stopped):
        bench.run(0, 1, checkpoint=mark, stop_after=2)
    same(whole, run(bench, 0, 1, checkpoint=mark), 0, 1)


def test_the_process_keeps_its_own_generators(make_bench: Any) -> None:
    before = Snapshot(CPU)
    make_bench(Drawing).run(0, 1)
    assert before.moved() == []


def test_training_does_not_depend_on_how_often_is_predicted(make_bench: Any) -> None:
    """What `predict` draws is drawn from another state than what training draws."""
    often, seldom = (
        make_bench(Drawing, evaluate=evaluate).run(0, 1) for evaluate in ({"every": 2}, {"last": 1})
    )
    np.testing.assert_array_equal(often.loss, seldom.loss)
    np.testing.assert_array_equal(often.curves["drawn"], seldom.curves["drawn"])


class Early(Drawing):
    """Ends tasks at different epochs."""


def test_members_that_end_early_draw_what_they_would_alone(make_bench: Any) -> None:
    bench = make_bench(Early, epochs=4, validation=0.25, stop_at=0.5)
    together = bench.run(0, 1, 2)
    for seed in range(3):
        same(bench.run(seed), together, seed)


# ---------------------------------------------------------------------------------------- what
# hooks return


class Returning(SoloStrategy):
    """Plain training that returns its loss as `how` says."""

    how: str = "detached"

    def observe(self, batch: Batch) -> Any:
        loss = self.task_loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        forms = {
            "detached": loss.detach(),
            "with its graph": loss,
            "a number": loss.item(),
            "numpy": np.float64(loss.item()),
            "a row": loss.detach().reshape(1),
            "a pair": (loss, 1),
            "a word": "low",
        }
        return forms[self.how]


@pytest.mark.parametrize("how", ["with its graph", "a number", "numpy"])
def test_observe_may_return_its_loss_as_everybody_does(make_bench: Any, how: str) -> None:
    plain = make_bench(Returning).run(0, 1)
    np.testing.assert_array_equal(plain.loss, make_bench(Returning(how=how)).run(0, 1).loss)


@pytest.mark.parametrize(
    ("how", "got"),
    [("a row", r"a tensor of shape \[1\]"), ("a pair", "a tuple"), ("a word", "a str")],
)
def test_a_solo_loss_of_a_wrong_kind_is_named(make_bench: Any, how: str, got: str) -> None:
    sentence = f"returning.observe returned {got}; return the step's loss"
    with pytest.raises(StrategyError, match=sentence):
        make_bench(Returning(how=how)).run(0, 1)


def test_a_stacked_loss_may_be_returned_with_its_graph(make_bench: Any) -> None:
    class Attached(Strategy):
        """Forgets to detach."""

        def observe(self, batch: Batch) -> Tensor:
            loss = self.task_loss(batch)
            self.optimizer.zero_grad()
            loss.sum().backward()
            self.optimizer.step()
            return loss

    same(make_bench(Attached).run(0, 1), make_bench(Strategy).run(0, 1), 0, 1)


@pytest.mark.parametrize(
    ("logits", "got"),
    [
        (torch.ones(3, 6), r"\[3, 6\]"),
        ((torch.ones(3, 6), None), "a tuple"),
        (None, "a NoneType"),
    ],
)
def test_a_solo_prediction_of_a_wrong_shape_is_told_in_solo_words(
    make_bench: Any, logits: Any, got: str
) -> None:
    class Misshapen(SoloStrategy):
        """Predicts what a test asks for."""

        def predict(self, x: Tensor, task: Task | None = None) -> Any:
            return logits

    sentence = rf"misshapen.predict returned {got}; \[batch, classes\] = \[\d+, 6\] is wanted"
    with pytest.raises(StrategyError, match=sentence):
        make_bench(Misshapen).run(0)


# ---------------------------------------------------------------------------------------- what is
# forgotten


class SoloBare(SoloStrategy):
    """Overrides setup() and forgets super()."""

    def setup(self) -> None:
        self.count = 0


class StackedBare(Strategy):
    """The same for a stack."""

    def setup(self) -> None:
        self.count = 0


@pytest.mark.parametrize("strategy", [SoloBare, StackedBare])
def test_who_forgets_super_setup_is_told(make_bench: Any, strategy: type) -> None:
    with pytest.raises(StrategyError, match=r"bare has no self.net.*call super\(\).setup\(\)"):
        make_bench(strategy).run(0, 1)


class LateSolo(SoloStrategy):
    """Makes in begin_task what predict needs."""

    def begin_task(self, task: Task) -> None:
        self.means = torch.zeros(3)

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return super().predict(x, task) + self.means.sum()


class LateStacked(Strategy):
    """The same for a stack."""

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.means = torch.zeros(3)

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return super().predict(x, task) + self.means.sum()


@pytest.mark.parametrize("strategy", [LateSolo, LateStacked, [Strategy, LateStacked]])
def test_state_that_is_made_too_late_for_the_untrained_network_is_named(
    make_bench: Any, strategy: Any
) -> None:
    sentence = r"late_\w+ has no self.means when the untrained network .* made in setup\(\)"
    with pytest.raises(StrategyError, match=sentence):
        make_bench(strategy).run(0, 1)


def test_another_missing_attribute_stays_what_it_is(make_bench: Any) -> None:
    class Typo(Strategy):
        """Asks a tensor for what it has not."""

        def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
            return self.net(x.flaten())  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'flaten'"):
        make_bench(Typo).run(0)


def test_a_missing_attribute_of_a_solo_strategy_is_missing(make_bench: Any) -> None:
    strategy, _ = make_bench(SoloBare).start(0)
    solo = strategy.solos[0]
    assert not hasattr(solo, "net")
    with pytest.raises(AttributeError, match="'SoloBare' object has no attribute 'teacher'"):
        _ = solo.teacher


def test_a_plain_module_or_optimiser_in_a_stacked_strategy_is_named(make_bench: Any) -> None:
    class PlainNet(Strategy):
        """Takes the stack for a module."""

        def setup(self) -> None:
            super().setup()
            self.net = nn.Linear(3, 2)  # type: ignore[assignment]

    class PlainOptimizer(Strategy):
        """Takes torch's own optimiser."""

        def setup(self) -> None:
            super().setup()
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)  # type: ignore[assignment]

    with pytest.raises(
        StrategyError, match=r"plain_net: self.net is set to a Linear; .*self.stack"
    ):
        make_bench(PlainNet).run(0)
    with pytest.raises(StrategyError, match=r"self.optimizer is set to a SGD; .*make_optimizer"):
        make_bench(PlainOptimizer).run(0)
