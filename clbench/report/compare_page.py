"""A comparison as a page of its own for a browser."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from clbench.report.compare_tables import tables

if TYPE_CHECKING:
    from clbench.report.compared import Comparison

TEMPLATE = files("clbench.report.page").joinpath("comparison.html")


def html(comparison: Comparison) -> str:
    """No scripts, nothing loaded, and everything from the record escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return page.render(comparison=comparison, tables=tables(comparison))
