"""The formats of `clbench compare` that come with clbench, offered as a plugin offers its own."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from rich.console import RenderableType

from clbench.hookspecs import hookimpl
from clbench.report import compare_formats, compare_page, latex
from clbench.report.compared import Comparison
from clbench.report.extensions import ReportFormat

FULL: Final = "full"
PAPER: Final = "paper"
Layout = Literal["full", "paper"]


class Table(ReportFormat):
    """Tables and sentences for a terminal, as wide as it is."""

    def render(self, comparison: Comparison) -> RenderableType:
        return compare_formats.terminal(comparison)


class Markdown(ReportFormat):
    """Tables and sentences for a web page or a repository."""

    layouts: ClassVar[tuple[str, ...]] = (FULL, PAPER)
    layout: Layout = FULL  # `paper`: one table of strategies x scenarios

    def render(self, comparison: Comparison) -> str:
        if self.layout == PAPER:
            return compare_formats.markdown_for_paper(comparison)
        return compare_formats.markdown(comparison)


class Latex(ReportFormat):
    """Tables for a paper, with `booktabs`; the sentences are comments."""

    layouts: ClassVar[tuple[str, ...]] = (FULL, PAPER)
    layout: Layout = FULL  # `paper`: one table of strategies x scenarios

    def render(self, comparison: Comparison) -> str:
        if self.layout == PAPER:
            return latex.latex_for_paper(comparison)
        return latex.latex(comparison)


class Csv(ReportFormat):
    """All tables as one, in full precision, for a spreadsheet."""

    def render(self, comparison: Comparison) -> str:
        return compare_formats.as_csv(comparison)


class Json(ReportFormat):
    """All that is known, with fixed keys, for a program."""

    def render(self, comparison: Comparison) -> str:
        return compare_formats.as_json(comparison)


class Html(ReportFormat):
    """A page of its own, which loads nothing and runs nothing."""

    def render(self, comparison: Comparison) -> str:
        return compare_page.html(comparison)


@hookimpl
def clbench_report_formats() -> list[type]:
    """What comes with clbench."""
    return [Table, Markdown, Latex, Csv, Json, Html]
