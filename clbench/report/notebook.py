"""What a notebook shows of results and comparisons: small tables in HTML, in the notebook's own
colours.

No colour is set, so a dark notebook stays dark. Every text comes from a file and is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from clbench.report.compare_tables import TableOf, tables
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
    parts = [f"<p><b>{_safe(summary.title)}</b></p>"]
    if summary.columns:
        headers = [column.header for column in summary.columns]
        rows = zip(*(column.cells for column in summary.columns), strict=True)
        words = [column.kind != "number" for column in summary.columns]
        parts.append(_table(headers, rows, words))
    return _framed([*parts, *map(_note, summary.legend)])


def comparison_html(comparison: Comparison) -> str:
    """The summary and what it means; every pair to unfold below."""
    parts: list[str] = []
    drawn = tables(comparison)
    for table in drawn[:1]:
        parts += [f"<p><b>{_safe(table.title)}</b></p>", _table_of(table)]
    parts += [_note(line) for line in comparison.text]
    for table in drawn[1:]:
        title = f"<summary>{_safe(table.title)}</summary>"
        parts.append(f"<details>{title}{_table_of(table)}</details>")
    return _framed(parts)


def _framed(parts: Iterable[str]) -> str:
    return f'<div style="overflow-x:auto">{"".join(parts)}</div>'


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
    made = [
        f'<{tag} style="{style};text-align:{side}">{_safe(cell)}</{tag}>'
        for cell, side in zip(cells, sides, strict=True)
    ]
    return f"<tr>{''.join(made)}</tr>"


def _note(text: str) -> str:
    return f'<p style="{NOTE}">{_safe(text)}</p>'


def _safe(text: str) -> str:
    return escape(printable(text))
