"""Who takes part: agents that stopped early or diverged, what hooks see of them, and averages over
the others.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import (
    Arrays,
    Batch,
    Layout,
    Phase,
    Scenario,
    SoloStrategy,
    Stack,
    Strategy,
    Stream,
    Task,
)
from clbench.engine.loop import Loop
from clbench.errors import StopRequested, StrategyError
from clbench.host import Host
from clbench.options import name_of
from clbench.stack import Stateful, Suspension
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, first_difference, rows


class Thirds(Scenario):
    """Two tasks of two classes; each of three agents has another number of each task's samples."""

    def layout(self, arrays: Arrays) -> Layout:
        return Layout(arrays.classes, 2, "class", arrays.input_shape, agents=3)

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        tasks = []
        for index in range(2):
            labels = np.full(arrays.classes, -1)
            labels[2 * index : 2 * index + 2] = 2 * index, 2 * index + 1
            classes = np.array([2 * index, 2 * index + 1])
            task = self.task(arrays, seed, agent, index, validation, classes=classes, labels=labels)
            tasks.append(task)
        return Stream(tuple(tasks))


class Averaged(Strategy):
    """The mean of the agents' weights after every epoch, and a note of what the hooks saw."""

    def setup(self) -> None:
        super().setup()
        self.seen: list[Tensor] = []
        self.told: list[Tensor] = []

    @torch.no_grad()
    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.seen.append(self.net.parameters()[0].detach().clone())
        self.told.append(self.active.clone())
        for value in self.net.parameters():
            self.by_agent(value).copy_(self.agent_mean(value).unsqueeze(1))


class Alone(Strategy):
    """No averages."""


def make(strategy: Any, host: Host, tiny: Arrays, scenario: Any = Thirds, **protocol: Any) -> Bench:
    standard = {
        "model": {"mlp": {"hidden": [6]}},
        "batch_size": 8,
        "epochs": 3,
        "optimizer": {"adam": {"lr": 0.01}},
    }
    bench = Bench(
        strategy,
        host,
        Choice(name_of(scenario), {"dataset": "digits"}),
        {**standard, **protocol},
        own_scenario=scenario,
    )
    bench.arrays = tiny
    return bench


def stop_after_an_epoch(loop: Loop, members: set[int]) -> None:
    """These members' phase is over after its first epoch."""

    def reached(task: Any, taking: Any) -> set[int]:
        return members if loop.cursor.epoch == 0 else set()

    loop.observation.reached = reached  # type: ignore[method-assign]


def test_a_hook_sees_the_weights_of_an_agent_that_stopped_early_as_they_are(
    host: Host, tiny: Arrays
) -> None:
    strategy, loop = make(Averaged, host, tiny).start(0)
    stop_after_an_epoch(loop, {1})
    loop.task(strategy.session.streams.tasks[0])
    assert [told.tolist() for told in strategy.told] == [
        [True, True, True],
        [True, False, True],
        [True, False, True],
    ]
    stopped = strategy.net.parameters()[0].detach()[1]
    assert torch.equal(strategy.seen[1][1], stopped)
    assert torch.equal(strategy.seen[2][1], stopped)
    assert not torch.equal(strategy.seen[1][0], strategy.seen[2][0])


def test_an_average_leaves_out_an_agent_that_stopped_early(host: Host, tiny: Arrays) -> None:
    strategy, loop = make(Averaged, host, tiny).start(0)
    stop_after_an_epoch(loop, {1})
    loop.task(strategy.session.streams.tasks[0])
    first, stopped, last = strategy.net.parameters()[0].detach()
    assert torch.equal(first, last)
    assert not torch.equal(first, stopped)
    assert torch.equal(first, (strategy.seen[2][0] + strategy.seen[2][2]) / 2)


