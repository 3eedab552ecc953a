"""A comparison says so where its methods do not carry about equally much memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.report.carrying import Unequal, carried, carrying_lines, unequal
from clbench.report.compare_formats import render
from clbench.report.leaderboard import leaderboard
from clbench.report.publishing import write

VALUES = [0.5, 0.6, 0.7, 0.8, 0.9, 0.4]


def carrying(made: Any, scenario: str = "split", **sizes: float) -> list[Any]:
    return [
        made.cell(
            name,
            VALUES,
            scenario,
            cost={"state_bytes": np.full(6, size), "device_bytes": np.ones(6)},
        )
        for name, size in sizes.items()
    ]


def lines(made: Any, *cells: Any) -> list[str]:
    return list(carrying_lines(made.results(*cells)))


def test_who_carries_least_and_most_is_named(made: Any) -> None:
    (line,) = lines(made, *carrying(made, er=392_500, si=1_200_000, ewc=3_140_000, naive=0))
    assert "er 392.5 kB, ewc 3.1 MB, 8.0 times as much" in line


def test_twice_as_much_is_about_equal(made: Any) -> None:
    assert lines(made, *carrying(made, er=100_000, der=200_000)) == []
    assert len(lines(made, *carrying(made, er=100_000, der=200_001))) == 1


def test_who_keeps_nothing_is_not_compared(made: Any) -> None:
    """Nor who keeps counts alone, nor the one method that keeps something."""
    assert lines(made, *carrying(made, naive=0, redo=64, er=400_000)) == []


def test_bounds_do_not_compete(made: Any) -> None:
    er, joint = carrying(made, er=100_000, joint=9_000_000)
    joint.declared = ("bound",)
    assert lines(made, er, joint) == []


def test_the_widest_scenario_is_named_and_others_counted(made: Any) -> None:
    cells = [
        *carrying(made, "narrow", er=100_000, ewc=300_000),
        *carrying(made, "wide", er=100_000, ewc=500_000),
        *carrying(made, "equal", er=100_000, ewc=100_000),
    ]
    (line,) = lines(made, *cells)
    assert "on wide (they differ on 1 more): er 100.0 kB, ewc 500.0 kB, 5.0 times" in line


def test_sizes_of_indices_in_older_records_are_not_compared(made: Any) -> None:
    er, ewc = carrying(made, er=8_000, ewc=3_000_000)
    del er.cost["device_bytes"]
    assert lines(made, er, ewc) == []


@pytest.mark.parametrize("form", ["markdown", "json", "html", "latex"])
def test_every_format_of_a_comparison_says_so(made: Any, form: str) -> None:
    compared = made.compared(*carrying(made, er=100_000, ewc=500_000))
    assert "do not carry equally much" in render(compared, form)


def test_the_leaderboard_says_so(made: Any, tmp_path: Path) -> None:
    record = made.save(tmp_path / "demo.h5", *carrying(made, er=100_000, ewc=500_000))
    board = tmp_path / "board"
    write(leaderboard([record], board, host=made.host), board)
    for name in ("leaderboard.md", "index.html"):
        page = (tmp_path / "board" / name).read_text()
        assert "do not carry equally much" in page


# ---------------------------------------------------------------------- one scenario


def test_who_carries_least_and_who_most(made: Any) -> None:
    found = unequal(carrying(made, a=5_000, b=2_000, c=9_000, d=8_000))
    assert found == Unequal("split", "b", 2_000.0, "c", 9_000.0)
    assert found.ratio == 4.5


def test_the_order_of_cells_does_not_matter(made: Any) -> None:
    cells = carrying(made, a=5_000, b=2_000, c=9_000)
    assert unequal(cells[::-1]) == unequal(cells)


@pytest.mark.parametrize("size", [0, 999.0])
def test_counters_are_below_what_is_compared(made: Any, size: float) -> None:
    assert unequal(carrying(made, a=size, b=50_000)) is None
    assert unequal(carrying(made, a=1_000, b=50_000)) is not None


def test_nobody_to_compare(made: Any) -> None:
    assert unequal([]) is None
    assert unequal(carrying(made, a=50_000)) is None


def test_a_run_carries_the_most_that_any_run_of_its_cell_did(made: Any) -> None:
    (cell,) = carrying(made, a=0)
    cell.cost["state_bytes"] = np.array([np.nan, 5.0, 7.0, np.nan, 1.0, 2.0])
    assert carried(cell) == 7.0
    cell.cost["state_bytes"] = np.full(6, np.nan)
    assert carried(cell) == 0.0


def test_what_was_not_measured_is_nothing(made: Any) -> None:
    assert carried(made.cell("a", VALUES)) == 0.0
