"""A suite that asked for ten seeds and has three says so wherever seeds are counted."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import clbench
from clbench.records import load
from clbench.records.combining import merge_records
from clbench.report.compare_tables import tables
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.publishing import as_csv
from clbench.report.terminal import summary_of

TEN = "name: demo\nseeds: 10\n"


def three_of_ten(made: Any, path: Path) -> Path:
    return made.save(path, *made.cells({"a": [0.5, 0.6, 0.7], "b": [0.6, 0.7, 0.8]}), text=TEN)


def requested(found: Any) -> list[int]:
    return [row["n_requested"] for row in found.to_json()["summary"]]


def test_a_comparison_counts_what_the_suite_asked_for(made: Any, tmp_path: Path) -> None:
    found = clbench.compare(three_of_ten(made, tmp_path / "r.h5"))
    assert requested(found) == [10, 10]
    assert {row[3] for row in tables(found)[0].rows} == {"3 of 10"}


def test_show_says_how_many_seeds_were_not_run(made: Any, tmp_path: Path) -> None:
    columns = summary_of(load(three_of_ten(made, tmp_path / "r.h5"))).columns
    assert columns[-1].cells == ("3 of 10 (7 not run)",) * 2


def test_a_board_counts_them_too(made: Any, tmp_path: Path) -> None:
    sections = leaderboard([three_of_ten(made, tmp_path / "r.h5")], tmp_path / "board")
    assert {row["n_requested"] for row in csv.DictReader(io.StringIO(as_csv(sections)))} == {"10"}
    (ranking,) = page_data(sections)["sections"][0]["rankings"]
    assert {row["n_requested"] for row in ranking["summary"]} == {10}


def test_each_cell_is_counted_by_its_own_suite(made: Any, tmp_path: Path) -> None:
    first = three_of_ten(made, tmp_path / "first.h5")
    other = made.save(
        tmp_path / "other.h5", made.cell("c", [0.5] * 4), suite="other", text="seeds: 5\n"
    )
    assert sorted(requested(clbench.compare([first, other]))) == [5, 10, 10]
    merge_records([first, other], tmp_path / "both.h5")
    assert sorted(requested(clbench.compare(tmp_path / "both.h5"))) == [5, 10, 10]


def test_seeds_beyond_the_suites_count_as_asked_for(made: Any, tmp_path: Path) -> None:
    more = made.save(tmp_path / "r.h5", made.cell("a", [0.5] * 12), text=TEN)
    assert requested(clbench.compare(more)) == [12]
    assert requested(clbench.compare(made.results(made.cell("a", [0.5] * 3)))) == [3]
