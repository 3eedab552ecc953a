"""`restore: best`: at a task's end members get the weights back that were best on held-out data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Phase, SoloStrategy, Strategy, Task
from clbench.engine.evaluate import accuracy
from clbench.errors import StrategyError
from clbench.host import Host
from clbench.suite.resolving import resolve_protocol
from clbench.testing.bench import first_difference, rows

RESTORE: dict[str, Any] = {
    "restore": "best",
    "validation": 0.3,
    "epochs": 6,
    "model": {"mlp": {"hidden": [8], "norm": "batch", "dropout": 0.3}},
    "optimizer": {"sgd": {"lr": 0.6, "momentum": 0.9}},
}


class Naive(Strategy):
    """Plain training."""


def now(strategy: Strategy) -> dict[str, Tensor]:
    """Weights and buffers as they are."""
    net = strategy.net
    every = net.named_parameters() | net.named_buffers()
    return {name: value.detach().clone() for name, value in every.items()}


class Recorder(Strategy):
    """Writes down each epoch's accuracy on what was held out, and the weights."""

    pooled = False  # over the tasks so far
    epochs: ClassVar[list[tuple[Tensor, dict[str, Tensor], list[int]]]] = []
    ends: ClassVar[list[tuple[list[Any], dict[str, Tensor]]]] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if task.index == 0:
            Recorder.ends = []
        Recorder.epochs = []

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        streams = self.task.streams
        tasks = range(self.task.index + 1) if self.pooled else [self.task.index]
        sizes = torch.tensor([streams.sizes(index, "validation") for index in tasks])
        shares = [
            accuracy(self.session.learner, streams.tasks[index], "validation")[0] for index in tasks
        ]
        held = (torch.stack(shares) * sizes).sum(0) / sizes.sum(0)
        Recorder.epochs.append((held, now(self), list(self.session.active)))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        Recorder.ends.append((Recorder.epochs, now(self)))


class Pooled(Recorder):
    """The same, trained on the tasks so far."""

    pooled = True

    def phases(self, task: Task) -> list[Phase]:
        return [Phase(data="seen")]


def best_epochs(member: int) -> Iterator[tuple[int, dict[str, Tensor], dict[str, Tensor]]]:
    """By task: the first of the best epochs (from 1), its weights, and those at the task's end."""
    for epochs, at_end in Recorder.ends:
        own = [(held[member], weights) for held, weights, active in epochs if member in active]
        number = int(np.argmax([float(held) for held, _ in own]))
        yield number + 1, own[number][1], at_end


@pytest.mark.parametrize("kind", [Recorder, Pooled])
@pytest.mark.parametrize("stop", [{}, {"stop_at": 0.85}])
def test_members_get_the_weights_of_their_best_epoch_back(
    make_bench: Any, kind: Any, stop: dict[str, Any]
) -> None:
    """Each its own epoch, whoever ends earlier; buffers as well."""
    record = make_bench(kind, **RESTORE, **stop).run(0, 1, 2)
    numbers, lasts = set(), set()
    for member in range(3):
        for task, (number, best, at_end) in enumerate(best_epochs(member)):
            assert record.curves["restored_epoch"][member, task] == number
            for name, value in best.items():
                assert torch.equal(at_end[name][member], value[member]), name
            numbers.add(number)
            lasts.add(number == len(Recorder.ends[task][0]))
    assert len(numbers) > 1
    assert False in lasts  # some were better before the last epoch


def test_the_restored_weights_are_what_is_tested_and_trained_on(make_bench: Any) -> None:
    """With `never` the same run ends, and goes on, with the last epoch's."""
    best, last = (make_bench(Naive, **{**RESTORE, "restore": how}) for how in ("best", "never"))
    one, other = best.run(0, 1, 2), last.run(0, 1, 2)
    np.testing.assert_array_equal(one.loss[:, 0], other.loss[:, 0])
    assert (one.loss[:, 1] != other.loss[:, 1]).any()
    assert (one.accuracy[:, 1] != other.accuracy[:, 1]).any()
    assert "restored_epoch" not in other.curves


def test_of_equal_epochs_the_earlier_is_kept(make_bench: Any) -> None:
    """With a rate that moves nothing every epoch is as good as the first."""
    still = {"optimizer": {"sgd": {"lr": 1e-12}}, "model": {"mlp": {"hidden": [8]}}}
    bench = make_bench(Naive, **{**RESTORE, **still})
    assert (bench.run(0, 1).curves["restored_epoch"] == 1).all()


@pytest.mark.parametrize("stop", [{}, {"stop_at": 0.85}, {"stop_at": {"train": 0.7}}])
def test_a_member_is_restored_as_it_would_be_alone(make_bench: Any, stop: dict[str, Any]) -> None:
    bench = make_bench(Naive, **RESTORE, **stop)
    together = bench.run(0, 1, 2)
    for seed in range(3):
        assert first_difference(rows(bench.run(seed), seed), rows(together, seed)) is None


class Solo(SoloStrategy):
    """Plain training of one network."""

    ends: ClassVar[dict[int, list[Any]]] = {}

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.seen: list[Tensor] = []

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.seen.append(torch.cat([p.detach().flatten() for p in self.net.parameters()]))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        whole = torch.cat([p.detach().flatten() for p in self.net.parameters()])
        same = [number for number, seen in enumerate(self.seen, 1) if torch.equal(seen, whole)]
        Solo.ends.setdefault(self.row, []).append(same)


def test_the_networks_of_a_solo_strategy_are_restored(make_bench: Any) -> None:
    Solo.ends = {}
    record = make_bench(Solo, **RESTORE, stop_at=0.9).run(0, 1, 2)
    told = record.curves["restored_epoch"]
    for row, tasks in Solo.ends.items():
        assert [[number] for number in told[row].tolist()] == tasks
    assert len(np.unique(told)) > 1


class Networkless(Strategy):
    """Has no network."""

    def setup(self) -> None:
        """Builds nothing."""


def test_a_method_without_a_network_is_refused(make_bench: Any) -> None:
    with pytest.raises(StrategyError, match=r"networkless has no network .*restore: never"):
        make_bench(Networkless, **RESTORE).run(0)


class Unlabelled(Strategy):
    """Its second phase says nothing about accuracy, and spoils it."""

    def phases(self, task: Task) -> list[Phase]:
        spoiling = Phase("spoil", epochs=2, lr=50.0, stop=False)
        return [*super().phases(task), spoiling]


def test_epochs_whose_accuracy_says_nothing_are_not_looked_at(make_bench: Any) -> None:
    record = make_bench(Unlabelled, **{**RESTORE, "epochs": 2, "clip": 1.0}).run(0, 1)
    assert record.curves["restored_epoch"].max() <= 2


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        ({"restore": "best"}, "needs validation data; give `validation: 0.1`"),
        ({"restore": "best", "validation": 0.1, "steps": 9}, "after each epoch.*give `epochs`"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(protocol: dict[str, Any], sentence: str) -> None:
    _, issues = resolve_protocol(protocol, Host.load())
    (((key,), text),) = issues
    assert key == "restore"
    assert re.search(sentence, text)


def test_cells_that_restore_nothing_keep_the_keys_they_had(make_bench: Any) -> None:
    """Records from before the key existed are not measured again."""
    plain, best = make_bench(Naive).cell, make_bench(Naive, **RESTORE).cell
    assert "restore" not in plain.content("", {})["protocol"]
    assert best.content("", {})["protocol"]["restore"] == "best"
    assert plain.protocol["restore"] == "never"
