"""Curves and losses of jobs that run for very long."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clbench import Batch, Phase, ProbeMetric, Strategy, Task
from clbench.engine import curve_log
from clbench.engine.curve_log import CurveLog
from clbench.engine.curves import Curve
from clbench.engine.losses import LossWatch
from clbench.engine.measurements import Measurements, padded
from clbench.errors import ClbenchError, StopRequested, StrategyError
from clbench.testing.bench import first_difference, rows

from .jobs import run

# ------------------------------------------------------------------------------------------ in
# memory


def test_a_curve_holds_what_nested_lists_held() -> None:
    """Members of unequal lengths, values of unequal shapes: against padding by hand."""
    rng = np.random.default_rng(0)
    curve, lists = Curve(3, 2), [[], [], []]  # type: ignore[var-annotated]
    for number in range(100):
        values = rng.normal(size=(3, 1 + number % 4, 1 + number // 30))
        members = [member for member in range(3) if rng.random() < 0.7]
        curve.append(values, members)
        for member in members:
            lists[member].append(values[member].tolist())
    np.testing.assert_array_equal(curve.table(), padded(lists))


def test_a_curve_without_values_is_empty() -> None:
    curve = Curve(2, 1)
    curve.append(np.zeros((2, 3)), [])
    assert curve.table().shape == (2, 0)


def test_a_value_costs_the_same_always() -> None:
    """Room doubles: a hundred thousand values are moved a few times, and not at each of them."""
    curve, moved = Curve(2, 0), set()
    for number in range(100_000):
        curve.append(np.full(2, float(number)), [0, 1])
        moved.add(curve._room.shape[1])
    assert curve._room.shape[1] < 200_000
    assert len(moved) <= 15
    assert np.array_equal(curve.table()[1], np.arange(100_000))


# ------------------------------------------------------------------------------------------ on disk


def growing() -> dict[str, dict[str, Curve]]:
    return {"curves": {}, "probes": {}}


def log_some(groups: Any, rng: np.random.Generator, values: int) -> None:
    """Append values of two curves, of unequal members and shapes."""
    for number in range(values):
        members = [member for member in range(2) if rng.random() < 0.8]
        plain = groups["curves"].setdefault("a/b", Curve(2, 0))
        plain.append(rng.normal(size=2), members)
        wide = groups["probes"].setdefault("wide", Curve(2, 1))
        wide.append(rng.normal(size=(2, 1 + number % 3)), [0])


def assert_alike(one: Any, other: Any) -> None:
    for group in one:
        assert one[group].keys() == other[group].keys()
        for name, curve in one[group].items():
            np.testing.assert_array_equal(curve.table(), other[group][name].table())


@pytest.mark.parametrize("pending", [0, 1000, 1 << 18])
def test_what_was_written_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pending: int
) -> None:
    monkeypatch.setattr(curve_log, "MAX_PENDING_BYTES", pending)
    log, groups, rng = CurveLog(tmp_path / "job.curves"), growing(), np.random.default_rng(1)
    groups["curves"]["never"] = Curve(2, 1)
    for _ in range(6):
        log_some(groups, rng, 20)
        saved = log.commit(groups)
        found, again = growing(), CurveLog(log.path)
        again.restore(saved, found, 2)
        assert_alike(groups, found)
        # It goes on from there as if it had never been away.
        log_some(found, np.random.default_rng(2), 5)
        third = growing()
        CurveLog(log.path).restore(again.commit(found), third, 2)
        assert_alike(found, third)
        log = CurveLog(log.path)
        groups = growing()
        log.restore(saved, groups, 2)


def test_a_checkpoint_does_not_grow_with_the_curves(tmp_path: Path) -> None:
    log, groups = CurveLog(tmp_path / "job.curves"), growing()
    curve = groups["curves"]["loss"] = Curve(2, 0)
    sizes, written = [], []
    for _ in range(40):
        curve.extend(np.zeros((2, 5000)), np.array([5000, 5000]))
        before = log.length
        saved = log.commit(groups)
        sizes.append(0 if saved["pending"] is None else len(saved["pending"]))
        written.append(log.length - before)
    assert max(sizes) <= curve_log.MAX_PENDING_BYTES
    # Each value is written once: what came since the last time, and never what is there.
    assert sum(written) == log.length == log.path.stat().st_size
    assert max(written) < 2 * curve_log.MAX_PENDING_BYTES


def test_a_crash_between_the_curves_and_the_checkpoint_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve_log, "MAX_PENDING_BYTES", 0)
    log, groups, rng = CurveLog(tmp_path / "job.curves"), growing(), np.random.default_rng(1)
    log_some(groups, rng, 20)
    saved = log.commit(groups)
    kept = {name: curve.table().copy() for name, curve in groups["curves"].items()}
    log_some(groups, rng, 30)
    log.commit(groups)  # and the checkpoint that would say so is never written
    with log.path.open("ab") as file:
        file.write(b"half of a frame")
    found, again = growing(), CurveLog(log.path)
    again.restore(saved, found, 2)
    for name, table in kept.items():
        np.testing.assert_array_equal(found["curves"][name].table(), table)
    log_some(found, np.random.default_rng(3), 4)
    later = again.commit(found)
    assert log.path.stat().st_size == later["length"]
    last = growing()
    CurveLog(log.path).restore(later, last, 2)
    assert_alike(found, last)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "are cut off"),
        (lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]), "are damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9] + b"123456789"), "are damaged"),
        (lambda path: path.unlink(), "are gone"),
    ],
)
def test_curves_that_were_harmed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Any, sentence: str
) -> None:
    monkeypatch.setattr(curve_log, "MAX_PENDING_BYTES", 0)
    log, groups = CurveLog(tmp_path / "job.curves"), growing()
    log_some(groups, np.random.default_rng(1), 20)
    saved = log.commit(groups)
    harm(log.path)
    with pytest.raises(ClbenchError, match=f"the curves that were kept beside it {sentence}"):
        CurveLog(log.path).restore(saved, growing(), 2)


class Logging(Strategy):
    """Logs something in every step."""

    def observe(self, batch: Batch) -> Any:
        loss = super().observe(batch)
        assert loss is not None
        self.log("loss", loss)
        return loss

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.log("weights", torch.stack([p.flatten(1).sum(1) for p in self.net.parameters()], 1))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.log("growing", torch.zeros(self.members, task.index + 1))


class WeightSum(ProbeMetric):
    """The sum of all weights."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Any:
        return torch.stack([p.flatten(1).sum(1) for p in probe.net.parameters()], 1).sum(1)


