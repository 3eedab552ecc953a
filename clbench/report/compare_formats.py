"""A comparison for a terminal, a paper, a spreadsheet, a program or a browser."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from clbench.report.compare_tables import TableOf, is_words, tables
from clbench.report.comparison import Comparison
from clbench.report.latex import latex
from clbench.untrusted import inert_row, printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from clbench.report.grid import Kind

MOST_ROWS = 60  # of a table in a terminal
SPARE = (
    "IQM",
    "smallest p",
    "A",
    "p",
    "pairs",
    "scenarios",
    "adjusted p",
)  # columns that make room in a narrow one, in this order


def render(comparison: Comparison, form: str) -> str:
    """The comparison in one of `FORMATS`."""
    return FORMATS[form](comparison)


# ---------------------------------------------------------------------- terminal


def terminal(comparison: Comparison) -> RenderableType:
    """Tables and sentences for `rich`; where a table is too long or too wide it is cut, and says so."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for table in tables(comparison):
        parts += [Text(printable(table.title), style="bold"), _grid(table), *_cut(table), Text("")]
    parts += [Text(printable(sentence)) for sentence in comparison.text]
    if comparison.left_out:
        parts += [
            Text("\nLeft out", style="bold"),
            *(Text(printable(f"- {line}")) for line in comparison.left_out),
        ]
    return Group(*parts)


def _grid(table: TableOf) -> RenderableType:
    """The table as wide as there is room."""
    from clbench.report.grid import Column, Grid

    columns = []
    for place, header in enumerate(table.headers):
        cells = tuple(row[place] for row in table.rows[:MOST_ROWS])
        word = header.partition(" [")[0]
        spare = SPARE.index(word) + 1 if word in SPARE else 0
        kind: Kind = "number"
        if is_words(table, place):
            kind = "name" if place < table.words else "prose"
        columns.append(Column(header, cells, kind, spare))
    note = "no room here for {names}; a wider terminal, or any other --format, shows them"
    return Grid(columns, note=note)


def _cut(table: TableOf) -> Iterable[RenderableType]:
    from rich.text import Text

    if len(table.rows) > MOST_ROWS:
        yield Text(
            f"{len(table.rows) - MOST_ROWS} more rows; every other --format has them all",
            style="dim",
        )


# ---------------------------------------------------------------------- markdown


def _markdown(comparison: Comparison) -> str:
    lines = [line for table in tables(comparison) for line in (*markdown_table(table), "")]
    lines += [f"- {markdown_text(sentence)}" for sentence in comparison.text]
    if comparison.left_out:
        lines += [
            "",
            "**Left out**",
            "",
            *(f"- {markdown_text(line)}" for line in comparison.left_out),
        ]
    return "\n".join(lines)


def markdown_table(table: TableOf) -> list[str]:
    """A table with its title above."""
    rule = ["---" if is_words(table, place) else "---:" for place in range(len(table.headers))]
    head, *body = ([markdown_text(cell) for cell in row] for row in (table.headers, *table.rows))
    return [f"**{markdown_text(table.title)}**", "", _piped(head), _piped(rule), *map(_piped, body)]


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown_text(text: str) -> str:
    """Text that stays text."""
    return re.sub(r"([\\`*_|<>\[\]])", r"\\\1", " ".join(text.split()))


# ---------------------------------------------------------------------- csv, json


def _csv(comparison: Comparison) -> str:
    """All tables as one, in full precision: the column `table` says which a row belongs to, what it has no value for is empty."""
    plain = comparison.to_json()
    overall = plain["overall"] or {"ranks": [], "pairs": []}
    parts = {
        "summary": plain["summary"],
        "pairs": plain["pairs"],
        "overall": overall["ranks"],
        "overall_pairs": overall["pairs"],
    }
    rows = [{"table": name, **inert_row(row)} for name, found in parts.items() for row in found]
    columns = list(dict.fromkeys(["table", *(key for row in rows for key in row)]))
    target = io.StringIO()
    writer = csv.DictWriter(target, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue().rstrip("\n")


def _json(comparison: Comparison) -> str:
    return json.dumps(comparison.to_json(), indent=2, allow_nan=False, default=_number)


def _number(value: Any) -> Any:
    return value.item()


# ---------------------------------------------------------------------- html

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ comparison.metric }}: comparison</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 25%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; margin: 1.5rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
.words { text-align: left; }
</style>
</head>
<body>
<h1>{{ comparison.metric }}</h1>
{% for table in tables %}
<div class="scroll" tabindex="0" role="region" aria-label="{{ table.title }}"><table>
<caption>{{ table.title }}</caption>
<thead><tr>{% for header in table.headers %}<th scope="col"{% if words(table, loop.index0) %} class="words"{% endif %}>{{ header }}</th>
{%- endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>{% for cell in row %}<td{% if words(table, loop.index0) %} class="words"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
</table></div>
{% endfor %}
<h2>In words</h2>
<ul>
{% for sentence in comparison.text %}
<li>{{ sentence }}</li>
{% endfor %}
</ul>
{% if comparison.left_out %}
<h2>Left out</h2>
<ul>
{% for line in comparison.left_out %}
<li>{{ line }}</li>
{% endfor %}
</ul>
{% endif %}
</body>
</html>"""


def _html(comparison: Comparison) -> str:
    """A page of its own: no scripts, nothing loaded, everything from the record escaped."""
    import jinja2

    page = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _PAGE
    )
    return page.render(comparison=comparison, tables=tables(comparison), words=is_words)


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "markdown": _markdown,
    "latex": latex,
    "csv": _csv,
    "json": _json,
    "html": _html,
}
