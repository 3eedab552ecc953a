from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch

from clbench import Strategy
from clbench.engine.graphs import Captured, Outline, Steps, declared
from clbench.engine.loop import Loop
from clbench.errors import StrategyError
from clbench.host import Host
from tests.engine.conftest import Make

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")


class Played:
    """In a graph's place: does the step again, as a graph does."""

    def __init__(self, steps: Rehearsed, made: Captured) -> None:
        self.steps, self.made = steps, made

    def replay(self) -> None:
        self.steps.replayed += 1
        self.made.loss = self.steps.step(self.made.samples)


class Rehearsed(Steps):
    """On a CPU, all but the capture itself."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.why, self.replayed = None, 0

    def _capture(self, samples: torch.Tensor) -> Captured | None:
        made = Captured(None, samples.clone())
        made.graph = Played(self, made)
        made.note(self.state)
        self.known = Outline.of(self.state)
        return made


def rehearsed(loop: Loop) -> Rehearsed:
    """The loop's steps as they would be on a GPU, on the stream at hand."""
    loop.training.steps = steps = Rehearsed(loop.learner, loop.training.training_step)
    steps.stream = contextlib.nullcontext  # type: ignore[method-assign]
    return steps


def task_of(loop: Loop, index: int = 0) -> None:
    loop.task(loop.streams.tasks[index])


def test_on_a_cpu_nothing_is_captured_nor_said(make_bench: Make) -> None:
    _, loop = make_bench(Strategy).start(0, 1)
    task_of(loop)
    assert loop.training.steps.said == ""
    assert not loop.training.steps.graphs


def test_the_third_step_of_a_kind_is_captured_and_numbers_stay(make_bench: Make) -> None:
    bench = make_bench(Host.load().get("strategy", "er")(memory=20), epochs=3)
    plain, loop = bench.start(0, 1, 2)
    task_of(loop)
    played, loop_played = bench.start(0, 1, 2)
    steps = rehearsed(loop_played)
    task_of(loop_played)
    assert steps.replayed > 3
    assert len(steps.graphs) > 1, "ragged batches and members that sit out are kinds of their own"
    for one, other in zip(plain.net.parameters(), played.net.parameters(), strict=True):
        assert torch.equal(one, other)


def test_another_task_and_a_changed_state_are_captured_anew(make_bench: Make) -> None:
    class Scaled(Strategy):
        """Its loss has a factor, a Python number, that changes between epochs."""

        def setup(self) -> None:
            super().setup()
            self.now = 1.0

        def begin_epoch(self, phase: Any, epoch: int) -> None:
            self.now = 1.0 + (epoch > 1)

        def task_loss(self, batch: Any) -> torch.Tensor:
            return super().task_loss(batch) * self.now

    bench = make_bench(Scaled, epochs=3)
    _, loop = bench.start(0)
    steps = rehearsed(loop)
    graphs: list[list[Captured]] = []
    begin = steps.begin_epoch

    def begin_and_note() -> None:
        begin()
        graphs.append(list(steps.graphs.values()))

    steps.begin_epoch = begin_and_note  # type: ignore[method-assign]
    task_of(loop)
    assert [len(kept) for kept in graphs] == [0, 1, 0], (
        "kept for the second epoch, which changed nothing, and not for the third"
    )


def test_a_step_that_replaces_a_tensor_runs_eagerly_and_says_why(make_bench: Make) -> None:
    class Replacing(Strategy):
        """Keeps a mean in a new tensor every step."""

        def setup(self) -> None:
            super().setup()
            self.mean = torch.zeros(self.members)

        def after_step(self, batch: Any) -> None:
            self.mean = 0.9 * self.mean + batch.y.float().mean(1)

    _, loop = make_bench(Replacing).start(0, 1)
    steps = rehearsed(loop)
    task_of(loop)
    assert (
        steps.why
        == "a step replaces the tensor replacing.mean; write into it instead (copy_, add_, lerp_)"
    )
    assert not steps.graphs


class Clearing(Strategy):
    """Every fifth step it reads values, and begins to keep something."""

    def setup(self) -> None:
        super().setup()
        self.read: dict[str, torch.Tensor] = {}

    def eager_step(self) -> bool:
        return super().eager_step() or bool(self.completing(5))

    def after_step(self, batch: Any) -> None:
        super().after_step(batch)
        if members := self.completing(5):
            sums = self.net.parameters()[0].detach().flatten(1).sum(1)
            self.read.setdefault("sums", sums.clone()).copy_(sums)
            self.log("sums", sums, members)


