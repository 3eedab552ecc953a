"""A comparison as a page of its own for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.report.compare_tables import tables

if TYPE_CHECKING:
    from clbench.report.compared import Comparison

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
<thead><tr>{% for column in table.columns %}<th scope="col"{% if column.is_words %} class="words"{% endif %}>{{ column.header }}</th>
{%- endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>{% for cell in row %}<td{% if table.columns[loop.index0].is_words %} class="words"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
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


def html(comparison: Comparison) -> str:
    """No scripts, nothing loaded, and everything from the record escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(_PAGE)
    return page.render(comparison=comparison, tables=tables(comparison))
