"""What `clbench show` says of cells that are kept apart."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.text import Text

from clbench.errors import RecordError
from clbench.records import Results
from clbench.records.apart import apart_line
from clbench.records.looks import looks_line
from clbench.report.terminal import strategy_view, summary_table


def table_with_apart(results: Results, every: bool) -> Group:
    """The summary table; below it what is kept apart, or with `every` its table, and who looked."""
    apart = _every_apart(results) if every else _line(apart_line(results.record))
    looks = _line(looks_line(results.record.looks))
    return Group(summary_table(results), *apart, *looks)


def _line(text: str | None) -> list[RenderableType]:
    return [] if text is None else [Text(text)]


def _every_apart(results: Results) -> list[RenderableType]:
    if not results.record.apart:
        return [Text("nothing is kept apart")]
    return [Text(""), *_apart(results)]


def strategy_of(results: Results, strategy: str, every: bool) -> Group:
    """One strategy's matrices and curves; with `every` it may be one that is kept apart."""
    try:
        return strategy_view(results, strategy)
    except RecordError as error:
        apart = results.kept_apart()
        if not any(strategy in (cell.label, cell.strategy) for cell in apart.cells):
            raise
        if not every:
            raise RecordError(f"{error}; it is kept apart, and --all shows it") from None
    return strategy_view(apart, strategy)


def _apart(results: Results) -> Iterable[RenderableType]:
    apart = results.kept_apart()
    yield Text("Kept apart, and in no comparison", style="bold")
    yield summary_table(apart)
    for cell in apart.cells:
        yield Text(f"{cell.scenario}, {cell.label}: {cell.apart} (key {cell.key})")
    yield Text("`clbench drop RECORD LABEL` removes one of them, `--apart` all")
