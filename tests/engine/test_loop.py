"""What is trained, when it is evaluated, and what happens to members that stop early or break."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import Batch, Phase, ProbeMetric, SoloStrategy, Strategy, Task
from clbench.engine import Settings, run_cell
from clbench.engine.rates import schedule_factor
from clbench.errors import PluginError, StrategyError
from clbench.metrics.arithmetic import matrix_of
from clbench.testing.bench import first_difference, rows
from clbench_plugins.joint import Cumulative, Joint
from clbench_plugins.naive import Naive


class Recorder(Strategy):
    """Trains as `naive` does and notes what it sees, member by member."""

    seen: ClassVar[
        list[tuple[int, int, str, list[int], list[int]]]
    ]  # member, task, phase, samples, their tasks
    weights: ClassVar[list[list[dict[str, Tensor]]]]  # after each task
    rates: ClassVar[list[list[float]]]
    epochs: ClassVar[list[tuple[int, list[int]]]]

    def setup(self) -> None:
        super().setup()
        for name in ("seen", "weights", "rates", "epochs"):
            setattr(Recorder, name, [])
        self._keep()

    def of_member(self, r: int) -> dict[str, Tensor]:
        """A copy of its parameters."""
        return {name: value[r].detach().clone() for name, value in self.net.params.items()}

    def _keep(self) -> None:
        self.weights.append([self.of_member(r) for r in range(self.members)])

    def observe(self, batch: Batch) -> Tensor | None:
        for r in self.session.active:
            self.seen.append(
                (
                    r,
                    self.task.index,
                    self.phase.name,
                    batch.index[r].tolist(),
                    batch.tasks[r].tolist(),
                )
            )
        self.rates.append(self.optimizer.lr.tolist())
        return super().observe(batch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.epochs.append((epoch, list(self.session.active)))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self._keep()


def batches(member: int, task: int, phase: str = "train") -> list[list[int]]:
    """The samples of each of a member's steps."""
    return [
        index for r, t, name, index, _ in Recorder.seen if (r, t, name) == (member, task, phase)
    ]


def specs(bench: Any, seed: int, validation: float = 0.0) -> Any:
    """A seed's tasks as the scenario makes them."""
    return (
        bench.host.get("scenario", "split")(**bench.cell.scenario.options)
        .stream(bench.arrays, seed, 0, validation)
        .tasks
    )


def by_hand(
    bench: Any, weights: dict[str, Tensor], task: Any, outputs: Sequence[int] | None = None
) -> float:
    """The share of a task's test images that a network of one hidden layer gets right."""
    x = torch.from_numpy(bench.arrays.x_test[task.test]).double().flatten(1) / 255
    w = {name: value.double() for name, value in weights.items()}
    logits = (
        torch.relu(x @ w["linear1.weight"].T + w["linear1.bias"]) @ w["head.weight"].T
        + w["head.bias"]
    )
    if outputs is not None:
        logits[:, [c for c in range(logits.shape[1]) if c not in outputs]] = -torch.inf
    return float((logits.argmax(1).numpy() == task.labels[bench.arrays.y_test[task.test]]).mean())


# ---------------------------------------------------------------------------------------- the
# accuracy matrix


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_the_accuracy_matrix_against_a_slow_evaluation(make_bench: Any, setting: str) -> None:
    bench = make_bench(Recorder, setting=setting, epochs=6)
    record = bench.run(0, 1)
    assert record.accuracy.shape == (2, 4, 3)
    for r, seed in enumerate((0, 1)):
        tasks = specs(bench, seed)
        for row in range(4):
            for column, task in enumerate(tasks):
                outputs = task.classes.tolist() if setting == "task" else None
                assert record.accuracy[r, row, column] == by_hand(
                    bench, Recorder.weights[row][r], task, outputs
                )
    np.testing.assert_array_equal(record.accuracy_before, record.accuracy[:, [0, 1, 2], [0, 1, 2]])
    assert record.accuracy[:, [1, 2, 3], [0, 1, 2]].mean() > 0.8


@pytest.mark.parametrize("logits", ["seen", "current"])
def test_evaluation_on_some_of_the_logits(make_bench: Any, logits: str) -> None:
    bench = make_bench(Recorder, logits={"evaluate": logits})
    record = bench.run(1)
    tasks = specs(bench, 1)

    def outputs(row: int, column: int) -> list[int]:
        last = max(row, 1)
        known = tasks[:last] if logits == "seen" else tasks[last - 1 : last]
        return [c for task in known for c in task.classes.tolist()]

    for row in range(4):
        for column, task in enumerate(tasks):
            assert record.accuracy[0, row, column] == by_hand(
                bench, Recorder.weights[row][0], task, outputs(row, column)
            )
    for column, task in enumerate(tasks):  # the task's own outputs are there before it is trained
        assert record.accuracy_before[0, column] == by_hand(
            bench, Recorder.weights[column][0], task, outputs(column + 1, column)
        )


