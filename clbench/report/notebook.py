"""What a notebook shows of results and comparisons: small HTML tables in the notebook's colours.

No colour is set, so a dark notebook stays dark. Every text comes from a file and is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from clbench.report.compare_tables import TableOf, tables
from clbench.report.grid import Column
from clbench.report.terminal import summary_of
from clbench.untrusted import printable

if TYPE_CHECKING:
    from clbench.records import Results
    from clbench.report.compared import Comparison

TABLE = "border-collapse:collapse;margin:.3em 0"
CELL = "padding:.15em .8em;white-space:nowrap;background:none;border:none"
HEAD = f"{CELL};border-bottom:1px solid currentColor;vertical-align:bottom;white-space:pre-line"
NOTE = "margin:.2em 0;font-size:.9em;opacity:.8"


def results_html(results: Results) -> str:
    """A row a cell with the metrics that the suite asked for, as `clbench show` has it."""
    summary = summary_of(results)
    parts = [_title(summary.title)]
    if summary.columns:
        parts.append(_table_of_columns(summary.columns))
    return _framed([*parts, *map(_note, summary.legend)])


def comparison_html(comparison: Comparison) -> str:
    """The summary and what it means; every pair to unfold below."""
    parts: list[str] = []
    drawn = tables(comparison)
    for table in drawn[:1]:
        parts += [_title(table.title), _table_of(table)]
    parts += map(_note, comparison.text)
    parts += map(_folded, drawn[1:])
    return _framed(parts)


def _title(text: str) -> str:
    return f"<p><b>{_safe(text)}</b></p>"


def _folded(table: TableOf) -> str:
    return f"<details><summary>{_safe(table.title)}</summary>{_table_of(table)}</details>"


def _framed(parts: Iterable[str]) -> str:
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


def _table_of_columns(columns: Sequence[Column]) -> str:
    headers = [column.header for column in columns]
    cells = [column.cells for column in columns]
    words = [column.kind != "number" for column in columns]
    return _table(headers, zip(*cells, strict=True), words)


def _table_of(table: TableOf) -> str:
    words = [column.is_words for column in table.columns]
    return _table(table.headers, table.rows, words)


def _table(headers: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[bool]) -> str:
    """Words stand on the left, numbers on the right."""
    sides = ["left" if word else "right" for word in words]
    head = _row("th", HEAD, headers, sides)
    body = "".join(_row("td", CELL, row, sides) for row in rows)
    return f'<table style="{TABLE}"><thead>{head}</thead><tbody>{body}</tbody></table>'


def _row(tag: str, style: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    made = []
    for cell, side in zip(cells, sides, strict=True):
        how = f"{style};text-align:{side}"
        made.append(f'<{tag} style="{how}">{_safe(cell)}</{tag}>')
    return f"<tr>{''.join(made)}</tr>"


def _note(text: str) -> str:
    return f'<p style="{NOTE}">{_safe(text)}</p>'


def _safe(text: str) -> str:
    return escape(printable(text))
