"""Jobs from set-up to record: checkpoints, probes, progress."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from _pytest.outcomes import Failed
from torch import Tensor, nn

from clbench import Phase, ProbeMetric, SoloStrategy, Strategy, Task, Undefined
from clbench.engine import Progress, Settings, run_cell
from clbench.engine.checkpoint import DIGEST_BYTES
from clbench.engine.evaluations import Evaluations
from clbench.engine.measurements import padded
from clbench.engine.runner import work_of
from clbench.errors import OutputError, StopRequested, StrategyError
from clbench.testing.bench import Stopped, first_difference, rows
from clbench_plugins.er import ER
from clbench_plugins.ewc import EWC, OnlineEWC
from clbench_plugins.l1_activity import L1Activity
from clbench_plugins.naive import Naive


def run(bench: Any, *seeds: int, **settings: Any) -> Any:
    """The job, without the bench's own opinion of its record."""
    return run_cell(
        bench.cell,
        "key",
        bench.members(*seeds),
        host=bench.host,
        arrays=bench.arrays,
        settings=Settings(**settings),
    )


def same(one: Any, other: Any, *seeds: int) -> None:
    for seed in seeds:
        assert first_difference(rows(one, seed), rows(other, seed)) is None


# ----------------------------------------------------------------------------------------
# checkpoints

RESUMED: dict[str, Any] = {
    "naive": Naive,
    "er": ER(memory=9),
    "ewc": EWC,
    "online_ewc": OnlineEWC(fisher="sampled"),
    "er+ewc": [ER(memory=9), EWC],
}


@pytest.mark.parametrize("after", [1, 2])
@pytest.mark.parametrize("name", RESUMED)
def test_resuming_is_as_if_nothing_had_happened(
    make_bench: Any, tmp_path: Path, name: str, after: int
) -> None:
    options = {
        "optimizer": {"adam": {"lr": 0.01}},
        "augment": "crop_flip",
        "model": {"mlp": {"hidden": [8], "dropout": 0.3}},
        "epochs": 2,
    }
    bench = make_bench(RESUMED[name], metrics=[Norm], **options)
    whole = bench.run(0, 1, 2)
    mark = tmp_path / "deep" / "job.ckpt"
    with pytest.raises(Stopped):
        bench.run(0, 1, 2, checkpoint=mark, stop_after=after)
    assert [path.name for path in mark.parent.iterdir()] == ["job.ckpt"]
    same(whole, bench.run(0, 1, 2, checkpoint=mark), 0, 1, 2)


class TwoPhases(Strategy):
    """Unequal phases, the first by steps; and hooks that would leave a trace if they ran twice."""

    def setup(self) -> None:
        super().setup()
        self.hooks = torch.zeros(self.members)

    def phases(self, task: Task) -> list[Phase]:
        self.hooks += 1
        return [
            Phase("warm", steps=3, batch_size=5),
            *super().phases(task),
            Phase("rest", epochs=1, data="seen", batch_size=64),
        ]

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.hooks += 10

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        self.hooks += 100
        self.log("begun", self.hooks)

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.log("ended", self.hooks)


def leave(bench: Any, *seeds: int, after: int, **settings: Any) -> None:
    """The job up to this step (or task)."""
    turns = iter(range(1, after))
    with pytest.raises(StopRequested):
        run_cell(
            bench.cell,
            "key",
            bench.members(*seeds),
            host=bench.host,
            arrays=bench.arrays,
            settings=Settings(**settings),
            leaving=lambda: next(turns, None) is None,
        )


WITHIN: dict[str, dict[str, Any]] = {
    "phases": {"strategy": TwoPhases},
    "stopping": {"strategy": Naive, "validation": 0.25, "stop_at": 0.6, "epochs": 5},
    "stopping on training": {"strategy": ER(memory=9), "stop_at": {"train": 0.5}, "epochs": 3},
    "restoring": {
        "strategy": Naive,
        "restore": "best",
        "validation": 0.25,
        "stop_at": 0.9,
        "epochs": 4,
    },
    "schedule": {
        "strategy": Naive,
        "schedule": "cosine",
        "optimizer": {"torch.RMSprop": {"lr": 0.003}},
        "augment": "crop_flip",
    },
    "followed": {"strategy": OnlineEWC(fisher="sampled"), "evaluate": {"every": 4}},
}


