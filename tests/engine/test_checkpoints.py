"""Jobs that are resumed: as if nothing had happened."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from _pytest.outcomes import Failed
from torch import Tensor, nn

from clbench import Phase, ProbeMetric, Strategy, Task
from clbench.engine import Progress
from clbench.engine.checkpoint import DIGEST_BYTES
from clbench.errors import OutputError, StrategyError
from clbench.testing.bench import Stopped
from clbench_plugins.er import ER
from clbench_plugins.ewc import EWC, OnlineEWC
from clbench_plugins.naive import Naive

from .jobs import Norm, leave, run, same

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
    record = run(bench, 0, listener=told.append, checkpoint=mark, checkpoint_every=0.0)
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
    do_damage(mark, damage)
    told: list[Progress] = []

    record = run(bench, 0, listener=told.append, checkpoint=mark)

    same(bench.run(0), record, 0)
    (said,) = [progress.said for progress in told if progress.said]
    assert said.startswith(f"the checkpoint {mark} cannot be used")
    assert "weights_only" not in said  # torch's advice is to open it all the same
    assert said.endswith("the job starts anew")
    assert ("another version of clbench wrote it" in said) == (damage == "another version")


def do_damage(mark: Path, damage: str) -> None:
    """Let a checkpoint be cut off, changed, or something else."""
    whole = mark.read_bytes()
    if damage == "cut off":
        mark.write_bytes(whole[: len(whole) // 2])
    elif damage == "a bit":
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 4
        mark.write_bytes(flipped)
    elif damage == "nothing":
        mark.write_bytes(b"")
    elif damage == "rubbish":
        mark.write_bytes(b"x" * 500)
    elif damage == "another file":
        torch.save([1, 2], mark)
    elif damage == "not a checkpoint":
        torch.save(nn.Linear(1, 1), mark)  # a pickle of objects, which is never loaded
    elif damage == "forged":
        torch.save(nn.Linear(1, 1), mark)
        sign(mark)
    elif damage == "another version":
        saved = torch.load(io.BytesIO(whole[:-DIGEST_BYTES]), weights_only=True)
        saved["identity"]["layout"] -= 1
        torch.save(saved, mark)
        sign(mark)
    else:
        raise ValueError(damage)


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
    key, seed, form = "bench", 0, "auto"
    if change == "key":
        key = "other"
    elif change == "members":
        seed = 1
    elif change == "form":
        form = "loop"
    else:
        bench = make_bench(Started, metrics=[Norm])
    run(bench, seed, key=key, checkpoint=mark, form=form)
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


class Each(ProbeMetric):
    """The weights' sum after each step."""

    when = "step"

    def measure(self, probe: Any) -> Tensor:
        return (
            torch.cat([p.detach().flatten(1) for p in probe.net.parameters()], dim=1)
            .double()
            .sum(dim=1)
        )