def test_a_step_that_asks_for_it_runs_eagerly_between_steps_that_are_replayed(
    make_bench: Make,
) -> None:
    bench = make_bench(Clearing, epochs=4)
    plain, loop = bench.start(0, 1)
    task_of(loop)
    played, loop_played = bench.start(0, 1)
    steps = rehearsed(loop_played)
    task_of(loop_played)
    taken = plain.steps_taken
    assert steps.why is None, "the steps between are captured"
    assert 0 < steps.replayed <= taken.max() - taken.max() // 5
    for one, other in zip(plain.net.parameters(), played.net.parameters(), strict=True):
        assert torch.equal(one, other)
    curves = [run.session.measurements.curves["sums"] for run in (plain, played)]
    assert [curve.lengths.tolist() for curve in curves] == [(taken // 5).tolist()] * 2


def test_an_eager_step_that_changes_the_state_has_the_others_captured_anew(
    make_bench: Make,
) -> None:
    _, loop = make_bench(Clearing, epochs=4).start(0)
    steps = rehearsed(loop)
    forgotten: list[int] = []
    forget = steps.forget

    def note_and_forget() -> None:
        forgotten.append(int(loop.measurements.steps[0]))
        forget()

    steps.forget = note_and_forget  # type: ignore[method-assign]
    task_of(loop)
    assert 4 in forgotten, "the first of them makes a tensor"
    assert 9 not in forgotten, "the second writes into it"


def test_who_declares_that_nothing_can_be_captured(make_bench: Make, host: Host) -> None:
    class Declining(Strategy):
        """Cannot be captured."""

        capturable = False

    assert declared(make_bench(Strategy).start(0)[1].learner) is None
    assert (
        declared(make_bench(Declining).start(0)[1].learner)
        == "declining declares capturable = False"
    )
    foreign = make_bench(Strategy, optimizer={"torch.RMSprop": {"lr": 0.01}}).start(0)[1].learner
    assert declared(foreign) == "an optimiser of torch's own reads its rate on the host"


def test_the_gradients_of_a_graph_are_found_where_they_are_looked_for() -> None:
    weight = torch.ones(2, requires_grad=True)
    weight.grad = mine = torch.ones(2)
    made = Captured(None, torch.zeros(0), grads=[(weight, mine)])
    weight.grad = None
    made.publish()
    assert weight.grad is mine


def test_an_outline_sees_what_a_step_may_depend_on(make_bench: Make) -> None:
    strategy, loop = make_bench(Strategy, optimizer={"adam": {"lr": 0.01}}).start(0, 1)
    task_of(loop)
    before = Outline.of(strategy.session.learner.state())
    strategy.optimizer.set_lr(0.5)
    assert before.difference(Outline.of(strategy.session.learner.state())) is None, (
        "numbers in tensors may change"
    )
    strategy.net.parameters()[0].requires_grad_(False)
    assert "params" in str(before.difference(Outline.of(strategy.session.learner.state())))


# ------------------------------------------------------------------------------------------ on a
# GPU


@GPU
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("naive", {}),
        ("er", {}),
        ("online_ewc", {}),
        ("redo", {"tau": 0.5, "period": 10}),
        ("snr", {"eta": 0.3, "minimum": 10, "every": 6}),
    ],
)
def test_captured_steps_give_the_numbers_of_eager_ones(
    make_bench: Make, host: Host, name: str, options: dict[str, Any]
) -> None:
    bench = make_bench(host.get("strategy", name)(**options), epochs=3, schedule="cosine")
    records = [bench.run(0, 1, 2, device="cuda", graphs=graphs) for graphs in ("off", "on")]
    assert [record.graphs for record in records] == ["eager: switched off", "captured"]
    assert abs(records[0].loss - records[1].loss).max() < 1e-5


@GPU
def test_graphs_can_be_insisted_on(make_bench: Make) -> None:
    class Reading(Strategy):
        """Reads a value in a step."""

        def after_step(self, batch: Any) -> None:
            float(self.net.parameters()[0].detach().sum())

    bench = make_bench(Reading)
    with pytest.raises(
        StrategyError, match="graphs are on, and the step cannot be captured: the capture failed"
    ):
        bench.run(0, device="cuda", graphs="on")
    assert bench.run(0, device="cuda").graphs.startswith("eager: the capture failed")