@pytest.mark.parametrize("name", WITHIN)
def test_resuming_within_an_epoch_is_as_if_nothing_had_happened(
    make_bench: Any, tmp_path: Path, name: str
) -> None:
    """Left again and again, through phases, early ends and steps in which members sit out."""
    model = {"mlp": {"hidden": [8], "dropout": 0.3, "norm": "batch"}}
    bench = make_bench(
        metrics=[Norm, Each],
        **{"optimizer": {"adam": {"lr": 0.01}}, "model": model, "epochs": 2, **WITHIN[name]},
    )
    whole, mark = run(bench, 0, 1, 2), tmp_path / "job.ckpt"
    left = 0
    with contextlib.suppress(Failed):  # until it came to its end instead
        while True:
            leave(bench, 0, 1, 2, after=4 + 3 * left, checkpoint=mark)
            left += 1
    assert left > 3
    same(whole, run(bench, 0, 1, 2, checkpoint=mark), 0, 1, 2)


def test_training_time_adds_up_over_interruptions(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count()
    monkeypatch.setattr("clbench.engine.cursor.time.perf_counter", lambda: float(next(clock)))
    bench, mark = make_bench(Naive), tmp_path / "job.ckpt"
    leave(bench, 0, after=2, checkpoint=mark)
    leave(bench, 0, after=2, checkpoint=mark)
    record = run(bench, 0, checkpoint=mark)
    assert record.cost["train_seconds"][0].tolist() == [
        3.0,
        1.0,
        1.0,
    ]  # from one look at the clock to the next


@pytest.mark.parametrize(("every", "written"), [(0.0, True), (100.0, False)])
def test_checkpoints_within_a_task_come_by_time(
    make_bench: Any, tmp_path: Path, every: float, written: bool
) -> None:
    class Halting(Naive):
        """Breaks in its third step."""

        def after_step(self, batch: Any) -> None:
            super().after_step(batch)
            if self.session.measurements.steps[0] == 2:
                raise Stopped

    mark = tmp_path / "job.ckpt"
    with pytest.raises(Stopped):
        run(make_bench(Halting), 0, checkpoint=mark, checkpoint_every=every)
    assert mark.exists() is written


def test_a_checkpoint_that_cannot_be_written_is_said_once_and_does_not_stop_the_job(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: Any) -> None:
        raise OutputError(
            f"cannot write {path}: the disk is full; free some space and run the same command again"
        )

    bench, told, mark = make_bench(Naive), list[Progress](), tmp_path / "job.ckpt"
    leave(bench, 0, after=2, checkpoint=mark)
    before = mark.read_bytes()
    monkeypatch.setattr("clbench.engine.checkpoint.atomic_write", full)
    settings = Settings(checkpoint=mark, checkpoint_every=0.0)
    record = run_cell(
        bench.cell,
        "key",
        bench.members(0),
        host=bench.host,
        arrays=bench.arrays,
        settings=settings,
        listener=told.append,
    )
    same(bench.run(0), record, 0)
    (said,) = [progress.said for progress in told if progress.said]
    assert said.startswith(
        f"no checkpoint for now: cannot write {mark}: the disk is full; training goes on"
    )
    assert mark.read_bytes() == before


def test_state_that_cannot_be_saved_within_a_task_waits_for_its_end(
    make_bench: Any, tmp_path: Path
) -> None:
    class Handle(Naive):
        """Keeps something that is no state, while a task lasts."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            self.handle = iter(())

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            del self.handle

    bench, mark = make_bench(Handle), tmp_path / "job.ckpt"
    same(bench.run(0), run(bench, 0, checkpoint=mark, checkpoint_every=0.0), 0)
    assert mark.exists()


def test_a_diverged_member_stays_so_when_the_job_is_resumed(
    make_bench: Any, tmp_path: Path
) -> None:
    class Broken(Strategy):
        """Seed 0 breaks in the first task."""

        def task_loss(self, batch: Any) -> Tensor:
            return super().task_loss(batch) + torch.tensor([torch.nan, 0.0])

    bench, mark = make_bench(Broken), tmp_path / "job.ckpt"
    leave(bench, 0, 1, after=2, checkpoint=mark)  # broken, and nobody has noticed
    leave(bench, 0, 1, after=8, checkpoint=mark)  # in the second task
    whole, resumed = run(bench, 0, 1), run(bench, 0, 1, checkpoint=mark)
    same(whole, resumed, 0, 1)
    assert resumed.diverged_at.tolist() == whole.diverged_at.tolist() == [0, -1]


def test_a_job_that_is_done_is_read_from_its_checkpoint(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, mark = make_bench(Naive), tmp_path / "job.ckpt"
    done = bench.run(0, checkpoint=mark)
    monkeypatch.setattr(Naive, "begin_task", lambda self, task: pytest.fail("trained again"))
    same(done, bench.run(0, checkpoint=mark), 0)


def sign(checkpoint: Path) -> None:
    content = checkpoint.read_bytes()
    checkpoint.write_bytes(content + hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())


@pytest.mark.parametrize(
    "damage",
    [
        "another version",
        "cut off",
        "a bit",
        "nothing",
        "rubbish",
        "another file",
        "not a checkpoint",
        "forged",
    ],
)
def test_after_a_damaged_checkpoint_the_job_starts_anew_and_says_so(
    make_bench: Any, tmp_path: Path, damage: str
) -> None:
    bench, mark = make_bench(Naive), tmp_path / "job.ckpt"
    with pytest.raises(Stopped):
        bench.run(0, checkpoint=mark, stop_after=1)
    whole = mark.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    mark.write_bytes(
        {
            "cut off": whole[: len(whole) // 2],
            "a bit": flipped,
            "nothing": b"",
            "rubbish": b"x" * 500,
        }.get(damage, whole)
    )
    if damage == "another file":
        torch.save([1, 2], mark)
    if damage == "not a checkpoint":
        torch.save(nn.Linear(1, 1), mark)  # a pickle of objects, which is never loaded
    if damage == "forged":
        torch.save(nn.Linear(1, 1), mark)
        sign(mark)
    if damage == "another version":
        saved = torch.load(io.BytesIO(whole[:-DIGEST_BYTES]), weights_only=True)
        saved["identity"]["layout"] -= 1
        torch.save(saved, mark)
        sign(mark)
    told: list[Progress] = []
    settings = Settings(checkpoint=mark)
    record = run_cell(
        bench.cell,
        "bench",
        bench.members(0),
        host=bench.host,
        arrays=bench.arrays,
        settings=settings,
        listener=told.append,
    )
    same(bench.run(0), record, 0)
    (said,) = [progress.said for progress in told if progress.said]
    assert said.startswith(f"the checkpoint {mark} cannot be used")
    assert "weights_only" not in said  # torch's advice is to open it all the same
    assert said.endswith("the job starts anew")
    assert ("another version of clbench wrote it" in said) == (damage == "another version")


@pytest.mark.parametrize("change", ["key", "members", "form", "metrics"])
def test_a_checkpoint_of_another_job_is_ignored(
    make_bench: Any, tmp_path: Path, change: str
) -> None:
    class Started(Strategy):
        """Counts the tasks it begins."""

        begun: ClassVar[list[int]] = []

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            self.begun.append(task.index)

    bench, mark = make_bench(Started), tmp_path / "job.ckpt"
    run(bench, 0, checkpoint=mark)
    Started.begun.clear()
    run(bench, 0, checkpoint=mark)
    assert Started.begun == []
    key, seed, form = "key", 0, "auto"
    if change == "key":
        key = "other"
    elif change == "members":
        seed = 1
    elif change == "form":
        form = "loop"
    else:
        bench = make_bench(Started, metrics=[Norm])
    settings = Settings(checkpoint=mark, form=form)
    run_cell(
        bench.cell,
        key,
        bench.members(seed),
        host=bench.host,
        arrays=bench.arrays,
        settings=settings,
    )
    assert Started.begun == [0, 1, 2]


def test_state_that_cannot_be_saved_is_named(make_bench: Any, tmp_path: Path) -> None:
    class Handle(Strategy):
        """Keeps something that is no state."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            self.handle = iter(())

    with pytest.raises(StrategyError, match=r"^handle\.handle: a tuple_iterator cannot be saved"):
        run(make_bench(Handle), 0, checkpoint=tmp_path / "job.ckpt")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------- probe
# metrics


class Norm(ProbeMetric):
    """The weights' norm after each task."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.cat([p.flatten(1) for p in probe.net.parameters()], dim=1).norm(dim=1)


class Each(ProbeMetric):
    """The weights' sum after each step."""

    when = "step"

    def measure(self, probe: Any) -> Tensor:
        return (
            torch.cat([p.detach().flatten(1) for p in probe.net.parameters()], dim=1)
            .double()
            .sum(dim=1)
        )


class Curious(ProbeMetric):
    """Checks what it is shown."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        members = probe.strategy.members
        assert not probe.net.training
        assert probe.x.shape[:2] == probe.y.shape == (members, 100)
        for r in range(members):
            assert set(probe.y[r].tolist()) == set(
                probe.task.classes[r].tolist()
            )  # also where a task has fewer samples than that
        for which, wanted in (("all", 3), ("seen", probe.task.index + 1), ("current", 1), ([1], 1)):
            found = list(probe.data("test", which))
            assert sum(int(batch.weights.sum()) for batch in found) == members * wanted * 20
        assert (
            sum(int(batch.weights.sum()) for batch in probe.data("train", "all", 5)) == members * 15
        )
        return probe.net(probe.x).argmax(2).eq(probe.y).double().mean(1)


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""


@pytest.mark.parametrize("strategy", [Naive, SoloPlain])
def test_what_a_probe_is_shown(make_bench: Any, strategy: type) -> None:
    record = make_bench(
        strategy,
        metrics=[Curious],
        model={"mlp": {"hidden": [12], "dropout": 0.5, "norm": "batch"}},
    ).run(0, 1)
    assert record.errors == ()
    assert record.metrics["curious"].shape == (2, 3)


class Moments(ProbeMetric):
    """Measures as often as it is asked."""

    def measure(self, probe: Any) -> Tensor:
        return torch.arange(probe.strategy.members) + 1.0


@pytest.mark.parametrize(
    ("when", "count"), [("task_end", 3), ("run_end", 1), ("epoch_end", 6), ("step", None)]
)
def test_a_suite_says_when_a_probe_is_asked(make_bench: Any, when: Any, count: int | None) -> None:
    record = make_bench(Naive, metrics=[Moments(when=when)], epochs=2).run(0, 1)
    values = record.metrics["moments"]
    steps = [int(np.isfinite(row).sum()) for row in values]
    if count is None:
        assert min(steps) > 6
    else:
        assert steps == [count, count]
    assert set(values[1][: steps[1]]) == {2.0}


def test_a_probe_changes_nothing(make_bench: Any) -> None:
    model = {"mlp": {"hidden": [12], "dropout": 0.5, "norm": "batch"}}
    plain, probed = (
        make_bench(Naive, model=model, metrics=metrics).run(0, 1)
        for metrics in ((), [Curious, Norm])
    )
    np.testing.assert_array_equal(plain.accuracy, probed.accuracy)
    np.testing.assert_array_equal(plain.loss, probed.loss)


class Slow(ProbeMetric):
    """Takes its time, more than all training of these networks."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Tensor:
        time.sleep(0.4)
        return torch.zeros(probe.strategy.members)


def test_measuring_is_timed_by_metric_and_is_no_part_of_training(make_bench: Any) -> None:
    record = make_bench(Naive, metrics=[Slow, Moments]).run(0, 1)
    seconds = record.metric_seconds
    assert (seconds["slow"] >= 3 * 0.4 / 2).all()
    assert ((seconds["moments"] > 0) & (seconds["moments"] < 0.4)).all()
    assert record.cost["train_seconds"].sum(1).max() < seconds["slow"].min()


def test_testing_between_two_steps_is_no_part_of_training(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluations, "within_task", lambda *_: time.sleep(0.4))
    record = make_bench(Naive, evaluate={"every": 4}).run(0)
    assert record.cost["train_seconds"].max() < 0.4


class Raising(ProbeMetric):
    """Raises at its second question."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        if probe.task.index == 1:
            raise KeyError("lost")
        return torch.ones(probe.strategy.members)


class Nowhere(ProbeMetric):
    """Has no value here, and says why."""

    def measure(self, probe: Any) -> Any:
        return Undefined("no such layers")


class Leaving(ProbeMetric):
    """Would end the process."""

    def measure(self, probe: Any) -> Any:
        raise SystemExit(3)


def test_a_probe_may_be_undefined_and_cannot_end_the_process(make_bench: Any) -> None:
    record = make_bench(Naive, metrics=[Nowhere, Leaving, Norm]).run(0)
    assert record.errors[0] == "metric nowhere: Undefined: no such layers"
    assert record.errors[1].startswith("metric leaving: SystemExit: 3\n")
    assert set(record.metrics) == {"norm", "nowhere", "leaving"}
    assert np.isnan([*record.metrics["nowhere"], *record.metrics["leaving"]]).all()


class Meddling(ProbeMetric):
    """Does what a probe must not."""

    def measure(self, probe: Any) -> Any:
        with torch.no_grad():
            probe.net.parameters()[0][:, 0].mul_(0.5)
        raise ValueError("and fails")


def test_a_probe_that_writes_to_the_weights_ends_the_run(make_bench: Any) -> None:
    with pytest.raises(
        StrategyError, match="metric 'meddling' wrote to the tensors of the strategy"
    ):
        make_bench(Naive, metrics=[Meddling]).run(0)


class Scribbling(ProbeMetric):
    """Writes where torch does not count: through `data` or a NumPy view."""

    when = "task_end"
    how: ClassVar[str] = "data"

    def measure(self, probe: Any) -> Any:
        weights = probe.net.parameters()[0]
        if self.how == "data":
            weights.data.mul_(0.5)
        elif self.how == "shuffled":
            weights.data.copy_(weights.data.flip(1))
        else:
            weights.detach().numpy()[:] = 0.0
        return torch.zeros(probe.net.members)


@pytest.mark.parametrize("how", ["data", "shuffled", "numpy"])
def test_a_probe_that_writes_past_the_counts_of_torch_ends_the_run(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(Scribbling, "how", how)
    with pytest.raises(StrategyError, match="metric 'scribbling' wrote to the tensors"):
        make_bench(Naive, metrics=[Scribbling]).run(0)


class Netless(SoloStrategy):
    """Trains no network."""

    def setup(self) -> None:
        pass

    def observe(self, batch: Any) -> None:
        pass

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return torch.zeros(len(x), self.scenario.classes)


def test_what_a_probe_looks_at_and_is_not_there_makes_it_undefined(make_bench: Any) -> None:
    record = make_bench(Netless, metrics=[Norm]).run(0)
    assert record.errors == (
        "metric norm: Undefined: netless has no network to look at (self.net is not a module)",
    )
    assert np.isnan(record.metrics["norm"]).all()


class Misshapen(ProbeMetric):
    """Returns one number for all."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Any:
        return torch.tensor(3.0) if probe.task.index else torch.ones(probe.strategy.members, 2)


class Growing(ProbeMetric):
    """A value for each task so far."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.ones(probe.strategy.members, probe.task.index + 1)


class Changing(ProbeMetric):
    """Vectors after numbers, which nobody could store."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        return (
            torch.ones(probe.strategy.members, 2)
            if probe.task.index
            else torch.ones(probe.strategy.members)
        )


