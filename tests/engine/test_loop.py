"""What is trained: samples, phases, rates, and what is reset between tasks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch, Phase, SoloStrategy, Strategy, Task
from clbench.engine.rates import schedule_factor
from clbench.testing.bench import first_difference, rows
from clbench_plugins.naive import Naive

from .recording import Recorder, batches, specs

# ---------------------------------------------------------------------------------------- samples
# and phases


def test_every_epoch_is_a_new_order_of_the_tasks_samples(make_bench: Any) -> None:
    bench = make_bench(Recorder, epochs=3, batch_size=10)
    bench.run(0, 1)
    for member in (0, 1):
        for t, task in enumerate(specs(bench, member)):
            count = math.ceil(len(task.train) / 10)
            found = batches(member, t)
            assert len(found) == 3 * count
            of_epoch = [found[e * count : (e + 1) * count] for e in range(3)]
            epochs = [list(itertools.chain.from_iterable(batches)) for batches in of_epoch]
            assert all(sorted(epoch) == sorted(task.train) for epoch in epochs)
            assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
            sizes = [len(batch) for batch in found[:count]]
            assert sizes == [10] * (len(task.train) // 10) + [
                rest for rest in [len(task.train) % 10] if rest
            ]


def test_steps_go_round_the_samples(make_bench: Any) -> None:
    bench = make_bench(Recorder, steps=13, batch_size=8)
    bench.run(0, 1)
    for member in (0, 1):
        for t, task in enumerate(specs(bench, member)):
            found = batches(member, t)
            assert [len(batch) for batch in found] == [8] * 13
            order = [i for batch in found for i in batch]
            assert sorted(order[: len(task.train)]) == sorted(task.train)
            assert sorted(order[len(task.train) : 2 * len(task.train)]) == sorted(task.train)


class Phased(Recorder):
    """Three phases: so many steps of small batches, so many epochs, and some on all tasks so
    far.
    """

    def phases(self, task: Task) -> Sequence[Phase]:
        return [
            Phase("steps", steps=3, batch_size=5),
            Phase("epochs", epochs=2),
            Phase("rest", data="seen", batch_size=64),
        ]


def test_phases(make_bench: Any) -> None:
    bench = make_bench(Phased, epochs=1)
    record = bench.run(0, 1)
    for member in (0, 1):
        for t, task in enumerate(specs(bench, member)):
            assert [len(batch) for batch in batches(member, t, "steps")] == [5, 5, 5]
            assert sorted(i for batch in batches(member, t, "epochs") for i in batch) == sorted(
                [*task.train] * 2
            )
            known = np.concatenate([spec.train for spec in specs(bench, member)[: t + 1]])
            assert sorted(i for batch in batches(member, t, "rest") for i in batch) == sorted(known)
    assert record.loss.shape == (2, 3)
    order = list(dict.fromkeys(name for _, task, name, *_ in Recorder.seen if task == 0))
    assert order == ["steps", "epochs", "rest"]


def test_the_loss_is_the_mean_over_a_tasks_steps(make_bench: Any) -> None:
    class Known(Strategy):
        """Losses that are known: the step of the task, times ten for member 1."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            self.step = torch.zeros(self.members)

        def observe(self, batch: Batch) -> Tensor:
            self.step += 1
            return self.step * torch.tensor([1.0, 10.0])

    bench = make_bench(Known, epochs=2)
    record = bench.run(0, 1)
    for member in (0, 1):
        for t, task in enumerate(specs(bench, member)):
            steps = 2 * math.ceil(len(task.train) / 8)
            assert record.loss[member, t] == (steps + 1) / 2 * (1, 10)[member]


def test_a_strategy_that_returns_no_loss_has_none(make_bench: Any) -> None:
    class Silent(Strategy):
        """Learns nothing."""

        def observe(self, batch: Batch) -> None:
            return None

    record = make_bench(Silent).run(0)
    assert np.isnan(record.loss).all()
    np.testing.assert_array_equal(record.accuracy[:, 0], record.accuracy[:, 3])


