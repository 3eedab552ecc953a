"""What measuring took, beside training."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.records import CellRecord
from clbench.report.measuring import measuring_line


def timed(made, label: str = "er", training: float | None = 10.0, **seconds: float) -> CellRecord:
    """Two runs, each of which took so long."""
    cost = {} if training is None else {"train_seconds": np.full(2, training)}
    spent = {name: np.full(2, value) for name, value in seconds.items()}
    cell: CellRecord = made.cell(label, [0.5, 0.6], cost=cost, metric_seconds=spent)
    return cell


def test_all_runs_together_the_longest_first(made) -> None:
    # Two runs each: 2 x 1.5 s, 2 x 60 s, and 2 x 10 s of training.
    line = measuring_line([timed(made, short=1.5, long=60.0)])
    assert line == (
        "measuring took: long 2.0 min, short 3.0 s (training 20.0 s; all runs together)"
    )


def test_cells_are_added_up(made) -> None:
    one, other = timed(made, "a", probe=1.0), timed(made, "b", probe=2.0, training=30.0)
    wanted = "measuring took: probe 6.0 s (training 1.3 min; all runs together)"
    # 2 x 1 + 2 x 2 = 6 s; 2 x 10 + 2 x 30 = 80 s
    assert measuring_line([one, other]) == wanted
    assert measuring_line([other, one]) == wanted


def test_ties_are_sorted_by_name(made) -> None:
    assert "took: a 2.0 s, b 2.0 s (" in measuring_line([timed(made, b=1.0, a=1.0)])


def test_runs_that_did_not_end_are_left_out_of_the_sum(made) -> None:
    cell = timed(made, probe=2.0)
    cell.metric_seconds["probe"][1] = np.nan
    cell.cost["train_seconds"][1] = np.nan
    assert "probe 2.0 s (training 10.0 s" in measuring_line([cell])


def test_training_that_was_not_timed_took_no_known_time(made) -> None:
    assert "(training 0.0 s" in measuring_line([timed(made, training=None, probe=1.0)])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_where_nothing_was_measured_nothing_is_said(made, count: int) -> None:
    assert measuring_line([timed(made)] * count) == ""
