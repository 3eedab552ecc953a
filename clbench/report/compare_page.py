"""A comparison as a page of its own for a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.report.compare_tables import tables
from clbench.report.page import rendered

if TYPE_CHECKING:
    from clbench.report.compared import Comparison


def html(comparison: Comparison) -> str:
    """No scripts, nothing loaded, and everything from the record escaped."""
    return rendered("comparison.html", comparison=comparison, tables=tables(comparison))
