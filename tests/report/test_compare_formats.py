from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from clbench.errors import UserError
from clbench.report.compare_formats import (
    csv_text,
    format_of,
    markdown_list,
    markdown_table,
    markdown_text,
    render,
    terminal,
)
from clbench.report.compare_tables import ColumnOf, TableKind, TableOf, tables
from clbench.report.compared import Comparison

NASTY = "<script>alert(1)</script>|a_b&50%$x$[red]"


@pytest.fixture
def nasty(made) -> Comparison:
    """Names that would be markup, if anybody let them."""
    cells = made.cells(
        {NASTY: made.draw(0.8, 10, 1), "plain": made.draw(0.7, 10, 2)}, scenario="[bold]one</td>"
    )
    return made.compared(*cells, baseline="plain")


def shown(comparison: Comparison, **options) -> str:
    console = Console(file=io.StringIO(), **{"width": 250, **options})
    console.print(terminal(comparison))
    return console.file.getvalue()


def test_names_are_no_markup_anywhere(nasty) -> None:
    assert NASTY in shown(nasty)
    assert "<script>" not in render(nasty, "html")
    assert "&lt;script&gt;" in render(nasty, "html")
    assert r"\<script\>alert(1)\</script\>\|a\_b" in render(nasty, "markdown")
    assert r"\textless{}script\textgreater{}" in render(nasty, "latex")
    assert r"a\_b\&50\%\$x\$" in render(nasty, "latex")
    assert next(csv.DictReader(io.StringIO(render(nasty, "csv"))))["strategy"] == NASTY
    assert json.loads(render(nasty, "json"))["summary"][0]["strategy"] == NASTY


def test_a_narrow_terminal_spares_whole_columns_and_says_which(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two"), baseline="poor")
    wide, narrow = shown(found, width=200), shown(found, width=76)
    assert "no room" not in wide
    assert "no room here for IQM [95 %], %" in narrow.replace("\n", " ")
    assert re.search(r"\d\d\.\d \[\d\d\.\d, \d\d\.\d\]", narrow)
    assert max(map(len, narrow.splitlines())) <= 76


def test_every_markdown_row_has_as_many_cells(nasty) -> None:
    lines = [
        re.sub(r"\\\|", "", line)
        for line in render(nasty, "markdown").splitlines()
        if line.startswith("|")
    ]
    widths = {len(line.split("|")) for line in lines[:4]}
    assert len(widths) == 1


def test_the_page_is_well_formed_and_alone(nasty) -> None:
    page = render(nasty, "html")
    opened: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag not in ("script", "link", "img", "iframe")
            assert not {"src", "href"} & {name for name, _ in attrs}
            if tag not in ("meta", "br"):
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Reader().feed(page)
    assert opened == []
    assert "url(" not in page
    assert page.count("<table>") == len(tables(nasty))


def test_latex_is_balanced(made) -> None:
    text = render(made.compared(*made.three("one"), *made.three("two")), "latex")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert body.count(r"\begin{tabular}") == body.count(r"\end{tabular}") == 5
    for block in re.findall(r"\\toprule\n(.*?)\\bottomrule", body, re.DOTALL):
        assert (
            len({len(re.findall(r"(?<!\\)&", line)) for line in block.splitlines() if "&" in line})
            == 1
        )


def test_the_csv_is_one_table_with_everything(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two"), baseline="poor", family="pairs")
    rows = list(csv.DictReader(io.StringIO(render(found, "csv"))))
    counts = Counter(row["table"] for row in rows)
    assert counts == {"summary": 6, "pairs": 6, "overall": 3, "overall_pairs": 3}
    assert float(rows[0]["mean"]) == found.summary[0].mean
    assert rows[0]["verdict"] == ""


def test_json_holds_no_nan(made) -> None:
    found = made.compared(*made.three(seeds=1))
    plain = json.loads(render(found, "json"), parse_constant=lambda name: pytest.fail(name))
    assert plain["summary"][0]["ci_low"] is None


def test_a_terminal_sees_the_first_rows_of_a_long_table(made) -> None:
    found = made.compared(*made.cells({f"m{k}": made.draw(0.5, 6, k) for k in range(13)}))
    assert "18 more rows; every other --format has them all" in shown(found)
    assert render(found, "markdown").count("cannot be told apart |") == 78


def test_the_summary_says_what_is_missing(made) -> None:
    status = np.array(["done"] * 9 + ["diverged"], dtype=object)
    text = shown(
        made.compared(
            made.cell("er", made.draw(0.8, 10, 1), member_status=status),
            made.cell("naive", made.draw(0.5, 10, 2)),
        )
    )
    assert "9 of 10" in text
    assert "Left out" in text
    assert "- split, er: 1 of 10 runs diverged" in text


def test_all_corrections_are_there() -> None:
    from clbench.cli.options import Correction
    from clbench.stats.corrections import CORRECTIONS

    assert tuple(one.value for one in Correction) == CORRECTIONS


@pytest.mark.parametrize(("baseline", "other"), [("poor", "good"), ("good", "poor")])
def test_the_difference_from_the_baseline_has_its_interval(made, baseline: str, other: str) -> None:
    found = made.compared(*made.three("one"), baseline=baseline)
    pair = next(one for one in found.pairs if {one.a, one.b} == {baseline, other})
    row = next(one for one in found.summary if one.strategy == other)
    ends = (pair.ci_low, pair.ci_high) if pair.a == other else (-pair.ci_high, -pair.ci_low)
    assert (row.difference_low, row.difference_high) == ends
    assert row.difference_low < row.difference < row.difference_high
    assert f"minus {baseline} [95 %], points" in shown(found)


def test_latex_begins_with_the_table_of_a_paper(made) -> None:
    equal = made.draw(0.9, 12, 1)
    cells = made.cells({"first": equal, "same": equal, "worse": made.draw(0.5, 12, 2)})
    lines = render(made.compared(*cells, *made.three("two")), "latex").splitlines()
    table = lines[lines.index(r"\toprule") + 1 : lines.index(r"\bottomrule")]
    head, rule, *rows = table
    assert head == r"strategy & split & two \\"
    assert rule == r"\midrule"
    shown = {row.split(" & ")[0]: row.split(" & ")[1] for row in rows}
    assert re.fullmatch(r"\\textbf\{90\.\d\} \{\\scriptsize \[[\d., ]+\]\}", shown["first"])
    assert re.match(r"90\.\d\$\^\{=\}\$ ", shown["same"])
    assert re.match(r"50\.\d \{", shown["worse"])
    assert shown["poor"] == "-"


def test_latex_leaves_bounds_out_of_the_competition(made) -> None:
    table = {"all_data": made.draw(0.95, 12, 1), "rival": made.draw(0.8, 12, 2)}
    cells = made.cells(table)
    cells[0].declared = ("bound",)
    lines = render(made.compared(*cells), "latex").splitlines()
    rows = lines[lines.index(r"\midrule") + 1 : lines.index(r"\bottomrule")]
    assert rows[0].startswith(r"all\_data (bound) & 9")
    assert rows[1].startswith(r"rival & \textbf{")


@pytest.mark.parametrize("form", ["table", "markdown", "latex", "html"])
def test_what_a_class_declares_stands_beside_its_name_in_every_table(made, form) -> None:
    cells = made.cells({"seer": made.draw(0.8, 10, 1), "plain": made.draw(0.7, 10, 2)})
    cells[0] = replace(cells[0], declared=("oracle",))
    found = made.compared(*cells, baseline="plain")
    text = shown(found) if form == "table" else render(found, form)
    assert len(re.findall(r"seer \(oracle\)", text)) >= 2  # in the summary, and among the pairs
    assert "plain (oracle" not in text
    assert "it sees the labels, or the task, of the samples it is tested on" in text
    assert any("(oracle) seer: " in sentence for sentence in found.text)


# ---------------------------------------------------------------------- parts


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a_b*c", r"a\_b\*c"),
        ("<b> [x](y) | `z`", r"\<b\> \[x\](y) \| \`z\`"),
        ("back\\slash", r"back\\slash"),
        ("two\nlines  and\ttabs", "two lines and tabs"),
        ("", ""),
    ],
)
def test_text_stays_text_in_markdown(text: str, written: str) -> None:
    assert markdown_text(text) == written


