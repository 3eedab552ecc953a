"""Hundreds of tasks: what a job holds, saves and looks at grows with their number, and no
faster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.engine.checkpoint import Checkpointer
from clbench.engine.runner import Progress, Reporter
from clbench.host import Host
from clbench.metrics import RunView
from clbench.records import write_record
from clbench.suite import tested
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, Stopped, first_difference, rows
from clbench_plugins.accuracy_metrics.plasticity import LearningCurveArea
from clbench_plugins.naive import Naive

DATA = {"synthetic": {"classes": 2, "size": 3, "train": 16, "test": 8}}
PROTOCOL: dict[str, Any] = {
    "model": {"mlp": {"hidden": [4]}},
    "batch_size": 16,
    "steps": 2,
    "optimizer": {"sgd": {"lr": 0.1}},
}


def long_bench(host: Host, tasks: int, **protocol: Any) -> Bench:
    """A stream of so many permutations of very small images."""
    stream = Choice("permuted", {"dataset": DATA, "tasks": tasks})
    return Bench(Naive, host, stream, PROTOCOL | {"evaluate": "current"} | protocol)


def size_of(path: Path) -> int:
    return path.stat().st_size


@pytest.mark.parametrize(("evaluate", "numbers"), [("current", 301), ({"last": 3}, 898)])
def test_what_a_job_holds_is_what_is_tested(
    host: Host, tmp_path: Path, evaluate: Any, numbers: int
) -> None:
    sizes = []
    for tasks in (100, 300):
        bench = long_bench(host, tasks, evaluate=evaluate)
        strategy, loop = bench.start(0)
        path = tmp_path / f"{tasks}.ckpt"
        Checkpointer(path, 0.0, {}, print).save(loop)
        sizes.append(size_of(path))
    assert strategy.session.measurements.accuracies.values.shape == (1, numbers)
    assert sizes[1] - sizes[0] < 4 * 8 * numbers


class Clock:
    """A checkpoint takes a second, a task two."""

    def __init__(self, monkeypatch: Any) -> None:
        self.now = 0.0
        self.saved: list[float] = []
        monkeypatch.setattr("clbench.engine.checkpoint.time.monotonic", lambda: self.now)

    def write(self, path: Path, loop: Any) -> None:
        self.saved.append(self.now)
        self.now += 1.0


def test_checkpoints_take_a_tenth_of_the_time_at_most(
    host: Host, tmp_path: Path, monkeypatch: Any
) -> None:
    _, loop = long_bench(host, 200).start(0)
    clock = Clock(monkeypatch)
    mark = Checkpointer(tmp_path / "c.ckpt", 0.0, {}, print)
    monkeypatch.setattr(mark, "_write", clock.write)
    for task in range(1, 201):
        clock.now += 2.0
        loop.cursor.task = task
        mark.between_tasks(loop)
    assert clock.saved[:3] == [2.0, 5.0, 8.0]  # a short job is saved after every task
    assert len(clock.saved) <= 3 + 0.1 * clock.now + 2
    assert clock.saved[-1] == clock.now - 1  # and always at the end


def test_a_record_grows_with_the_tasks(host: Host, tmp_path: Path) -> None:
    sizes, paths = [], [tmp_path / f"{tasks}.h5" for tasks in (30, 60, 120)]
    for path in paths:
        made = long_bench(host, int(path.stem)).run(0, 1)
        write_record(path, [made], suite="s", suite_text="", environment={})
        sizes.append(size_of(path))
    assert made.accuracy is None
    assert len(made.entries.row) == 121  # each task once, and the first one untrained
    assert sizes[2] - sizes[1] < 2.5 * (sizes[1] - sizes[0])


def test_nothing_of_finished_tasks_is_kept_that_is_not_tested_again(host: Host) -> None:
    kept = {}
    for evaluate in ("current", "seen"):
        strategy, loop = long_bench(host, 12, evaluate=evaluate).start(0)
        loop.untrained()
        for task in loop.streams.tasks:
            list(task.batches("train"))  # as a Fisher pass does
            loop.task(task)
        kept[evaluate] = {wanted[0] for wanted in strategy.session.streams._kept}
    assert kept["current"] == {11}
    assert kept["seen"] == set(range(12))


def test_a_killed_long_stream_goes_on_to_the_same_bits(host: Host, tmp_path: Path) -> None:
    bench = long_bench(host, 40, evaluate={"last": 2})
    whole = bench.run(0, 1)
    for stop in (7, 31):
        with pytest.raises(Stopped):
            bench.run(0, 1, stop_after=stop, checkpoint=tmp_path / "c.ckpt")
    resumed = bench.run(0, 1, checkpoint=tmp_path / "c.ckpt")
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(resumed, seed)) is None
    np.testing.assert_array_equal(whole.entries.value, resumed.entries.value)


@pytest.mark.parametrize(
    ("scope", "width"), [({"tasks": "current"}, 1), ({"last": 2}, 2), ({"tasks": "seen"}, 5)]
)
def test_accuracies_within_tasks_are_as_wide_as_what_is_tested(
    host: Host, scope: Any, width: int
) -> None:
    """And are the same numbers as those of the tasks that a wider evaluation looks at."""
    wide = long_bench(host, 5, evaluate={"every": 1}).run(0, 1)
    bench = long_bench(host, 5, evaluate={**scope, "every": 1})
    made = bench.run(0, 1)
    found = made.curves["continual_accuracy"]
    assert found.shape == (2, 10, width)
    trained = made.curves["continual_task"].astype(int)
    for member, moment in np.ndindex(2, 10):
        task = trained[member, moment]
        full = wide.curves["continual_accuracy"][member, moment]
        own = task - 1 if width == 5 else width - 1
        assert found[member, moment, own] == full[task - 1]
        if width == 2 and task > 1:
            assert found[member, moment, 0] == full[task - 2]
    area = LearningCurveArea()
    values = [area.value(RunView(record, 1)) for record in (wide, made)]
    np.testing.assert_allclose(values[0], values[1])


def test_progress_is_told_without_adding_up_the_tasks_so_far() -> None:
    class Counted(list[float]):
        reads = 0

        def __getitem__(self, index: Any) -> Any:
            Counted.reads += 1 if isinstance(index, int) else len(self)
            return super().__getitem__(index)

    told: list[Progress] = []
    reporter = Reporter(told.append, Counted([1.0] * 300))
    cursor = type("Cursor", (), {"task": 150, "phases": None})
    loop: Any = type("Loop", (), {"cursor": cursor, "fraction": 0.0})
    reporter.say(loop, "half")
    assert told[0].fraction == 0.5
    assert Counted.reads <= 1


def test_the_tasks_tested() -> None:
    def scope(tasks: str, last: int | None = None) -> list[list[int]]:
        return [list(one) for one in tested.tested_tasks({"tasks": tasks, "last": last}, 3)]

    assert scope("all") == [[0, 1, 2]] * 4
    assert scope("seen") == [[0], [0], [0, 1], [0, 1, 2]]
    assert scope("current") == [[0], [0], [1], [2]]
    assert scope("last", 2) == [[0], [0], [0, 1], [1, 2]]