class ForgetsTraining(Naive):
    """Leaves the network in evaluation mode between epochs."""

    modes: ClassVar[list[bool]]

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        ForgetsTraining.modes = []
        self.net.eval()

    def observe(self, batch: Batch) -> Tensor | None:
        self.modes.append(self.net.training)
        return super().observe(batch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.net.eval()


class ForgetsTrainingAlone(SoloStrategy):
    """The same for one member."""

    modes: ClassVar[list[bool]]

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        ForgetsTrainingAlone.modes = []
        self.net.eval()

    def observe(self, batch: Batch) -> Tensor | None:
        self.modes.append(self.net.training)
        return super().observe(batch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.net.eval()


@pytest.mark.parametrize("strategy", [ForgetsTraining, ForgetsTrainingAlone])
def test_every_epoch_begins_in_training_mode(make_bench: Any, strategy: Any) -> None:
    make_bench(strategy, tasks=2, epochs=3).run(0)
    assert len(strategy.modes) > 3
    assert all(strategy.modes)


@pytest.mark.parametrize("solo", [False, True])
def test_batch_norm_is_not_shown_a_single_sample(make_bench: Any, solo: bool) -> None:
    class Alone(SoloStrategy):
        """Plain."""

    bench = make_bench(
        Alone if solo else Recorder, model={"mlp": {"hidden": [6], "norm": "batch"}}, batch_size=11
    )
    sizes = [len(task.train) % 11 for seed in range(8) for task in specs(bench, seed)]
    seed = sizes.index(1) // 3
    bench.run(seed, 0)
    if not solo:
        assert min(len(index) for *_, index, _ in Recorder.seen) > 1


# ---------------------------------------------------------------------------------------- rates,
# clipping, resets


def test_schedule_factors() -> None:
    assert [schedule_factor("cosine", p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.5, 0.0])
    milestones = {"milestones": {"at": [0.5, 0.75], "factor": 0.1}}
    assert [
        schedule_factor(milestones, p) for p in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)
    ] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize("optimizer", ["sgd", "torch.SGD"])
@pytest.mark.parametrize("schedule", ["cosine", {"milestones": {"at": [0.5], "factor": 0.2}}])
def test_the_rate_follows_each_members_own_progress(
    make_bench: Any, optimizer: str, schedule: Any
) -> None:
    bench = make_bench(Recorder, epochs=2, schedule=schedule, optimizer={optimizer: {"lr": 0.3}})
    record = bench.run(0, 1)
    steps = []
    for member in (0, 1):
        sizes = [len(task.train) for task in specs(bench, member)]
        steps.append([2 * math.ceil(size / 8) for size in sizes])
    for member in (0, 1):
        alone = bench.run(member)
        wanted = [0.3 * schedule_factor(schedule, k / n) for n in steps[member] for k in range(n)]
        assert [rate for (rate,) in Recorder.rates] == pytest.approx(wanted, rel=1e-6)
        assert first_difference(rows(alone, member), rows(record, member)) is None


class Momentous(Recorder):
    """Notes the largest moment at the start of each task."""

    moments: ClassVar[list[float]] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.moments.append(
            max(
                float(m.abs().max()) for slot in self.optimizer.slots.values() for m in slot.moments
            )
        )


@pytest.mark.parametrize(("reset", "kept"), [("never", True), ("task", False)])
def test_moments_are_kept_or_forgotten(make_bench: Any, reset: str, kept: bool) -> None:
    Momentous.moments.clear()
    make_bench(Momentous, optimizer={"adam": {"lr": 0.01}}, optimizer_reset=reset).run(0, 1)
    assert [moment > 0 for moment in Momentous.moments] == [False, kept, kept]


class HeadWatch(Strategy):
    """Notes the head at the start of each task."""

    heads: ClassVar[list[Tensor]] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.heads.append(self.net.part("head").parameters()[0].detach().clone())


class SoloHeadWatch(SoloStrategy):
    """The same for one member."""

    def begin_task(self, task: Task) -> None:
        HeadWatch.heads.append(self.net.head.weight.detach().clone()[None])


@pytest.mark.parametrize("strategy", [HeadWatch, SoloHeadWatch])
def test_the_head_is_kept_zeroed_or_drawn_anew(make_bench: Any, strategy: type) -> None:
    found = {}
    for reset in ("never", "zero", "init"):
        HeadWatch.heads.clear()
        found[reset] = (
            make_bench(strategy, head_reset=reset).run(0),
            [head[0] for head in HeadWatch.heads],
        )
    (never, kept), (zero, zeroed), (init, drawn) = found.values()
    assert torch.equal(kept[0], zeroed[0])
    assert torch.equal(kept[0], drawn[0])
    assert [bool(head.any()) for head in zeroed] == [True, False, False]
    assert all(head.abs().max() <= 1 / math.sqrt(12) for head in drawn)
    assert not torch.equal(drawn[1], drawn[2])
    assert any(head.abs().max() > 1 / math.sqrt(12) for head in kept[1:])
    assert (
        zero.accuracy_before[0, 1] != never.accuracy_before[0, 1]
        or zero.accuracy_before[0, 2] != never.accuracy_before[0, 2]
    )
    assert not np.array_equal(init.accuracy, never.accuracy)


def test_a_solo_head_is_drawn_as_a_stacks(make_bench: Any) -> None:
    heads = []
    for strategy in (HeadWatch, SoloHeadWatch):
        HeadWatch.heads.clear()
        make_bench(strategy, head_reset="init").run(4)
        heads.append([head[0] for head in HeadWatch.heads])
    for one, other in zip(*heads, strict=True):
        assert torch.equal(one, other)


def test_a_zeroed_head_is_measured_before_it_is_trained(make_bench: Any) -> None:
    """All logits are equal then, and the first output wins."""
    bench = make_bench(Naive, head_reset="zero")
    record = bench.run(0)
    for t, task in enumerate(specs(bench, 0)[1:], start=1):
        assert record.accuracy_before[0, t] == (bench.arrays.y_test[task.test] == 0).mean()


def test_gradients_are_clipped_member_by_member(make_bench: Any) -> None:
    class Clipped(Strategy):
        """Notes how far each step goes."""

        def adjust_gradients(self, batch: Batch) -> None:
            self.before = [p.detach().clone() for p in self.net.parameters()]

        def after_step(self, batch: Batch) -> None:
            moved = sum(
                (p.detach() - b).flatten(1).square().sum(1)
                for p, b in zip(self.net.parameters(), self.before, strict=True)
            )
            self.log("moved", moved.sqrt())

    record = make_bench(Clipped, clip=0.2, optimizer={"sgd": {"lr": 0.5}}).run(0, 1)
    moved = record.curves["moved"]
    assert np.nanmax(moved) == pytest.approx(0.5 * 0.2, rel=1e-3)
    assert (
        np.nanmax(make_bench(Clipped, optimizer={"sgd": {"lr": 0.5}}).run(0).curves["moved"]) > 0.2
    )
