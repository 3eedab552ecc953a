"""What a method notes of a test set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import SoloStrategy, Strategy, Task
from clbench.errors import StrategyError
from clbench.records.merging import merge_cells

from .looking import Looking, by_hand, results_of


@pytest.fixture(autouse=True)
def _forget() -> None:
    Looking.seen.clear()


def test_of_a_note_for_each_task_that_of_the_test_set_is_kept(make_bench: Any) -> None:
    class Guessing(Strategy):
        """Notes what holds of each task, and is told of none."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            tasks = torch.arange(self.scenario.tasks, device=self.device)
            self.note("which", tasks + 10.0 * torch.arange(self.members)[:, None])

    record = make_bench(Guessing, evaluate={"every": 4}).run(0, 1)
    assert record.notes["which"][1].tolist() == [[10.0, 11.0, 12.0]] * 4
    assert record.curves["continual_which"][0, 0].tolist()[:1] == [0.0]


def test_of_a_note_for_each_task_a_solo_strategys_is_kept(make_bench: Any) -> None:
    class GuessingAlone(SoloStrategy):
        """The same for one member."""

        def begin_evaluation(self, look: Any) -> None:
            self.note("which", torch.arange(self.scenario.tasks))

    record = make_bench(GuessingAlone).run(0)
    assert record.notes["which"][0].tolist() == [[0.0, 1.0, 2.0]] * 4


def test_notes_come_back_from_a_record(make_bench: Any, tmp_path: Any) -> None:
    record = make_bench(Looking, tasks=2).run(0, 1)
    results = results_of(record, tmp_path)
    cell = results.cells[0]
    assert np.array_equal(cell.notes["light"], record.notes["light"])
    frame = results.frame(["images"])
    last = frame[frame.task == 2].value.tolist()
    assert last == record.notes["images"][:, -1, 1].tolist()
    summary = frame[frame.task.isna()].value.tolist()
    assert summary == record.notes["images"][:, -1].mean(1).tolist()
    assert "images" in results.metric_names()
    assert np.array_equal(results.run(cell, 1).notes["images"], record.notes["images"][1])


def test_notes_stand_beside_the_entries_of_long_streams(make_bench: Any, tmp_path: Any) -> None:
    bench = make_bench(Looking, evaluate="current")
    record = bench.run(0, 1)
    assert record.notes["images"].shape == record.entries.value.shape
    counts, _ = by_hand(bench, 1)
    assert record.notes["images"][1].tolist() == [counts[0], *counts]
    cell = results_of(record, tmp_path).cells[0]
    assert np.array_equal(cell.notes["images"], record.notes["images"])


def test_notes_of_two_jobs_are_merged_where_they_belong(make_bench: Any) -> None:
    bench = make_bench(Looking, evaluate="current")
    one, other = bench.run(0), bench.run(1)
    assert other.entries is not None
    fewer = other.entries
    keep = np.array([0, 1, 3])  # as if its member had diverged for a while
    other.entries = type(fewer)(fewer.row[keep], fewer.column[keep], fewer.value[:, keep])
    other.notes = {name: values[:, keep] for name, values in other.notes.items()}
    (merged,) = merge_cells([one, other])
    assert np.isnan(merged.notes["images"][1, 2])
    both = bench.run(0, 1).notes["images"]
    assert np.array_equal(merged.notes["images"][:, keep], both[:, keep])


def test_notes_of_a_member_that_diverged_end_there(make_bench: Any) -> None:
    class Breaking(Looking):
        """Its second member diverges in the second task."""

        def task_loss(self, batch: Any) -> Tensor:
            broken = (torch.arange(self.members) == 1) & (self.task.index == 1)
            return super().task_loss(batch) + torch.where(broken, torch.nan, 0.0)

    record = make_bench(Breaking, tasks=3).run(0, 1)
    assert not np.isnan(record.notes["images"][0]).any()
    assert not np.isnan(record.notes["images"][1, :2]).any()
    assert np.isnan(record.notes["images"][1, 2:]).all()


@pytest.mark.parametrize(
    ("value", "got"), [(torch.zeros(3), r"\[3\]; \[1\] is wanted"), (1.0, r"float; \[1\]")]
)
def test_a_note_of_a_wrong_shape_is_named(make_bench: Any, value: Any, got: str) -> None:
    class Odd(Strategy):
        """Notes what is not one value a member."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            self.note("odd", value)

    with pytest.raises(StrategyError, match=rf"note\('odd'\) was given {got}"):
        make_bench(Odd).run(0)


def test_a_note_with_a_name_of_the_engines_is_named(make_bench: Any) -> None:
    class Same(Strategy):
        """Calls its note accuracy."""

        def begin_evaluation(self, look: Any) -> None:
            super().begin_evaluation(look)
            self.note("accuracy", torch.zeros(self.members))

    with pytest.raises(StrategyError, match="the engine uses this name itself"):
        make_bench(Same).run(0)


def test_a_note_outside_of_an_evaluation_is_named(make_bench: Any) -> None:
    class Late(Strategy):
        """Notes where nothing is evaluated."""

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            self.note("late", torch.zeros(self.members))

    with pytest.raises(StrategyError, match=r"call it in begin_evaluation or predict; self.log is"):
        make_bench(Late).run(0)
