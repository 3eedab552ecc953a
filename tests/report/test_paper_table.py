"""The table of a paper: strategies x scenarios, and who is bold in it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from clbench.report.compare_formats import render
from clbench.report.paper_table import paper_table

NASTY = r"a_b&50%$x$ {\bf} <b>|`*"


@pytest.fixture
def board(made: Any) -> Any:
    """Two equal rivals, one far below, a bound above all, on two scenarios."""
    equal = made.draw(0.9, 12, 1)
    cells = []
    for scenario in ("one", "two"):
        table = {
            "bound": made.draw(0.97, 12, 4),
            "first": equal,
            "same": equal,
            "worse": made.draw(0.5, 12, 2),
        }
        here = made.cells(table, scenario)
        here[0].declared = ("bound",)
        cells += here
    return made.compared(*cells)


def latex_rows(text: str) -> dict[str, list[str]]:
    """By strategy, the cells of its row."""
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")]
    rows = [line.removesuffix(r" \\").split(" & ") for line in body.splitlines() if "&" in line]
    return {name: cells for name, *cells in rows}


def test_all_that_are_not_shown_to_be_worse_are_bold(board: Any) -> None:
    rows = latex_rows(render(board, "latex", "paper"))
    assert list(rows) == ["first", "same", "worse", "bound"]  # bounds are last
    for place in (0, 1):
        assert re.fullmatch(r"\\textbf\{\d\d\.\d \$\\pm\$ \d\.\d\}", rows["first"][place])
        assert rows["same"][place] == rows["first"][place]
        assert "textbf" not in rows["worse"][place] + rows["bound"][place]


def test_the_caption_says_tests_level_and_seeds(board: Any) -> None:
    text = render(board, "latex", "paper")
    (caption,) = re.findall(r"\\caption\{(.*)\}", text)
    tests = next(pair.test for pair in board.pairs)
    assert f"Tests: {tests}; 12 pairs, " in caption
    assert "alpha = 0.05" in caption
    assert "12 seeds" in caption
    assert caption.startswith(r"average\_accuracy, \% (more is better).")
    assert text.count(r"\begin{table}") == 1  # the other layout's tables are not there


def test_markdown_has_the_same_table(board: Any) -> None:
    lines = render(board, "markdown", "paper").splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert [line.split(" ")[1] for line in table[2:]] == ["first", "same", "worse", "bound"]
    assert re.search(r"\| \*\*\d\d\.\d ± \d\.\d\*\* \|", table[2])
    assert "**" not in table[4] + table[5]


def test_who_is_shown_to_be_worse_is_not_bold_though_an_outlier_lifts_its_mean(made: Any) -> None:
    often = np.array([0.9] * 11 + [0.1]) + np.arange(12) / 1000
    rows = made.cells({"often_ahead": often, "steady": often * 0 + 0.88})
    by_ranks = latex_rows(render(made.compared(*rows, tests="ranks"), "latex", "paper"))
    assert "textbf" in by_ranks[r"often\_ahead"][0]
    assert "textbf" not in by_ranks["steady"][0]
    # By their means neither is shown to be worse.
    by_means = latex_rows(render(made.compared(*rows), "latex", "paper"))
    assert all("textbf" in cells[0] for cells in (by_means[r"often\_ahead"], by_means["steady"]))


def test_one_run_is_never_bold(made: Any) -> None:
    found = made.compared(made.cell("once", [0.99]), *made.cells({"a": [0.5, 0.6, 0.7]}))
    rows = latex_rows(render(found, "latex", "paper"))
    assert rows["once"] == ["99.0"]
    assert "textbf" in rows["a"][0]


def test_lost_runs_are_marked(made: Any) -> None:
    status = np.array(["done"] * 9 + ["diverged"], dtype=object)
    found = made.compared(
        made.cell("fragile", made.draw(0.8, 10, 1), member_status=status),
        made.cell("naive", made.draw(0.5, 10, 2)),
    )
    for form, mark in (("latex", r"\dag"), ("markdown", "†")):
        text = render(found, form, "paper")
        assert mark in next(
            line
            for line in text.splitlines()
            if ("fragile" in line and "&" in line) or line.startswith("| fragile")
        )
        assert "Left out: split, fragile: 1 of 10 runs diverged" in text
        assert "over the runs that finished" in text


def test_names_are_no_markup(made: Any) -> None:
    cells = made.cells({NASTY: made.draw(0.8, 6, 1), "plain": made.draw(0.7, 6, 2)}, "s_1 & {x}")
    found = made.compared(*cells)
    latex = render(found, "latex", "paper")
    assert r"a\_b\&50\%\$x\$ \{\textbackslash{}bf\} \textless{}b\textgreater{}\textbar{}" in latex
    assert r"s\_1 \& \{x\}" in latex
    markdown = render(found, "markdown", "paper")
    assert r"\<b\>\|\`\*" in markdown


@pytest.mark.parametrize(
    ("form", "layout", "said"),
    [
        ("latex", "papr", "--format latex has no layout 'papr'; did you mean 'paper'?"),
        ("json", "paper", "--format json has no layout 'paper'; these have it: latex, markdown"),
    ],
)
def test_a_layout_that_is_not_there_is_refused(
    made: Any, project: Any, tmp_path: Any, form: str, layout: str, said: str
) -> None:
    record = made.save(tmp_path / "r.h5", *made.three())
    answer = project.clbench("compare", record, "--format", form, "--layout", layout)
    assert answer.code == 2
    assert answer.stdout == ""
    assert said in answer.stderr


# ---------------------------------------------------------------------- before anything draws it


def test_a_cell_has_the_mean_and_half_of_its_interval(made: Any) -> None:
    values = np.array([0.5, 0.6, 0.7, 0.8])
    comparison = made.compared(made.cell("a", values))
    ((cell,),) = [row.cells for row in paper_table(comparison).rivals]
    (row,) = comparison.summary
    assert cell is not None
    assert cell.estimate.mean == pytest.approx(0.65)
    assert cell.estimate.half == pytest.approx(row.ci_high - row.mean)
    assert (cell.estimate.seeds, cell.lost) == (4, 0)


def test_the_half_is_that_of_the_side_which_was_not_cut(made: Any) -> None:
    """The interval of these ends above 100 %, where no accuracy is."""
    comparison = made.compared(made.cell("a", [0.7, 1.0, 1.0]))
    ((cell,),) = [row.cells for row in paper_table(comparison).rivals]
    (row,) = comparison.summary
    assert cell is not None
    assert row.ci_high == 1.0
    assert cell.estimate.half == pytest.approx(row.mean - row.ci_low)


def test_a_strategy_without_a_finished_run_has_no_cell(made: Any) -> None:
    lost = np.array(["diverged"] * 2, dtype=object)
    cells = [made.cell("a", [0.5, 0.6]), made.cell("b", [0.5, 0.6], member_status=lost)]
    rows = {row.name: row.cells for row in paper_table(made.compared(*cells)).rivals}
    assert rows["b"] == (None,)
    assert rows["a"] != (None,)


@pytest.mark.parametrize(
    ("counts", "words"),
    [([1], "1 seed"), ([2], "2 seeds"), ([2, 5], "2 to 5 seeds"), ([], "0 seeds")],
)
def test_the_caption_counts_seeds(made: Any, counts: list[int], words: str) -> None:
    cells = [made.cell(f"m{count}", [0.5] * count) for count in counts]
    caption = paper_table(made.compared(*cells)).caption
    assert f"Means ± half of their 95 % intervals over {words}." in caption


def test_a_caption_says_only_what_there_is(made: Any) -> None:
    table = paper_table(made.compared(*made.cells({"a": [0.5, 0.6]})))
    assert "No test was possible." in table.caption
    assert "bounds" not in table.caption
    assert "†" not in table.caption


def test_a_single_pair_is_not_corrected(made: Any) -> None:
    two = made.compared(*made.cells({"a": [0.5, 0.6, 0.7], "b": [0.5, 0.7, 0.6]}))
    three = made.compared(*made.three())
    assert "pairs" not in paper_table(two).caption
    assert "; 3 pairs, " in paper_table(three).caption


@pytest.mark.parametrize("form", ["latex", "markdown"])
def test_a_record_without_a_run_is_a_table_without_rows(made: Any, form: str) -> None:
    assert "over 0 seeds" in render(made.compared(), form, "paper")