def test_a_list_has_a_line_for_each_sentence() -> None:
    assert markdown_list(["one.", "two\nlines."]) == ["- one.", "- two lines."]


def test_numbers_stand_on_the_right_in_markdown() -> None:
    columns = ColumnOf("name", "name"), ColumnOf("n")
    table = TableOf(TableKind.PAIRS, "a_title", columns, (("x", "1"), ("y|z", "2")))
    assert markdown_table(table) == [
        r"**a\_title**",
        "",
        "| name | n |",
        "| --- | ---: |",
        "| x | 1 |",
        r"| y\|z | 2 |",
    ]


def test_what_a_row_has_no_value_for_is_empty_in_csv() -> None:
    assert csv_text(["a", "b"], [{"a": 1}, {"b": "x,y"}]) == 'a,b\n1,\n,"x,y"\n'
    assert csv_text(["a"], []) == "a\n"


@pytest.mark.parametrize("layout", ["full", "paper"])
def test_a_layout_that_a_format_has_is_taken(made, layout: str) -> None:
    form = format_of(made.host, "latex", layout)
    assert (type(form).__name__, getattr(form, "layout", None)) == ("Latex", layout)


@pytest.mark.parametrize(
    ("form", "layout", "words"),
    [
        ("markdown", "papr", "no layout 'papr'; did you mean 'paper'"),
        ("csv", "paper", "no layout 'paper'; these have it: latex, markdown"),
        ("csv", "wide", "no layout 'wide'$"),
    ],
)
def test_a_layout_that_it_has_not_says_who_has(made, form: str, layout: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        format_of(made.host, form, layout)


def test_a_format_that_nobody_offers_is_refused(made) -> None:
    with pytest.raises(UserError, match="markdwn"):
        format_of(made.host, "markdwn")


def test_an_empty_comparison_in_every_format(made) -> None:
    empty = made.compared()
    assert render(empty, "csv") == "table"
    assert json.loads(render(empty, "json"))["summary"] == []
    assert "|" not in render(empty, "markdown")