@pytest.mark.parametrize(
    ("evaluate", "measured"),
    [
        ("all", [[1, 1, 1]] * 4),
        ("seen", [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]]),
        ("current", [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        ({"last": 2}, [[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]]),
        ({"every": 3}, [[1, 1, 1]] * 4),
    ],
)
def test_which_tasks_are_evaluated(make_bench: Any, evaluate: Any, measured: Any) -> None:
    full, record = make_bench(Naive).run(0, 1), make_bench(Naive, evaluate=evaluate).run(0, 1)
    matrix = record.accuracy
    if evaluate in ("all", {"every": 3}):
        assert record.entries is None
    else:  # the entries measured, in place of the matrix
        assert matrix is None
        matrix = matrix_of(record.entries.row, record.entries.column, record.entries.value, 3)
    np.testing.assert_array_equal(np.isfinite(matrix), np.array([measured] * 2, dtype=bool))
    np.testing.assert_array_equal(matrix, np.where(measured, full.accuracy, np.nan))
    np.testing.assert_array_equal(record.accuracy_before, full.accuracy_before)


def test_accuracy_is_followed_within_tasks(make_bench: Any) -> None:
    """Every member at its own third, sixth, ... step, whoever else is there."""
    bench = make_bench(Naive, evaluate={"every": 3}, epochs=2)
    record = bench.run(0, 1, 2)
    curves = record.curves
    for r, seed in enumerate((0, 1, 2)):
        steps = [2 * math.ceil(len(task.train) / 8) for task in specs(bench, seed)]
        starts = np.cumsum([0, *steps])
        wanted = [(starts[t] + done, t + 1) for t in range(3) for done in range(3, steps[t] + 1, 3)]
        kept = ~np.isnan(curves["continual_step"][r])
        assert (
            list(
                zip(
                    curves["continual_step"][r][kept],
                    curves["continual_task"][r][kept],
                    strict=True,
                )
            )
            == wanted
        )
        accuracy = curves["continual_accuracy"][r][kept]
        for (_, task), values in zip(wanted, accuracy, strict=True):
            assert np.isfinite(values).tolist() == [column < task for column in range(3)]
        assert first_difference(rows(bench.run(seed), seed), rows(record, seed)) is None


def test_joint_is_trained_once_and_measured_at_both_ends(make_bench: Any) -> None:
    class RecordedJoint(Joint, Recorder):
        """Joint, noted."""

    bench = make_bench(RecordedJoint, epochs=2)
    record = bench.run(0, 1)
    assert np.isfinite(record.accuracy[:, [0, 3]]).all()
    assert np.isnan(record.accuracy[:, [1, 2]]).all()
    assert np.isnan(record.loss[:, :2]).all()
    assert np.isfinite(record.loss[:, 2]).all()
    for member in (0, 1):
        assert not batches(member, 0) + batches(member, 1)
        assert sorted(i for batch in batches(member, 2) for i in batch) == sorted([*range(120)] * 2)
        for r, _, _, index, tasks in Recorder.seen:
            own = [specs(bench, r)[t].train for t in tasks]
            assert all(i in samples for i, samples in zip(index, own, strict=True))
    assert any(
        len(set(tasks)) > 1 for *_, tasks in Recorder.seen
    )  # mixed, not one task after another


def test_joint_counts_steps_once_a_task(make_bench: Any) -> None:
    class RecordedJoint(Joint, Recorder):
        """Joint, noted."""

    make_bench(RecordedJoint, steps=4).run(0)
    assert len(batches(0, 2)) == 12


@pytest.mark.parametrize("first", [True, False])
def test_a_composition_with_joint_is_measured_at_both_ends(make_bench: Any, first: bool) -> None:
    record = make_bench([Joint, Naive] if first else [Naive, Joint]).run(0)
    assert np.isnan(record.accuracy).all(axis=(0, 2)).tolist() == [False, True, True, False]


def test_cumulative_trains_on_all_tasks_so_far(make_bench: Any) -> None:
    class RecordedCumulative(Cumulative, Recorder):
        """Cumulative, noted."""

    bench = make_bench(RecordedCumulative)
    bench.run(0, 1)
    for member in (0, 1):
        for t in range(3):
            known = np.concatenate([task.train for task in specs(bench, member)[: t + 1]])
            assert sorted(i for batch in batches(member, t) for i in batch) == sorted(known)


def test_cumulative_may_begin_anew(make_bench: Any) -> None:
    class Watched(Cumulative):
        """Notes the weights each task starts from."""

        starts: ClassVar[list[Tensor]] = []

        def phases(self, task: Task) -> Sequence[Phase]:
            self.starts.append(self.net.params["linear1.weight"].detach().clone())
            return super().phases(task)

    make_bench(Watched(restart=True)).run(0, 1)
    for one, other in ((0, 1), (1, 2)):
        difference = (Watched.starts[one] - Watched.starts[other]).abs()
        assert (
            difference.max() < 2 * 0.25 + 1e-6
        )  # both are drawn from U(-1/sqrt(16), 1/sqrt(16)), untrained
        assert difference.mean() > 0.05


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


# ---------------------------------------------------------------------------------------- early
# stopping


@pytest.mark.parametrize(
    "stop",
    [{"validation": 0.25, "stop_at": 0.9}, {"stop_at": {"train": 0.85}}],
    ids=["validation", "training"],
)
def test_members_stop_at_epochs_of_their_own(make_bench: Any, stop: dict[str, Any]) -> None:
    bench = make_bench(Recorder, epochs=12, optimizer={"sgd": {"lr": 0.05}}, **stop)
    record = bench.run(0, 1, 2)
    taken = {}
    for member in (0, 1, 2):
        for t, task in enumerate(specs(bench, member, stop.get("validation", 0.0))):
            found = batches(member, t)
            count = math.ceil(len(task.train) / 8)
            assert len(found) % count == 0
            taken[member, t] = len(found) // count
            assert not {i for batch in found for i in batch} & set(task.validation)
    assert len(set(taken.values())) > 2
    assert min(taken.values()) < 12
    for seed in (0, 1, 2):
        assert first_difference(rows(bench.run(seed), seed), rows(record, seed)) is None


def test_a_member_stops_after_the_first_epoch_that_reached_the_goal(make_bench: Any) -> None:
    class Validating(Recorder):
        """Measures the validation part itself."""

        measured: ClassVar[list[float]] = []

        def end_epoch(self, phase: Phase, epoch: int) -> None:
            super().end_epoch(phase, epoch)
            right = total = 0
            with torch.no_grad():
                for batch in self.task.batches("validation", 16):
                    right += int(((self.net(batch.x).argmax(2) == batch.y) & batch.valid).sum())
                    total += int(batch.weights.sum())
            self.measured.append(right / total)

    bench = make_bench(
        Validating,
        tasks=1,
        epochs=30,
        validation=0.25,
        stop_at=0.8,
        optimizer={"sgd": {"lr": 0.05}},
    )
    bench.run(3)
    assert 1 < len(Validating.measured) < 30
    assert [value >= 0.8 for value in Validating.measured] == [False] * (
        len(Validating.measured) - 1
    ) + [True]


# ---------------------------------------------------------------------------------------- online
# accuracy


class OnlineAccuracy(ProbeMetric):
    """Asks the engine for online accuracy."""

    needs = ("online_accuracy",)
    when = "run_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.zeros(probe.strategy.members)


def test_online_accuracy_is_measured_before_the_update(make_bench: Any) -> None:
    class Predicting(Strategy):
        """Notes how much of each batch it would get right, before it learns from it."""

        def observe(self, batch: Batch) -> Tensor | None:
            with torch.no_grad():
                right = self.masked(self.net.eval()(batch.x), batch.tasks).argmax(2) == batch.y
            self.net.train()
            self.log("right", right.sum(1))
            self.log("seen", torch.full((self.members,), float(batch.size)))
            self.log("task", torch.full((self.members,), float(self.task.index)))
            return super().observe(batch)

    for setting in ("class", "task"):
        record = make_bench(
            Predicting,
            metrics=[OnlineAccuracy],
            setting=setting,
            model={"mlp": {"hidden": [6], "dropout": 0.5}},
        ).run(0, 1)
        for r in (0, 1):
            for t in range(3):
                mine = record.curves["task"][r] == t
                wanted = (
                    record.curves["right"][r][mine].sum() / record.curves["seen"][r][mine].sum()
                )
                assert record.curves["online_accuracy"][r, t] == pytest.approx(wanted)


class TrainAccuracy(ProbeMetric):
    """Asks the engine for the training accuracy of each epoch."""

    needs = ("train_accuracy", "online_accuracy")
    when = "run_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.zeros(probe.strategy.members)


def test_training_accuracy_is_that_of_each_epoch(make_bench: Any) -> None:
    plain, record = (
        make_bench(Naive, epochs=3, metrics=metrics).run(0, 1) for metrics in ((), [TrainAccuracy])
    )
    np.testing.assert_array_equal(plain.accuracy, record.accuracy)
    by_epoch = record.curves["train_accuracy"].reshape(2, -1, 3)
    assert by_epoch.shape[1] == record.accuracy.shape[2]
    # Every epoch of a task has the same samples, so their mean is the accuracy of the task.
    np.testing.assert_allclose(by_epoch.mean(2), record.curves["online_accuracy"])
    assert by_epoch[:, :, 2].mean() > by_epoch[:, :, 0].mean()
    assert "train_accuracy" not in plain.curves


def test_measuring_online_accuracy_changes_nothing(make_bench: Any) -> None:
    model = {"mlp": {"hidden": [6], "dropout": 0.5, "norm": "batch"}}
    one, other = (
        make_bench(Naive, model=model, augment="crop_flip", metrics=metrics).run(0, 1)
        for metrics in ((), [OnlineAccuracy])
    )
    np.testing.assert_array_equal(one.accuracy, other.accuracy)
    assert "online_accuracy" not in one.curves


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


# ---------------------------------------------------------------------------------------- members
# that diverge


class Breaking(Strategy):
    """The loss of chosen seeds becomes NaN at a step of the second task."""

    broken: ClassVar[tuple[int, ...]] = (1,)
    at: ClassVar[int] = 2

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.step = torch.zeros(self.members)

    def task_loss(self, batch: Batch) -> Tensor:
        self.step += 1
        bad = (
            torch.tensor([seed in self.broken for seed, _ in self.session.members])
            & (self.step == self.at)
            & (self.task.index == 1)
        )
        return super().task_loss(batch) + torch.where(bad, torch.nan, 0.0)


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("form", ["loop", "vmap"])
def test_a_member_that_diverges_stops_and_its_neighbours_go_on(
    make_bench: Any, form: str, epochs: int
) -> None:
    bench = make_bench(Breaking, epochs=epochs, metrics=[OnlineAccuracy])
    record = bench.run(0, 1, 2, form=form)
    assert record.member_status.tolist() == ["done", "diverged", "done"]
    assert record.status == "done"
    first = epochs * math.ceil(len(specs(bench, 1)[0].train) / 8)
    assert record.diverged_at.tolist() == [-1, first + 1, -1]  # steps it had done before
    assert np.isfinite(record.accuracy[1, :2]).all()
    assert np.isnan(record.accuracy[1, 2:]).all()
    assert np.isfinite(record.accuracy[[0, 2]]).all()
    assert np.isfinite(record.loss[1]).tolist() == [True, False, False]
    for seed in (0, 2):
        assert first_difference(rows(bench.run(seed, form=form), seed), rows(record, seed)) is None


def test_all_members_diverge(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Breaking, "broken", (0, 1))
    bench = make_bench(Breaking, metrics=[OnlineAccuracy])
    record = run_cell(
        bench.cell,
        "key",
        bench.members(0, 1),
        host=bench.host,
        arrays=bench.arrays,
        settings=Settings(),
    )
    assert record.status == "diverged"
    assert record.member_status.tolist() == ["diverged"] * 2
    assert np.isfinite(record.accuracy[:, :2]).all()
    assert np.isnan(record.accuracy[:, 2:]).all()
    assert record.errors == ()


def test_a_member_that_breaks_in_its_last_step_is_found_by_its_outputs(make_bench: Any) -> None:
    """No accuracy is noted for it, in whichever task its outputs are looked at first."""

    class Ruined(Strategy):
        """Seed 1's weights become NaN after the first task."""

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            if task.index == 0:
                with torch.no_grad():
                    self.net.params["head.bias"][1] = torch.nan

    record = make_bench(Ruined, metrics=[OnlineAccuracy]).run(0, 1)
    assert record.member_status.tolist() == ["done", "diverged"]
    assert np.isnan(record.accuracy[1, 1:]).all()
    assert np.isfinite(record.accuracy[1, 0]).all()
    assert np.isfinite(record.accuracy[0]).all()


def test_a_huge_rate_diverges_by_itself(make_bench: Any) -> None:
    bench = make_bench(Naive, optimizer={"sgd": {"lr": 1e30}}, epochs=2)
    strategy, loop = bench.start(0, 1)
    loop.untrained()
    for task in strategy.session.streams.tasks:
        loop.task(task)
    measurements = strategy.session.measurements
    assert measurements.running == []
    assert np.isnan(measurements.accuracy[:, 1:]).all()


def test_many_steps_are_watched_in_one_epoch(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of losses on the device is smaller than the epoch."""
    monkeypatch.setattr("clbench.engine.losses.STEPS_ON_DEVICE", 3)
    small = make_bench(Breaking, epochs=2).run(0, 1, 2)
    monkeypatch.undo()
    large = make_bench(Breaking, epochs=2).run(0, 1, 2)
    assert small.diverged_at.tolist() == large.diverged_at.tolist()
    np.testing.assert_array_equal(small.loss, large.loss)
    np.testing.assert_array_equal(small.accuracy, large.accuracy)


# ---------------------------------------------------------------------------------------- what is
# refused


class Wrong(Strategy):
    """Gives what a test asks for."""

    loss: ClassVar[Any] = None
    logits: ClassVar[Any] = None

    def observe(self, batch: Batch) -> Any:
        return self.loss

    def predict(self, x: Tensor, task: Task | None = None) -> Any:
        return super().predict(x, task) if self.logits is None else self.logits


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (torch.ones(()), r"wrong: the loss has shape \[\]; one value a member, \[2\], is wanted"),
        (torch.ones(3), r"wrong: the loss has shape \[3\]; one value a member, \[2\], is wanted"),
        (1.0, r"wrong: the loss is a float; one value a member, \[2\], is wanted"),
    ],
)
def test_a_loss_of_a_wrong_shape_is_named(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, loss: Any, sentence: str
) -> None:
    monkeypatch.setattr(Wrong, "loss", loss)
    with pytest.raises(StrategyError, match=sentence):
        make_bench(Wrong).run(0, 1)


@pytest.mark.parametrize(
    ("logits", "got"),
    [(torch.ones(2, 6), r"\[2, 6\]"), (torch.ones(2, 64, 2), r"\[2, 64, 2\]"), (None, "NoneType")],
)
def test_predictions_of_a_wrong_shape_are_named(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, logits: Any, got: str
) -> None:
    monkeypatch.setattr(Wrong, "logits", logits)
    if logits is None:
        monkeypatch.setattr(Wrong, "predict", lambda self, x, task=None: None)
    with pytest.raises(
        StrategyError,
        match=(
            rf"wrong.predict returned {got}; \[members, batch, classes\] = \[2, \d+, 6\] is "
            r"wanted"
        ),
    ):
        make_bench(Wrong).run(0, 1)


def test_a_task_without_samples_is_named(make_bench: Any, tiny: Any) -> None:
    keep = tiny.y_train > 1
    few = type(tiny)(
        "few", tiny.x_train[keep], tiny.y_train[keep], tiny.x_test, tiny.y_test, 6, "none"
    )
    with pytest.raises(PluginError, match="scenario 'split', task 1: there are no train samples"):
        make_bench(Naive, arrays=few, order="fixed").run(0)


def test_a_model_without_a_head_cannot_reset_it(make_bench: Any) -> None:
    class Headless(SoloStrategy):
        """Has a network of another kind."""

        def setup(self) -> None:
            self.net = nn.Sequential(nn.Flatten(), nn.Linear(16, 6))  # type: ignore[misc]
            self.optimizer = self.make_optimizer(list(self.net.parameters()))  # type: ignore[misc]

    with pytest.raises(
        StrategyError, match="headless: head_reset needs a network with a part named 'head'"
    ):
        make_bench(Headless, head_reset="zero").run(0)


# ---------------------------------------------------------------------------------------- late
# noise


def test_noise_first_drawn_while_a_member_sits_out_begins_anew_for_it(make_bench: Any) -> None:
    class Late(Strategy):
        """Asks for its noise when it first trains; members with few samples sit out at first."""

        def after_step(self, batch: Batch) -> None:
            super().after_step(batch)
            self.log("noise", self.rng("late").uniform(1)[:, 0])

    bench = make_bench(Late, batch_size=39)
    record = bench.run(0, 1, 2, 3)
    first = [len(specs(bench, seed)[0].train) for seed in range(4)]
    assert min(first) < 39 <= max(first)
    for seed in range(4):
        assert first_difference(rows(bench.run(seed), seed), rows(record, seed)) is None
