"""A comparison as LaTeX: text that stays text, and the tables of a paper."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from clbench.report.compared import Comparison
from clbench.report.latex import latex, latex_for_paper, latex_text

VALUES = np.array([0.50, 0.52, 0.54, 0.56, 0.58, 0.60])


def blocks(text: str) -> list[list[str]]:
    """The lines of each table's body, with its head."""
    found = re.findall(r"\\toprule\n(.*?)\n\\bottomrule", text, re.DOTALL)
    return [body.split("\n") for body in found]


def rows_of(body: list[str]) -> dict[str, list[str]]:
    """The cells of each row by its name, without the head."""
    rows = [line.removesuffix(r" \\").split(" & ") for line in body if " & " in line]
    return {row[0]: row[1:] for row in rows[1:]}


def compared(made, table: dict[str, Any], **rules: Any) -> Comparison:
    found: Comparison = made.compared(*made.cells(table), **rules)
    return found


# ---------------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b & 50% of $1 #2 {x}", r"a\_b \& 50\% of \$1 \#2 \{x\}"),
        ("\\input", r"\textbackslash{}input"),
        ("~x^2", r"\textasciitilde{}x\textasciicircum{}2"),
        ("a < b > c | d", r"a \textless{} b \textgreater{} c \textbar{} d"),
        ("1 ± 2 †", r"1 $\pm$ 2 \dag{}"),
        ("two\nlines  and\tblanks", "two lines and blanks"),
        ("", ""),
    ],
)
def test_text_stays_text(text: str, written: str) -> None:
    assert latex_text(text) == written


def test_what_is_said_is_comments_of_one_line(made) -> None:
    text = latex(compared(made, {"a": VALUES, "b": VALUES}))
    before, _, _ = text.partition("\n\n\\begin{table}")
    comments = before.split("\n")
    assert comments
    assert all(line.startswith("% ") for line in comments)


def test_an_empty_comparison_has_no_table(made) -> None:
    assert r"\begin{table}" not in latex(made.compared())


# ---------------------------------------------------------------------- strategies x scenarios


def test_the_best_is_bold_and_who_is_tied_with_it_marked(made) -> None:
    table = {"best": VALUES + 0.3, "tied": VALUES + 0.29999, "worse": VALUES}
    table["tied"] = (VALUES + 0.3)[::-1].copy()
    rows = rows_of(blocks(latex(compared(made, table)))[0])
    assert rows["best"][0].startswith(r"\textbf{85.0} {\scriptsize [")
    assert rows["tied"][0].startswith(r"85.0$^{=}$ {\scriptsize [")
    assert rows["worse"][0].startswith(r"55.0 {\scriptsize [")


def test_where_less_is_better_the_least_is_bold(made) -> None:
    table = {"slow": VALUES, "fast": VALUES}
    cells = made.cells(table)
    for cell, seconds in zip(cells, (9.0, 1.0), strict=True):
        cell.cost["train_seconds"] = seconds + VALUES
    text = latex(made.compared(*cells, metric="train_seconds"))
    rows = rows_of(blocks(text)[0])
    assert rows["fast"][0].startswith(r"\textbf{")
    assert not rows["slow"][0].startswith(r"\textbf{")
    assert "(less is better), means with their 95\\,\\% intervals" in text


def test_a_bound_is_named_and_never_bold(made) -> None:
    cells = made.cells({"joint": VALUES + 0.3, "er": VALUES})
    cells[0].declared = ("bound",)
    rows = rows_of(blocks(latex(made.compared(*cells)))[0])
    assert rows["joint (bound)"][0].startswith("85.0 {")
    assert rows["er"][0].startswith(r"\textbf{55.0}")


def test_a_strategy_that_is_not_on_a_scenario_is_missing_there(made) -> None:
    cells = [*made.cells({"a": VALUES, "b": VALUES}, "one"), *made.cells({"a": VALUES}, "two")]
    body = blocks(latex(made.compared(*cells)))[0]
    assert body[0] == r"strategy & one & two \\"
    assert rows_of(body)["b"][1] == "-"


def test_a_single_run_has_no_interval(made) -> None:
    rows = rows_of(blocks(latex(compared(made, {"a": [0.5], "b": [0.25]})))[0])
    assert rows["b"] == ["25.0$^{=}$"]  # they have no test, so nothing tells them apart
    assert rows["a"] == [r"\textbf{50.0}"]


def test_a_table_has_a_side_for_each_column(made) -> None:
    text = latex(made.compared(*made.three("one"), *made.three("two")))
    for sides, head in re.findall(r"\\begin\{tabular\}\{(\w+)\}\n\\toprule\n(.*)", text):
        assert len(sides) == len(head.split(" & "))
    assert r"\begin{tabular}{lrr}" in text


# ---------------------------------------------------------------------- the layout of a paper


def test_a_paper_has_one_table_with_bounds_below_a_line(made) -> None:
    cells = made.cells({"joint": VALUES + 0.3, "er": VALUES, "naive": VALUES - 0.2})
    cells[0].declared = ("bound",)
    (body,) = blocks(latex_for_paper(made.compared(*cells)))
    names = [line.split(" & ")[0] for line in body]
    assert names == ["strategy", r"\midrule", "er", "naive", r"\midrule", "joint"]


def test_bounds_alone_need_no_second_line(made) -> None:
    (body,) = blocks(
        latex_for_paper(made.compared(*made.cells({"a": VALUES}, declared=("bound",))))
    )
    assert body.count(r"\midrule") == 1


def test_who_lost_runs_is_marked_and_said_to_be_left_out(made) -> None:
    status = np.array(["done"] * 5 + ["diverged"], dtype=object)
    cells = [made.cell("a", VALUES, member_status=status), made.cell("b", VALUES - 0.3)]
    text = latex_for_paper(made.compared(*cells))
    rows = rows_of(blocks(text)[0])
    assert rows["a"][0].endswith(r"\textsuperscript{\dag}")
    assert "dag" not in rows["b"][0]
    assert text.startswith("% Left out: split, a: 1 of 6 runs diverged")


def test_an_empty_comparison_is_a_table_without_rows(made) -> None:
    (body,) = blocks(latex_for_paper(made.compared()))
    assert body == [r"strategy \\", r"\midrule"]
