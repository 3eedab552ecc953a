"""The tables of a comparison as plain text: which columns there are, and what their cells say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.report.compare_tables import (
    PERCENT,
    POINTS,
    TableKind,
    TableOf,
    level_words,
    tables,
    unit_of,
    won_words,
)
from clbench.report.compared import Comparison
from clbench.report.numbers import Scale


def table(comparison: Comparison, kind: TableKind) -> TableOf:
    """The first table of this kind."""
    return next(one for one in tables(comparison) if one.kind is kind)


def summary(comparison: Comparison) -> TableOf:
    return table(comparison, TableKind.SUMMARY)


def column(found: TableOf, header: str) -> list[str]:
    """The cells of the column whose header begins so."""
    (place,) = [at for at, name in enumerate(found.headers) if name.startswith(header)]
    return [row[place] for row in found.rows]


def two(made, first: Any, second: Any, **rules: Any) -> Comparison:
    """Strategies `a` and `b` with these accuracies by seed."""
    found: Comparison = made.compared(*made.cells({"a": first, "b": second}), **rules)
    return found


LOW = np.array([0.50, 0.52, 0.54, 0.56, 0.58, 0.60])
HIGH = LOW + np.array([0.20, 0.21, 0.22, 0.21, 0.20, 0.22])


# ---------------------------------------------------------------------- which tables there are


def test_one_scenario_has_a_summary_and_its_pairs(made) -> None:
    found = tables(made.compared(*made.three()))
    assert [one.kind for one in found] == [TableKind.SUMMARY, TableKind.PAIRS]
    assert [one.title.partition(":")[0] for one in found] == [
        "average_accuracy (more is better)",
        "Every pair",
    ]


def test_several_scenarios_have_those_over_all_as_well(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"))
    found = tables(comparison)
    assert [one.kind for one in found] == [
        TableKind.SUMMARY,
        TableKind.PAIRS,
        TableKind.OVERALL_RANKS,
        TableKind.OVERALL_PAIRS,
    ]
    assert found[2].title == "On these 2 scenarios together"
    assert found[3].title.startswith("Every pair on these scenarios together: ")


def test_tests_on_ranks_ask_about_scenarios_like_these(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"), tests="ranks")
    ranks = table(comparison, TableKind.OVERALL_RANKS)
    assert ranks.title == "On scenarios like these 2"
    assert column(ranks, "average rank") == ["1.00", "2.00", "3.00"]
    pairs = table(comparison, TableKind.OVERALL_PAIRS)
    assert pairs.title.startswith("Every pair on scenarios like these: ")
    assert column(pairs, "scenarios") == ["2", "2", "2"]


def test_average_ranks_that_decide_nothing_are_not_shown(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"))
    headers = table(comparison, TableKind.OVERALL_RANKS).headers
    assert "average rank" not in headers


def test_tables_without_rows_are_left_out(made) -> None:
    assert tables(made.compared()) == []
    lonely = tables(made.compared(made.cell("a", [0.5, 0.6])))
    assert [one.kind for one in lonely] == [TableKind.SUMMARY]


def test_every_row_has_a_cell_for_each_column(made) -> None:
    cells = [*made.three("one", seeds=4), *made.three("two", seeds=4)]
    for rules in ({}, {"baseline": "poor"}, {"tests": "ranks"}, {"unpaired": True}):
        for one in tables(made.compared(*cells, **rules)):
            assert {len(row) for row in one.rows} == {len(one.columns)}


# ---------------------------------------------------------------------- the summary


def test_a_row_has_rank_group_runs_and_mean(made) -> None:
    found = summary(two(made, LOW, HIGH))
    assert found.headers == ("strategy", "rank", "group", "runs", "mean [95 %], %")
    assert column(found, "strategy") == ["b", "a"]
    assert column(found, "rank") == ["1", "2"]
    assert column(found, "group") == ["a", "b"]
    assert column(found, "runs") == ["6", "6"]
    assert column(found, "mean")[1].startswith("55.0 [")


def test_scenarios_stand_first_where_there_are_several(made) -> None:
    one = summary(made.compared(*made.three("one")))
    both = summary(made.compared(*made.three("one"), *made.three("two")))
    assert "scenario" not in one.headers
    assert both.headers[0] == "scenario"
    assert column(both, "scenario") == ["one"] * 3 + ["two"] * 3


def test_runs_that_did_not_finish_are_counted(made) -> None:
    status = np.array(["done"] * 5 + ["diverged"], dtype=object)
    cells = [made.cell("a", LOW, member_status=status), made.cell("b", HIGH)]
    assert sorted(column(summary(made.compared(*cells)), "runs")) == ["5 of 6", "6"]


def test_middle_halves_are_shown_from_ten_runs_on(made) -> None:
    few, many = np.linspace(0.5, 0.6, 9), np.linspace(0.5, 0.6, 10)
    assert not any(name.startswith("IQM") for name in summary(two(made, few, few)).headers)
    assert len(column(summary(two(made, many, many)), "IQM [95 %], %")) == 2


def test_less_is_better_is_said_in_the_title(made) -> None:
    comparison = two(made, LOW, HIGH, metric="forgetting")
    assert summary(comparison).title == "forgetting (less is better)"


def test_marks_stand_behind_names(made) -> None:
    cells = made.cells({"a": LOW, "er(memory=1)": HIGH, "er(memory=2)": LOW})
    cells[0].declared = ("bound",)
    names = column(summary(made.compared(*cells)), "strategy")
    assert set(names) == {"a", "er(memory=1) (best of 2)", "er(memory=2)"}


# ---------------------------------------------------------------------- beside a baseline


def test_differences_from_the_baseline(made) -> None:
    found = summary(two(made, LOW, HIGH, baseline="a"))
    assert found.headers[-4:] == ("minus a [95 %], points", "adjusted p", "ahead in", "A")
    # The differences are 20, 21, 22, 21, 20 and 22 points.
    assert column(found, "minus a")[0].startswith("+21.0 [")
    assert column(found, "ahead in") == ["6 of 6", ""]
    assert column(found, "A")[0] == "1.00"


def test_the_baseline_itself_has_nothing_to_differ_from(made) -> None:
    found = summary(two(made, LOW, HIGH, baseline="a"))
    (row,) = [row for row in found.rows if row[0] == "a"]
    assert row[-4:] == ("baseline", "", "", "")


def test_who_is_worse_has_a_minus_and_no_plus(made) -> None:
    found = summary(two(made, LOW, HIGH, baseline="b"))
    assert column(found, "minus b")[-1].startswith("-21.0 [")


def test_without_a_baseline_nothing_is_subtracted(made) -> None:
    headers = summary(two(made, LOW, HIGH)).headers
    assert not any(name.startswith("minus") for name in headers)


# ---------------------------------------------------------------------- pairs


def test_a_pair_has_its_difference_and_its_tests(made) -> None:
    found = table(two(made, LOW, HIGH), TableKind.PAIRS)
    assert found.headers == (
        "a",
        "b",
        "seeds",
        "a - b [95 %], points",
        "a ahead in [95 %]",
        "A",
        "p",
        "adjusted p",
        "smallest p",
        "verdict",
    )
    (row,) = found.rows
    assert row[:3] == ("a", "b", "6")
    assert row[3].startswith("-21.0 [")
    # 6 of 6 seeds one way: 2 of the 64 flips of signs are as extreme.
    assert row[6] == "0.0312"


def test_runs_that_are_not_paired_are_counted_and_none_is_ahead(made) -> None:
    found = table(two(made, LOW, HIGH, unpaired=True), TableKind.PAIRS)
    assert column(found, "runs")
    assert not any("ahead" in name for name in found.headers)


def test_against_a_baseline_alone_the_title_says_so(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"), baseline="poor")
    titles = [one.title for one in tables(comparison)]
    assert titles[1].startswith("Against poor: ")
    assert any(title.startswith("Against poor on these scenarios together: ") for title in titles)
    assert titles[1].endswith("; intervals are for one difference at a time")


def test_pairs_of_several_scenarios_name_theirs(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"))
    found = table(comparison, TableKind.PAIRS)
    assert column(found, "scenario") == ["one"] * 3 + ["two"] * 3
    assert "scenario" not in table(comparison, TableKind.OVERALL_PAIRS).headers


@pytest.mark.parametrize(
    ("won", "lost", "words"),
    [(6, 0, "6 of 6 [0.50, 1.00]"), (0, 6, "0 of 6 [0.50, 1.00]"), (3, 2, "3.5 of 6 [0.50, 1.00]")],
)
def test_a_tie_is_half_a_win(made, won: int, lost: int, words: str) -> None:
    (pair,) = two(made, LOW, HIGH).pairs
    counted = replace(pair, won=won, lost=lost, won_low=0.5, won_high=1.0)
    assert won_words(counted) == words


def test_a_share_that_was_not_counted_is_missing(made) -> None:
    (pair,) = two(made, LOW, HIGH).pairs
    assert won_words(replace(pair, won_low=np.nan)) == "-"


# ---------------------------------------------------------------------- headers


def test_words_stand_on_the_left_and_numbers_on_the_right(made) -> None:
    found = summary(made.compared(*made.three("one"), *made.three("two")))
    words = [one.header for one in found.columns if one.is_words]
    assert words == ["scenario", "strategy", "group"]


def test_names_ranks_and_means_are_never_spared(made) -> None:
    found = summary(two(made, np.linspace(0.5, 0.6, 10), np.linspace(0.6, 0.7, 10), baseline="a"))
    never = [one.header.partition(" ")[0] for one in found.columns if not one.spare]
    assert never == ["strategy", "rank", "runs", "mean", "minus"]


@pytest.mark.parametrize(("alpha", "words"), [(0.05, "[95 %]"), (0.01, "[99 %]")])
def test_a_header_says_the_level_of_its_intervals(made, alpha: float, words: str) -> None:
    assert level_words(two(made, LOW, HIGH, alpha=alpha)) == words


@pytest.mark.parametrize(
    ("scale", "words", "unit"),
    [
        (Scale("fraction", 0.01, 1, ""), PERCENT, ", %"),
        (Scale("fraction", 0.01, 1, ""), POINTS, ", points"),
        (Scale("bytes", 1e6, 1, "MB"), PERCENT, ", MB"),
        (Scale("count", 1.0, 0, ""), PERCENT, ""),
    ],
)
def test_a_header_says_the_unit_of_its_numbers(
    scale: Scale, words: dict[str, str], unit: str
) -> None:
    assert unit_of(scale, words) == unit