@pytest.mark.parametrize("when", ["before the task", "in its last step"])
def test_a_diverged_agent_does_not_move_the_others(host: Host, tiny: Arrays, when: str) -> None:
    poisoned: set[int] = {1, 2}

    class Poisoned(Averaged):
        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            if when == "in its last step":
                with torch.no_grad():
                    self.net.parameters()[0][list(poisoned)] = torch.nan

    def trained(strategy: Any) -> Tensor:
        running, loop = make(strategy, host, tiny, epochs=1, batch_size=64).start(0)
        if when == "before the task" and strategy is Poisoned:
            with torch.no_grad():
                running.net.parameters()[0][list(poisoned)] = torch.nan
        loop.task(running.session.streams.tasks[0])
        if strategy is Poisoned:
            assert running.session.measurements.running == [0]
        return running.net.parameters()[0].detach()[0].clone()

    assert torch.equal(trained(Poisoned), trained(Alone))


def test_what_a_hook_writes_to_a_stopped_agent_is_lost_and_end_task_is_for_all(
    host: Host, tiny: Arrays
) -> None:
    class Shouting(Strategy):
        def setup(self) -> None:
            super().setup()
            self.heard = torch.zeros(self.members)

        def end_epoch(self, phase: Phase, epoch: int) -> None:
            super().end_epoch(phase, epoch)
            self.heard += 1

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            assert self.active.all()
            self.before = self.heard.clone()
            self.heard += 10

    strategy, loop = make(Shouting, host, tiny).start(0)
    stop_after_an_epoch(loop, {1})
    loop.task(strategy.session.streams.tasks[0])
    assert strategy.before.tolist() == [3, 1, 3]
    assert strategy.heard.tolist() == [13, 11, 13]


@pytest.mark.parametrize("leave_after", [5, 9, 14])
def test_agents_with_early_stopping_go_on_after_a_kill_as_if_nothing_had_been(
    host: Host, tiny: Arrays, tmp_path: Path, leave_after: int
) -> None:
    given: dict[str, Any] = {"validation": 0.3, "stop_at": 0.7, "epochs": 5}
    whole = make(Averaged, host, tiny, **given).run(0, 1)
    bench, checkpoint = make(Averaged, host, tiny, **given), tmp_path / "job.ckpt"
    with pytest.raises(StopRequested):
        bench.run(0, 1, checkpoint=checkpoint, leave_after=leave_after)
    resumed = bench.run(0, 1, checkpoint=checkpoint)
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(resumed, seed)) is None
        alone = make(Averaged, host, tiny, **given).run(seed)
        assert first_difference(rows(whole, seed), rows(alone, seed)) is None


def test_a_mean_over_agents_is_weighted_and_skips_who_is_out(host: Host, tiny: Arrays) -> None:
    strategy, loop = make(Alone, host, tiny).start(0, 1)
    value = torch.tensor([1.0, 2.0, 6.0, 1.0, torch.inf, 3.0])
    assert strategy.agent_mean(value).tolist() == [3.0, 2.0]
    weights = torch.tensor([1.0, 1.0, 2.0, 3.0, 1.0, 1.0])
    assert strategy.agent_mean(value, weights).tolist() == [15.0 / 4, 1.5]
    loop.participation.set_active([1, 2])
    assert strategy.active.tolist() == [False, True, True, False, False, False]
    table = value[:, None].expand(6, 2)
    assert strategy.agent_mean(table).tolist() == [[4.0, 4.0], [0.0, 0.0]]


class Codebook(Stateful):
    """A table of its own for each member, and one that members share."""

    shared_state: ClassVar[frozenset[str]] = frozenset({"codes"})

    def __init__(self) -> None:
        self.mine, self.codes = torch.zeros(3), torch.zeros(3)


def test_a_table_declared_as_shared_is_nobodys_row() -> None:
    state = Codebook()
    suspension = Suspension(state, 3)
    suspension.set_active({0})
    state.mine += 1
    state.codes += 1
    suspension.set_active({0, 1, 2})
    assert state.mine.tolist() == [1, 0, 0]
    assert state.codes.tolist() == [1, 1, 1]