def test_a_probe_that_fails_is_left_out_and_named(make_bench: Any) -> None:
    record = make_bench(Naive, metrics=[Raising, Misshapen, Changing, Growing, Norm]).run(0, 1)
    plain = make_bench(Naive).run(0, 1)
    np.testing.assert_array_equal(record.accuracy, plain.accuracy)
    assert record.metrics["raising"].shape == record.metrics["changing"].shape == (2, 1)
    assert record.metrics["norm"].shape == (2, 3)
    assert record.metrics["growing"].shape == (2, 3, 3)
    assert len(record.errors) == 3
    found = " ".join(record.errors)
    assert "metric raising: KeyError: 'lost'\nTraceback" in found
    assert (
        "metric misshapen: ValueError: measure returned []; a tensor [members, ...] with 2 members "
        "is wanted" in found
    )
    assert (
        "metric changing: StrategyError: 'changing' was given values of 1 dimensions a member "
        "after some of 0" in found
    )


def test_a_probe_that_failed_stays_out_when_the_job_is_resumed(
    make_bench: Any, tmp_path: Path
) -> None:
    bench, mark = make_bench(Naive, metrics=[Raising]), tmp_path / "job.ckpt"
    with pytest.raises(Stopped):
        bench.run(0, checkpoint=mark, stop_after=2)
    record = bench.run(0, checkpoint=mark)
    assert record.metrics["raising"].shape == (1, 1)
    assert len(record.errors) == 1


