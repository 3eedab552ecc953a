"""The hooks in their order, what a strategy is given, and its state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch, Layout, Phase, SoloStrategy, Strategy, Task
from clbench.engine.hooks import HOOKS
from clbench.engine.session import ScenarioView
from clbench.errors import StrategyError

CALLS: list[str] = []


def noting(base: type) -> type:
    """A strategy that notes every hook it is called by, and changes nothing."""

    def make(name: str) -> Any:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            CALLS.append(name)
            return getattr(super(made, self), name)(*args, **kwargs)

        return method

    made: type = type(
        "Noting", (base,), {"__doc__": "Notes.", **{name: make(name) for name in HOOKS}}
    )
    return made


class WithPenalty(Strategy):
    """A penalty that has gradients."""

    def penalty(self) -> Tensor:
        return super().penalty() + torch.stack(
            [p.square().flatten(1).sum(1) for p in self.net.parameters()]
        ).sum(0)


class SoloWithPenalty(SoloStrategy):
    """The same for one member."""

    def penalty(self) -> Tensor:
        return sum(p.square().sum() for p in self.net.parameters())  # type: ignore[return-value]


STEP = ["observe", "task_loss", "training_logits", "data_gradients", "penalty"]


STEP += ["adjust_gradients", "adjust_updates", "after_step"]


@pytest.mark.parametrize("base", [WithPenalty, SoloWithPenalty])
def test_hooks_are_called_in_the_order_of_the_contract(make_bench: Any, base: type) -> None:
    CALLS.clear()
    bench = make_bench(noting(base), tasks=2, epochs=2, batch_size=20)
    bench.run(0)
    hooks = [name for name in CALLS if name not in ("begin_evaluation", "predict")]
    sizes = [
        len(task.train)
        for task in bench.host.get("scenario", "split")(**bench.cell.scenario.options)
        .stream(bench.arrays, 0, 0, 0.0)
        .tasks
    ]
    wanted = ["setup"]
    for size in sizes:
        epoch = ["begin_epoch", *STEP * -(-size // 20), "end_epoch"]
        wanted += ["begin_task", "phases", "begin_phase", *epoch * 2, "end_task"]
    assert hooks == wanted
    # The untrained row comes before the first task.
    assert CALLS[1:3] == ["begin_evaluation", "predict"]
    assert CALLS[-1] == "predict"


class Watching(Strategy):
    """Sees which gradients are at hand in which hook."""

    def task_loss(self, batch: Batch) -> Tensor:
        assert all(p.grad is None for p in self.net.parameters())
        return super().task_loss(batch)

    def penalty(self) -> Tensor:
        return super().penalty() + 3.0 * torch.stack(
            [p.flatten(1).sum(1) for p in self.net.parameters()]
        ).sum(0)

    def data_gradients(self, batch: Batch) -> None:
        self.of_data = [p.grad.clone() for p in self.net.parameters()]
        self.before = [p.detach().clone() for p in self.net.parameters()]

    def adjust_gradients(self, batch: Batch) -> None:
        for p, data in zip(self.net.parameters(), self.of_data, strict=True):
            torch.testing.assert_close(p.grad, data + 3.0)
            p.grad.fill_(2.0)

    def after_step(self, batch: Batch) -> None:
        for p, before in zip(self.net.parameters(), self.before, strict=True):
            torch.testing.assert_close(p.detach(), before - 0.1 * 2.0)


def test_which_gradients_are_at_hand(make_bench: Any) -> None:
    assert make_bench(Watching, tasks=1).run(0, 1).status == "done"


def test_a_penalty_without_gradients_is_left_alone(make_bench: Any) -> None:
    class Constant(Strategy):
        """A number a member."""

        def penalty(self) -> Tensor:
            return super().penalty() + 5.0

    plain = make_bench(noting(Strategy), tasks=1).run(0)
    np.testing.assert_array_equal(make_bench(Constant, tasks=1).run(0).accuracy, plain.accuracy)


# ---------------------------------------------------------------------------------------- what a
# strategy is given


class Curious(Strategy):
    """Looks at everything it is given."""

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        assert (task.index, self.task) == (self.session.streams.tasks.index(task), task)
        assert task.classes.shape == (self.members, 2)
        self.log("begun", torch.arange(self.members) + 10.0 * task.index)
        self.log("pairs", torch.ones(self.members, 2))

    def phases(self, task: Task) -> Sequence[Phase]:
        return [Phase("short", steps=2, batch_size=3), Phase("long", epochs=1)]

    def observe(self, batch: Batch) -> Tensor | None:
        assert batch.task is self.task
        assert batch.x.shape[:2] == batch.y.shape == batch.index.shape == batch.tasks.shape
        if self.phase.name == "short":
            assert batch.size == 3
        self.log("size", torch.full((self.members,), float(batch.size)))
        self.log("noise", self.rng("mine").uniform(1)[:, 0])
        return super().observe(batch)


def test_what_a_strategy_is_given_and_logs(make_bench: Any) -> None:
    record = make_bench(Curious).run(0, 1)
    assert record.curves["begun"].tolist() == [[0.0, 10.0, 20.0], [1.0, 11.0, 21.0]]
    assert record.curves["pairs"].shape == (2, 3, 2)
    sizes = record.curves["size"][0]
    assert sizes[:2].tolist() == [3, 3]
    assert np.nansum(record.curves["size"]) == 2 * (
        120 + 3 * 6
    )  # every sample once, and six steps of three
    noise = record.curves["noise"]
    assert not np.isin(noise[0], noise[1]).any()
    assert len(np.unique(noise[~np.isnan(noise)])) == (~np.isnan(noise)).sum()


def test_the_view_of_the_scenario_and_the_protocol(make_bench: Any) -> None:
    strategy, _ = make_bench(Strategy, tasks=2, batch_size=7, clip=1.5).start(0, 1, 2)
    assert strategy.scenario == ScenarioView(6, (1, 4, 4), 2, "class", 1)
    assert (strategy.members, strategy.protocol.batch_size, strategy.optimizer.clip) == (3, 7, 1.5)
    assert strategy.part_name == "strategy"


def test_a_strategy_is_told_which_tasks_agents_share() -> None:
    layout = Layout(6, 3, "class", (1, 4, 4), agents=2, shared_tasks=1)
    assert ScenarioView.of(layout) == ScenarioView(
        6, (1, 4, 4), 3, "class", agents=2, shared_tasks=1
    )


def test_by_agent_views_members_as_seeds_and_agents(make_bench: Any) -> None:
    strategy, _ = make_bench(Strategy).start(0, 1, 2, 3)
    strategy.session.scenario = ScenarioView(6, (1, 4, 4), 3, "class", agents=2)
    values = torch.arange(12.0).reshape(4, 3)
    seen = strategy.by_agent(values)
    assert seen.tolist() == [values[:2].tolist(), values[2:].tolist()]
    seen[0, 1] = 0
    assert not values[1].any()


def test_another_stack_of_the_jobs_members(make_bench: Any) -> None:
    strategy, _ = make_bench(Strategy).start(3, 5)
    net = strategy.stack(lambda: torch.nn.Linear(2, 2), "second")
    again = strategy.stack(lambda: torch.nn.Linear(2, 2), "second")
    other = strategy.stack(lambda: torch.nn.Linear(2, 2), "third")
    assert net.seeds == ((3, 0), (5, 0))
    assert torch.equal(net.parameters()[0], again.parameters()[0])
    assert not torch.equal(net.parameters()[0], other.parameters()[0])


def test_streams_of_noise_belong_to_the_part() -> None:
    class One(Strategy):
        """One."""

    class Two(Strategy):
        """Two."""

    asked = []

    class Session:
        def rng(self, name: str) -> None:
            asked.append(name)

    for cls in (One, Two):
        part = cls()
        part.session = Session()  # type: ignore[misc, assignment]
        part.rng("labels")
    assert asked == ["one/labels", "two/labels"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (1.0, "was given float"),
        (torch.ones(()), r"was given \[\]"),
        (torch.ones(3), r"was given \[3\]; .* \[2, ...\], is wanted"),
    ],
)
def test_logging_what_is_not_one_row_a_member_is_named(
    make_bench: Any, value: Any, sentence: str
) -> None:
    strategy, _ = make_bench(Strategy).start(0, 1)
    with pytest.raises(StrategyError, match=f"'mine' {sentence}"):
        strategy.log("mine", value)


def test_logging_numbers_after_vectors_is_named(make_bench: Any) -> None:
    strategy, _ = make_bench(Strategy).start(0, 1)
    strategy.log("mine", torch.ones(2, 3))
    with pytest.raises(
        StrategyError, match="'mine' was given values of 0 dimensions a member after some of 1"
    ):
        strategy.log("mine", torch.ones(2))


class Lengthening(Strategy):
    """Logs a longer vector after every task."""

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.log("growing", torch.ones(self.members, task.index + 1))


def test_curves_of_growing_vectors_are_filled_up(make_bench: Any) -> None:
    curve = make_bench(Lengthening).run(0, 1).curves["growing"]
    nan = float("nan")
    np.testing.assert_array_equal(curve, [[[1, nan, nan], [1, 1, nan], [1, 1, 1]]] * 2)


# ---------------------------------------------------------------------------------------- state


class Counting(Strategy):
    """Carries a number, a string, and a list."""

    rate: float = 0.5

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.kept = [*getattr(self, "kept", []), f"task {task.index}"]
        self.where = task


def test_state_goes_through_state_dict(make_bench: Any) -> None:
    bench = make_bench(Counting)
    (one, loop), (other, _) = bench.start(0, 1), bench.start(0, 1)
    for task in one.session.streams.tasks[:2]:
        loop.task(task)
    other.load_state_dict(one.state_dict())
    assert other.kept == ["task 0", "task 1"]  # type: ignore[attr-defined]
    assert other.where is other.session.streams.tasks[1]  # type: ignore[attr-defined]
    for a, b in zip(one.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(a, b)
    assert "rate" not in one.held()


class Parts(Strategy):
    """Gives what a test asks for, from the hooks of a step."""

    how: str = "mean"  # what goes wrong, and where

    def task_loss(self, batch: Batch) -> Any:
        loss = super().task_loss(batch)
        return {"mean": loss.mean(), "none": None}.get(self.how, loss)

    def penalty(self) -> Any:
        return {"wide": torch.zeros(7), "number": 0.0}.get(self.how, super().penalty())


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("mean", r"parts.task_loss returned \[\]; one value a member, \[2\], is wanted"),
        ("none", r"parts.task_loss returned NoneType"),
        ("wide", r"parts.penalty returned \[7\]"),
        ("number", r"parts.penalty returned float"),
    ],
)
def test_what_is_not_one_value_a_member_is_named(make_bench: Any, how: str, sentence: str) -> None:
    with pytest.raises(StrategyError, match=sentence):
        make_bench(Parts(how=how)).run(0, 1)
