"""Who sees labels and test data, and how that is marked."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor

from clbench import ProbeMetric, SoloStrategy, Strategy, Task
from clbench.errors import StrategyError
from clbench.records.merging import merge_cells
from clbench.report.marks import marked_label
from clbench.report.terminal import summary_table
from clbench.testing.bench import first_difference, rows
from clbench_plugins.naive import Naive

from .looking import Looking, results_of


@pytest.fixture(autouse=True)
def _forget() -> None:
    Looking.seen.clear()


# ------------------------------------------------------------------------------------------ oracles


class Peeking(Strategy):
    """Wants to see the labels."""

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        self.note("first", look.labels[:, 0])
        self.note("of_task", torch.full((self.members,), look.task.index))


class Oracle(Peeking):
    """And says so."""

    oracle = True


class OracleAlone(SoloStrategy):
    """The same for one member."""

    oracle = True

    def begin_evaluation(self, look: Any) -> None:
        assert len(look.labels) == sum(len(images.x) for images in look.batches())
        self.note("first", look.labels[0])
        self.note("of_task", look.task.index)


def test_labels_are_refused_to_who_is_no_oracle(make_bench: Any) -> None:
    with pytest.raises(StrategyError, match=r"look.labels is what .* says `oracle = True`"):
        make_bench(Peeking).run(0)


@pytest.mark.parametrize("strategy", [Oracle, OracleAlone])
def test_an_oracle_sees_labels_and_task_and_is_marked(
    make_bench: Any, tmp_path: Any, strategy: Any
) -> None:
    record = make_bench(strategy).run(0)
    assert record.declared == ("oracle",)
    assert record.notes["of_task"][0].tolist() == [[0.0, 1.0, 2.0]] * 4
    results = results_of(record, tmp_path)
    assert results.cells[0].declared == ("oracle",)
    console = Console(width=100, file=io.StringIO())
    console.print(summary_table(results))
    shown = console.file.getvalue()
    assert f"{record.label} (oracle)" in shown
    assert f"(oracle) {record.label}: it sees the labels" in shown


@pytest.mark.parametrize("base", [Oracle, OracleAlone])
def test_an_option_may_decide_whether_labels_are_seen(make_bench: Any, base: Any) -> None:
    class Choosing(base):  # type: ignore[misc]
        """Sees labels where it is told to."""

        peek: bool = False  # look at labels

        def declares(self) -> frozenset[str]:
            return super().declares() if self.peek else frozenset()

    assert make_bench(Choosing(peek=True)).run(0).declared == ("oracle",)
    with pytest.raises(StrategyError, match=r"look.labels is what"):
        make_bench(Choosing).run(0)


def test_the_mark_of_an_oracle_outlives_a_failed_job(make_bench: Any) -> None:
    one, other = make_bench(Naive).run(0), make_bench(Naive).run(1)
    other.declared = ("oracle",)
    (merged,) = merge_cells([one, other])
    assert merged.declared == ("oracle",)


def test_the_task_is_seen_where_the_setting_tells_it(make_bench: Any) -> None:
    class Told(Strategy):
        """Looks at the task."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            self.note("of_task", torch.full((self.members,), look.task.index))

    record = make_bench(Told, setting="task").run(0)
    assert record.notes["of_task"][0, 0].tolist() == [0.0, 1.0, 2.0]
    with pytest.raises(StrategyError, match=r"look.task is what a method is tested on"):
        make_bench(Told).run(0)


def test_a_method_that_looks_trains_as_alone(make_bench: Any) -> None:
    bench = make_bench(Looking)
    together = bench.run(0, 1, 2)
    assert first_difference(rows(together, 1), rows(bench.run(1), 1)) is None


# ------------------------------------------------------------------------------------------ test
# data


class Cheating(Strategy):
    """Trains on test data, in the hook it is told."""

    where: ClassVar[str] = "begin_task"

    def _read(self) -> None:
        next(iter(self.session.streams.tasks[0].batches("test")))

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if self.where == "begin_task":
            next(iter(task.batches("test", 16)))

    def observe(self, batch: Any) -> Any:
        if self.where == "observe":
            next(iter(batch.task.batches("test")))
        return super().observe(batch)

    def end_epoch(self, phase: Any, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        if self.where == "end_epoch":
            next(iter(self.task.batches(split="test", limit=5)))

    def begin_evaluation(self, look: Any) -> None:
        super().begin_evaluation(look)
        if self.where == "begin_evaluation":
            self._read()

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        if self.where == "predict":
            self._read()
        return super().predict(x, task)


class CheatingAlone(SoloStrategy):
    """The same for one member."""

    def end_task(self, task: Task) -> None:
        next(iter(self.batches("test")))


WHERE = ["begin_task", "observe", "end_epoch", "begin_evaluation", "predict"]


@pytest.mark.parametrize("where", WHERE)
def test_test_data_is_refused_to_every_hook(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Cheating, "where", where)
    with pytest.raises(StrategyError, match=r"asked for test data.*`reads_test = True`"):
        make_bench(Cheating, tasks=2).run(0)


def test_test_data_is_refused_to_solo_strategies(make_bench: Any) -> None:
    with pytest.raises(StrategyError, match="asked for test data"):
        make_bench(CheatingAlone, tasks=2).run(0)


@pytest.mark.parametrize("base", [Cheating, CheatingAlone])
def test_who_declares_it_reads_test_data_and_is_marked(make_bench: Any, base: Any) -> None:
    declared = type("Declared", (base,), {"__doc__": "Says so.", "reads_test": True})
    record = make_bench(declared, tasks=2).run(0)
    assert record.declared == ("reads_test",)
    assert marked_label(record) == "declared (reads test)"


def test_how_many_test_samples_there_are_is_no_secret(make_bench: Any) -> None:
    class Counting(Strategy):
        """Asks for the number alone."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            assert all(task.size("test"))

    assert make_bench(Counting, tasks=2).run(0).declared == ()


def total(batches: Iterable[Any]) -> Tensor:
    """The sum of all pixels."""
    return sum((batch.x.sum() for batch in batches), torch.zeros(()))


def test_probe_metrics_read_test_data(make_bench: Any) -> None:
    class TestLight(ProbeMetric):
        """The mean light of a task's test images, by both ways to them."""

        when = "task_end"

        def measure(self, probe: Any) -> Tensor:
            both = probe.task.batches("test"), probe.data("test", "current")
            one, other = map(total, both)
            return torch.stack([one, other])[None]

    record = make_bench(Naive, tasks=2, metrics=[TestLight]).run(0)
    assert record.errors == ()
    assert (record.metrics["test_light"] > 0).all()
    with pytest.raises(StrategyError, match="asked for test data"):  # and nobody after them
        make_bench(Cheating, tasks=2, metrics=[TestLight]).run(0)


def test_what_is_noted_late_within_tasks_stands_beside_its_steps(make_bench: Any) -> None:
    class Late(Strategy):
        """Notes something from the second task on, and not always."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            if self.task.index:
                self.note("late", torch.full((self.members,), float(self.task.index)))

    record = make_bench(Late, tasks=3, evaluate={"every": 2}, order="random").run(0, 1)
    task, late = record.curves["continual_task"], record.curves["continual_late"]
    assert late.shape == record.curves["continual_accuracy"].shape
    for row in range(2):
        known = ~np.isnan(task[row])
        noted = ~np.isnan(late[row]).all(axis=1)
        assert np.array_equal(noted[known], task[row][known] > 1)
        assert np.array_equal(late[row][noted][:, 0], task[row][noted] - 1)