# ---------------------------------------------------------------------------------------- the
# record and progress


def test_what_the_record_says_of_the_job(make_bench: Any) -> None:
    record = make_bench([L1Activity(strength=2.0), ER]).run(3, 1)
    assert record.seed.tolist() == [3, 1]
    assert record.agent.tolist() == [0, 0]
    assert record.strategy == "l1_activity+er"
    assert record.options["l1_activity"] == {"strength": 2.0}
    assert record.protocol["batch_size"] == 8
    assert record.diverged_at.tolist() == [-1, -1]
    assert record.cost["parameters"].tolist() == [16 * 12 + 12 + 12 * 6 + 6] * 2
    assert record.cost["train_seconds"].shape == (2, 3)
    assert (record.cost["train_seconds"] > 0).all()
    assert record.cost["peak_memory"].shape == (2,)


def test_what_a_method_carries_is_counted_a_member(make_bench: Any) -> None:
    """Fisher information and its centre, of four bytes a number, and a constant; the reservoir's
    images, and their labels.
    """
    parameters = 16 * 12 + 12 + 12 * 6 + 6
    for seeds in ((0,), (0, 1, 2)):
        assert make_bench(Naive).run(*seeds).cost["state_bytes"].tolist() == [0] * len(seeds)
        assert make_bench(EWC).run(*seeds).cost["state_bytes"].tolist() == [
            2 * 4 * parameters + 4
        ] * len(seeds)
        costs = make_bench(ER(memory=50)).run(*seeds).cost
        assert costs["state_bytes"].tolist() == [50 * (16 + 1)] * len(seeds)
        # What it takes here, by which stacks are sized, are two tables of indices.
        assert (costs["device_bytes"] >= 50 * 2 * 8).all()
        assert (costs["device_bytes"] < 50 * 2 * 8 + 100).all()