def test_a_table_that_grew_while_a_member_sat_out_is_an_error_in_words() -> None:
    state = Codebook()
    suspension = Suspension(state, 3)
    suspension.set_active({0})
    state.mine = torch.zeros(3, 2)
    suspension.show_kept()
    with pytest.raises(StrategyError, match="begin_task or end_task"):
        suspension.set_active({0, 1, 2})


class Apart(Thirds):
    """The same tasks, where every agent begins by itself."""

    def layout(self, arrays: Arrays) -> Layout:
        return replace(super().layout(arrays), same_start=False)


class AloneSolo(SoloStrategy):
    """No averages, a member at a time."""


def weights(strategy: Any) -> list[Tensor]:
    return [p.detach() for p in strategy.net.parameters()]


def agents_are_alike(values: list[Tensor]) -> list[bool]:
    """For each parameter, whether its three rows of a seed are equal."""
    return [torch.equal(value[3:4].expand(3, *value.shape[1:]), value[3:6]) for value in values]


class OwnNetwork(SoloStrategy):
    """Builds a module of its own from torch's global generator, and draws from it in every task."""

    def setup(self) -> None:
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))  # type: ignore[misc]
        self.optimizer = self.make_optimizer(list(self.net.parameters()))  # type: ignore[misc]
        self.drawn: list[float] = []

    def begin_task(self, task: Task) -> None:
        self.drawn.append(float(torch.rand(1)))


@pytest.mark.parametrize("kind", [Alone, AloneSolo, OwnNetwork])
def test_agents_of_a_seed_begin_with_the_same_weights(host: Host, tiny: Arrays, kind: Any) -> None:
    strategy, _ = make(kind, host, tiny).start(0, 1)
    values = weights(strategy)
    assert all(agents_are_alike(values))
    assert not any(torch.equal(value[0], value[3]) for value in values)
    single, _ = make(kind, host, tiny).start(1)
    assert all(
        torch.equal(value[3:], own) for value, own in zip(values, weights(single), strict=True)
    )


def test_agents_that_begin_alike_draw_apart_afterwards(host: Host, tiny: Arrays) -> None:
    strategy, loop = make(OwnNetwork, host, tiny).start(0, 1)
    loop.task(strategy.session.streams.tasks[0])
    drawn = [solo.drawn for solo in strategy.solos]
    assert len({numbers[0] for numbers in drawn}) == len(drawn) == 6


@pytest.mark.parametrize("kind", [Alone, AloneSolo, OwnNetwork])
def test_a_scenario_may_let_every_agent_begin_by_itself(
    host: Host, tiny: Arrays, kind: Any
) -> None:
    strategy, _ = make(kind, host, tiny, scenario=Apart).start(0, 1)
    assert not any(agents_are_alike(weights(strategy)))


@pytest.mark.parametrize("kind", [Alone, AloneSolo])
def test_a_head_that_is_drawn_again_is_alike_for_the_agents_of_a_seed(
    host: Host, tiny: Arrays, kind: Any
) -> None:
    strategy, loop = make(kind, host, tiny, head_reset="init").start(0, 1)
    tasks = strategy.session.streams.tasks
    loop.task(tasks[0])
    assert not any(agents_are_alike(weights(strategy)))
    loop.reset(tasks[1])
    assert agents_are_alike(weights(strategy)) == [False, False, True, True]


def test_agents_that_begin_alike_have_dropout_of_their_own() -> None:
    def factory() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 40), nn.Dropout(0.5))

    net = Stack(factory, [(0, 0), (0, 1)], starts=[(0, 0), (0, 0)])
    x = torch.ones(2, 3, 4)
    one, other = net(x)
    assert not torch.equal(one, other)
    one, other = net.eval()(x)
    assert torch.equal(one, other)


def test_other_networks_of_agents_begin_alike_too(host: Host, tiny: Arrays) -> None:
    strategy, _ = make(Alone, host, tiny).start(0, 1)
    assert all(agents_are_alike(strategy.stack(lambda: nn.Linear(3, 2), "own").parameters()))