def test_a_job_that_is_interrupted_again_and_again_has_the_same_curves(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve_log, "MAX_PENDING_BYTES", 300)
    bench = make_bench(Logging, tasks=3, epochs=3, metrics=[WeightSum])
    whole, record = bench.run(0, 1), None
    while record is None:
        with contextlib.suppress(StopRequested):
            record = bench.run(0, 1, leave_after=7, checkpoint=tmp_path / "job.ckpt")
    assert (tmp_path / "job.curves").stat().st_size > 300
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(record, seed)) is None


def test_a_job_whose_curves_are_gone_starts_anew_and_says_so(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curve_log, "MAX_PENDING_BYTES", 0)
    bench = make_bench(Logging, tasks=2)
    with pytest.raises(StopRequested):
        bench.run(0, leave_after=7, checkpoint=tmp_path / "job.ckpt")
    (tmp_path / "job.curves").write_bytes(b"")
    said: list[str] = []
    mark = tmp_path / "job.ckpt"
    record = run(bench, 0, listener=lambda told: said.append(told.said), checkpoint=mark)
    assert any("the curves that were kept beside it are cut off" in line for line in said)
    assert first_difference(rows(record, 0), rows(bench.run(0), 0)) is None


# ------------------------------------------------------------------------------------------ losses


def test_the_sum_of_losses_is_exact_however_often_it_is_read() -> None:
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(500, 2)) * 10.0 ** rng.integers(-44, 38, size=(500, 2))
    losses = np.concatenate([steps, [[0.0, -0.0], [1e-45, 3e-39]]]).astype(np.float32)
    watch = LossWatch(2, torch.device("cpu"))
    for number, loss in enumerate(losses):
        active = [0, 1] if number % 3 else [1]
        watch.note(torch.from_numpy(loss), active, np.zeros(2, dtype=np.int64), "me")
        if number % 7 == 0:
            watch.read()
    taken = np.arange(len(losses)) % 3 > 0
    first, second = losses[taken, 0].astype(np.float64), losses[:, 1].astype(np.float64)
    wanted = [math.fsum(first) / len(first), math.fsum(second) / len(second)]
    assert watch.means().tolist() == wanted


def test_what_is_kept_of_losses_does_not_grow() -> None:
    watch = LossWatch(1, torch.device("cpu"))
    sizes = set()
    for _ in range(3):
        for _ in range(1000):
            watch.note(torch.ones(1), [0], np.zeros(1, dtype=np.int64), "me")
        held = vars(watch.held()["sums"])
        sizes.add(sum(value.nbytes for value in held.values()))
    assert len(sizes) == 1
    assert watch.means().tolist() == [1.0]


def test_a_member_without_losses_or_with_broken_ones_has_no_mean() -> None:
    watch = LossWatch(3, torch.device("cpu"))
    for value in (1.0, math.inf):
        loss = torch.tensor([1.0, value, value])
        watch.note(loss, [0, 1], np.array([5, 5, 5]), "me")
    assert watch.read() == {1: 6}
    means = watch.means()
    assert means[0] == 1.0
    assert np.isnan(means[1:]).all()


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("strain", "strain/replay"),
            "'strain/replay' cannot be kept beside 'strain': one",
        ),
        (("strain/replay", "strain"), "'strain' cannot be kept beside 'strain/replay'"),
        (("",), "'' is no name: write words, with single slashes between them; choose another"),
    ],
)
def test_a_name_that_no_record_could_hold_is_refused_where_it_is_given(
    names: tuple[str, ...], said: str
) -> None:
    """It came up when the whole job was done, and took the job with it."""
    measured = Measurements(2, 3, {"tasks": "all", "last": None, "every": None})
    *fine, wrong = names
    for name in fine:
        measured.write(measured.curves, name, torch.zeros(2), [0, 1])
        measured.write_notes(0, 0, {name: torch.zeros(2)}, [0, 1])
    with pytest.raises(StrategyError, match=said):
        measured.write(measured.curves, wrong, torch.zeros(2), [0, 1])
    with pytest.raises(StrategyError, match=said):
        measured.write_notes(0, 0, {wrong: torch.zeros(2)}, [0, 1])