def test_progress_is_told(make_bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clbench.engine.runner.SECONDS_BETWEEN_REPORTS", 0.0)
    bench, told = make_bench(Naive, epochs=2), list[Progress]()
    settings = Settings()
    record = run_cell(
        bench.cell,
        "k",
        bench.members(0, 1),
        host=bench.host,
        arrays=bench.arrays,
        settings=settings,
        listener=told.append,
    )
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {progress.tasks for progress in told} == {3}
    ends = [progress for progress in told if progress.accuracy is not None]
    shares = np.cumsum(
        work_of(bench.cell, bench.start(0, 1)[0].session, bench.host)
    )  # tasks have unequal numbers of samples
    assert [progress.task for progress in ends] == [1, 2, 3]
    assert [progress.fraction for progress in ends] == pytest.approx(shares / shares[-1])
    for progress in ends:
        np.testing.assert_allclose(
            progress.accuracy, record.accuracy[:, progress.task, : progress.task].mean(1)
        )


def test_members_of_a_job_may_be_in_any_order(make_bench: Any) -> None:
    bench = make_bench(ER)
    one, other = bench.run(0, 1, 2), bench.run(2, 0, 1)
    same(one, other, 0, 1, 2)


@pytest.mark.parametrize("strategy", [Naive, ER, EWC])
def test_members_with_unequal_numbers_of_samples_are_those_they_would_be_alone(
    make_bench: Any, strategy: type
) -> None:
    for form in ("auto", "loop"):
        bench = make_bench(
            strategy, epochs=2, optimizer={"adam": {"lr": 0.01}}, augment="crop_flip"
        )
        together = bench.run(0, 1, 2, 3, form=form)
        for seed in range(4):
            same(bench.run(seed, form=form), together, seed)


def test_a_solo_strategy_is_the_stacked_one(make_bench: Any) -> None:
    """Plain modules and torch's optimisers, member by member: the same numbers but for rounding."""
    for optimizer in (
        {"sgd": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}},
        {"adam": {"lr": 0.01}},
        {"adamw": {"lr": 0.01}},
    ):
        options = {
            "optimizer": optimizer,
            "epochs": 2,
            "clip": 1.0,
            "schedule": "cosine",
            "logits": "seen",
        }
        stacked, solo = (
            make_bench(strategy, **options).run(0, 1) for strategy in (Naive, SoloPlain)
        )
        np.testing.assert_allclose(stacked.loss, solo.loss, rtol=2e-3)
        np.testing.assert_allclose(stacked.accuracy, solo.accuracy, atol=0.11)


# ---------------------------------------------------------------------------------------- curves


def test_padding() -> None:
    nan = np.nan
    np.testing.assert_array_equal(padded([[1.0, 2.0], [3.0], []]), [[1, 2], [3, nan], [nan, nan]])
    np.testing.assert_array_equal(padded([[[1.0, 2.0]], [[3.0, 4.0]]]), [[[1, 2]], [[3, 4]]])
    np.testing.assert_array_equal(
        padded([[[1.0], [1.0, 2.0]], []]), [[[1, nan], [1, 2]], [[nan, nan], [nan, nan]]]
    )
    assert padded([[], []]).shape == (2, 0)
