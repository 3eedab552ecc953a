"""A comparison for a terminal, a paper, a spreadsheet, a program or a browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from clbench.errors import UserError, suggest
from clbench.report.compare_tables import TableOf, tables
from clbench.report.compared import Comparison
from clbench.report.extensions import ReportFormat
from clbench.report.grid import Column, Grid
from clbench.report.numbers import MISSING
from clbench.report.paper_table import PaperCell, PaperRow, PaperTable, paper_table
from clbench.untrusted import inert_row, printable

if TYPE_CHECKING:
    from clbench.host import Host

MAX_ROWS = 60  # of a table in a terminal
NO_ROOM = "no room here for {names}; a wider terminal, or any other --format, shows them"


def render(comparison: Comparison, form: str, layout: str | None = None) -> Any:
    """The comparison in a format by name: a text, or what `rich` fits to the terminal."""
    return format_of(comparison.results.host, form, layout).render(comparison)


def format_of(host: Host, form: str, layout: str | None = None) -> ReportFormat:
    """A format by name; `UserError` where it has no such layout."""
    formats = host.offering("format")
    found: type[ReportFormat] = formats.get("format", form)
    if layout is None:
        return found()
    if layout not in found.layouts:
        instead = _instead(formats, found, layout)
        raise UserError(f"--format {form} has no layout {layout!r}{instead}")
    return found(layout=layout)


def _instead(formats: Host, found: type[ReportFormat], layout: str) -> str:
    """A layout of that format that is called nearly so, or the formats that have such a layout."""
    near = suggest(layout, found.layouts)
    names = formats.names("format")
    having = [name for name in names if layout in formats.get("format", name).layouts]
    if near or not having:
        return near
    return f"; these have it: {', '.join(having)}"


# ---------------------------------------------------------------------- terminal


def terminal(comparison: Comparison) -> RenderableType:
    """Tables and sentences; where a table is too long or too wide it is cut, and says so."""
    parts: list[RenderableType] = []
    for table in tables(comparison):
        title = Text(printable(table.title), style="bold")
        parts += [title, _grid(table), *_cut(table), Text("")]
    parts += map(_plain, comparison.text)
    if comparison.left_out:
        parts.append(Text("\nLeft out", style="bold"))
        parts += [_plain(f"- {line}") for line in comparison.left_out]
    return Group(*parts)


def _plain(text: str) -> Text:
    """Text that cannot steer the terminal."""
    return Text(printable(text))


def _grid(table: TableOf) -> Grid:
    """The table as wide as there is room."""
    # A hundred strategies make five thousand pairs.
    shown = table.rows[:MAX_ROWS]
    cells_of = zip(*shown, strict=True)
    columns = []
    for column, cells in zip(table.columns, cells_of, strict=True):
        columns.append(Column(column.header, cells, column.kind, column.spare))
    return Grid(columns, note=NO_ROOM)


def _cut(table: TableOf) -> Iterable[RenderableType]:
    hidden = len(table.rows) - MAX_ROWS
    if hidden > 0:
        yield Text(f"{hidden} more rows; every other --format has them all", style="dim")


# ---------------------------------------------------------------------- markdown


def markdown(comparison: Comparison) -> str:
    """Tables, and sentences as lists."""
    lines: list[str] = []
    for table in tables(comparison):
        lines += [*markdown_table(table), ""]
    lines += markdown_list(comparison.text)
    if comparison.left_out:
        lines += ["", "**Left out**", "", *markdown_list(comparison.left_out)]
    return "\n".join(lines)


def markdown_list(sentences: Iterable[str]) -> list[str]:
    """A line each."""
    return [f"- {markdown_text(sentence)}" for sentence in sentences]


def markdown_table(table: TableOf) -> list[str]:
    """A table with its title above."""
    title = f"**{markdown_text(table.title)}**"
    rule = ["---" if column.is_words else "---:" for column in table.columns]
    return [title, "", _row(table.headers), _piped(rule), *map(_row, table.rows)]


def _row(cells: Iterable[str]) -> str:
    return _piped(map(markdown_text, cells))


def markdown_for_paper(comparison: Comparison) -> str:
    """One table of strategies x scenarios with its caption above; bounds are the last rows."""
    table = paper_table(comparison)
    head = _row(["strategy", *table.scenarios])
    rule = _piped(["---", *["---:"] * len(table.scenarios)])
    rows = [_paper_row(row, table) for row in (*table.rivals, *table.bounds)]
    lines = [markdown_text(table.caption), "", head, rule, *rows]
    if comparison.left_out:
        lines += ["", *markdown_list(f"Left out: {line}" for line in comparison.left_out)]
    return "\n".join(lines)


def _paper_row(row: PaperRow, table: PaperTable) -> str:
    cells = [_paper_cell(cell, table) for cell in row.cells]
    return _piped([markdown_text(row.name), *cells])


def _paper_cell(cell: PaperCell | None, table: PaperTable) -> str:
    if cell is None:
        return MISSING
    shown = table.scale.estimate(cell.estimate)
    if cell.is_best:
        shown = f"**{shown}**"
    return f"{shown} †" if cell.lost else shown


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown_text(text: str) -> str:
    """Text that stays text."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", " ".join(text.split()))


# ---------------------------------------------------------------------- csv, json


def as_csv(comparison: Comparison) -> str:
    """All tables as one, in full precision.

    The column `table` says which a row belongs to; what it has no value for is empty.
    """
    rows: list[dict[str, Any]] = []
    columns = {"table": None}
    for name, found in _by_table(comparison).items():
        for row in found:
            rows.append({"table": name, **inert_row(row)})
            columns |= dict.fromkeys(row)
    return csv_text(list(columns), rows).rstrip("\n")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A head and these rows; what a row has no value for is empty."""
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def _by_table(comparison: Comparison) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table, by its name."""
    plain = comparison.to_json()
    found = {"summary": plain["summary"], "pairs": plain["pairs"]}
    for name in ("overall", "like_these"):
        question = plain[name] or {"ranks": [], "pairs": []}
        found |= {name: question["ranks"], f"{name}_pairs": question["pairs"]}
    return found


def as_json(comparison: Comparison) -> str:
    """All that is known, with fixed keys."""
    return json.dumps(comparison.to_json(), indent=2, allow_nan=False, default=_number)


def _number(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    return value.item()
