"""The files of a leaderboard: copies of records, a table for spreadsheets, one for readers."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import OutputError
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.publishing import CSV_COLUMNS, as_csv, as_markdown, make_folder
from clbench.report.repeat_words import repeat_sentence
from clbench.report.reproduction import DIFFERS, SAME, Repeat
from clbench.report.sections import Section, Source
from tests.report.boards import built, timed
from tests.report.built import repeat_of

SPREAD = (0.5, 0.52, 0.55, 0.48, 0.51)


def test_records_are_copied_where_they_are_not_in_the_folder(made, three, tmp_path) -> None:
    board = tmp_path / "board"
    (tmp_path / "elsewhere").mkdir()
    elsewhere = made.save(tmp_path / "elsewhere" / "demo.h5", *made.three("x"), suite="x")
    built(board, three, elsewhere)
    assert (board / "records" / "demo.h5").read_bytes() == three.read_bytes()
    assert (board / "records" / "demo-2.h5").read_bytes() == elsewhere.read_bytes()
    sections = built(board, board / "records" / "demo.h5")
    assert [source.place for source in sections[0].sources] == ["records/demo.h5"]


def test_the_same_records_give_the_same_bytes(three, tmp_path) -> None:
    built(tmp_path / "a", three)
    built(tmp_path / "b", three)
    for name in ("index.html", "leaderboard.csv", "leaderboard.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_folder_that_cannot_be_is_said_in_a_sentence(three, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        built(tmp_path / "file", three)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_said_in_a_sentence(three, tmp_path) -> None:
    board = tmp_path / "board"
    board.mkdir(mode=0o500)
    with pytest.raises(OutputError, match="permission denied"):
        built(board, three)


def test_the_csv_has_every_number(three, tmp_path) -> None:
    (section,) = built(tmp_path / "board", three)
    rows = list(csv.DictReader(io.StringIO(as_csv([section]))))
    assert len(rows) == 6
    best = section.main.summary[0]
    assert float(rows[0]["mean"]) == best.mean
    assert rows[0]["records"] == "records/demo.h5"


def test_the_markdown_has_tables_and_sentences(three, tmp_path) -> None:
    text = as_markdown(built(tmp_path / "board", three))
    assert "| one | good | 1 | a |" in text
    assert "- one: good is better than every other; 3 of 3 pairs differ." in text
    assert "[records/demo.h5](records/demo.h5)" in text


def test_the_board_says_what_a_run_again_found(made, tmp_path) -> None:
    (tmp_path / "b").mkdir()
    first = made.save(tmp_path / "demo.h5", timed(made.cell("er", SPREAD), 1.0))
    lower = timed(made.cell("er", np.array(SPREAD) - 0.015), 2.0)
    sections = leaderboard(
        [first, made.save(tmp_path / "b" / "demo.h5", lower)], tmp_path / "board", alpha=0.01
    )
    (row,) = csv.DictReader(io.StringIO(as_csv(sections)))
    assert row["run_again"] == DIFFERS
    assert float(row["run_again_difference"]) == pytest.approx(-0.015)
    assert "split, er: 5 seeds measured again" in as_markdown(sections)
    (entry,) = page_data(sections)["sections"][0]["entries"]
    assert entry["again"] == "✗ differs, -1.5 points"
    assert entry["repeats"][0]["difference"] == pytest.approx(-0.015)
    assert entry["repeats"][0]["words"] == repeat_sentence(sections[0].repeats[entry["key"]][0])


# ---------------------------------------------------------------------- the table for spreadsheets


def rows_of(sections: list[Section]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_csv(sections))))


def section_of(made, *cells: Any, again: dict[str, tuple[Repeat, ...]] | None = None) -> Section:
    """A section of these cells, by their average accuracy, at `records/demo.h5`."""
    results = made.results(*cells)
    source = Source(results.record, Path("demo.h5"), "records/a demo.h5")
    comparisons = {"average_accuracy": made.compared(*cells)}
    return Section("demo", (source,), comparisons, again or {}, results)


def test_columns_are_fixed(made) -> None:
    for cells in ([], made.three(seeds=3)):
        head, *_ = as_csv([section_of(made, *cells)]).splitlines()
        assert head.split(",") == list(CSV_COLUMNS)
    assert as_csv([]).splitlines() == [",".join(CSV_COLUMNS)]


def test_a_row_says_how_a_cell_was_made_and_what_it_cost(made) -> None:
    cost = {"train_seconds": np.array([1.0, 3.0, 2.0])}
    cell = made.cell("er", [0.5, 0.6, 0.7], options={"b": 1, "a": [2]}, cost=cost)
    (row,) = rows_of([section_of(made, cell)])
    assert (row["suite"], row["metric"], row["scenario"]) == ("demo", "average_accuracy", "split")
    assert float(row["mean"]) == pytest.approx(0.6)
    assert float(row["train_seconds"]) == 2.0
    assert row["options"] == '{"a": [2], "b": 1}'
    assert row["records"] == "records/a demo.h5"
    assert row["run_again"] == row["average_rank"] == ""


def test_ranks_over_scenarios_stand_in_every_row_of_a_strategy(made) -> None:
    rows = rows_of([section_of(made, *made.three("one"), *made.three("two"))])
    ranks = {(row["scenario"], row["strategy"]): row["average_rank"] for row in rows}
    assert ranks["one", "good"] == ranks["two", "good"] == "1.0"
    assert ranks["one", "poor"] == "3.0"


def test_a_cell_that_a_spreadsheet_would_run_is_inert(made) -> None:
    (row,) = rows_of([section_of(made, made.cell("=cmd()", [0.5, 0.6]))])
    assert row["strategy"] != "=cmd()"
    assert row["strategy"].endswith("=cmd()")


AGAIN = repeat_of(first=0.5, again=0.6, difference=0.1, low=0.05, high=0.15, largest=0.2)


def test_one_repeat_is_a_number_and_several_are_a_text(made) -> None:
    cell = made.cell("er", [0.5, 0.6])
    unknown = replace(AGAIN, verdict=SAME, difference=np.nan)
    (one,) = rows_of([section_of(made, cell, again={cell.key: (AGAIN,)})])
    assert (one["run_again"], one["run_again_difference"]) == (DIFFERS, "0.1")
    (both,) = rows_of([section_of(made, cell, again={cell.key: (AGAIN, unknown)})])
    assert both["run_again"] == f"{DIFFERS}; {SAME}"
    assert both["run_again_difference"] == "0.1; "  # nothing stands for what is not known
    assert both["run_again_largest"] == "0.2; 0.2"


# ---------------------------------------------------------------------- the table for readers


def test_each_section_has_its_title_its_summary_and_its_records(made) -> None:
    lines = as_markdown([section_of(made, *made.three(seeds=6))]).splitlines()
    assert lines[0] == "# Leaderboard"
    assert "## demo" in lines
    assert "| strategy | rank | group | runs | mean \\[95 %\\], % |" in lines
    assert "Records: [records/a demo.h5](records/a%20demo.h5)" in lines
    assert not any("Every pair" in line for line in lines)  # that would be too much


def test_what_is_said_of_repeats_stands_below(made) -> None:
    cell = made.cell("er", [0.5, 0.6])
    text = as_markdown([section_of(made, cell, again={cell.key: (AGAIN,)})])
    assert f"- split, er: {repeat_sentence(AGAIN)}" in text.replace("\\", "")


def test_without_sections_there_is_a_title(made) -> None:
    assert as_markdown([]).splitlines()[0] == "# Leaderboard"


# ---------------------------------------------------------------------- folders


def test_a_folder_is_made_with_those_above_it(tmp_path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_in_a_file_s_place_says_what_to_do(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"the folder .*file cannot be made: .*; choose another"):
        make_folder(tmp_path / "file")
