"""`clbench compare`: which strategies differ, by how much, and how sure that is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from clbench.cli.options import (
    AlphaOption,
    BaselineOption,
    CorrectionOption,
    FigureOption,
    MetricOption,
    MixedOption,
    PluginOption,
    RecordsArgument,
    RopeOption,
    UnpairedOption,
    UnusedDataOption,
)
from clbench.cli.output import console, say, tell, warn


class Format(StrEnum):
    """What the comparison is printed as."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    html = "html"


def compare(
    records: RecordsArgument,
    metric: MetricOption = None,
    baseline: BaselineOption = None,
    alpha: AlphaOption = None,
    correction: CorrectionOption = None,
    unpaired: UnpairedOption = False,
    rope: RopeOption = None,
    force_mixed: MixedOption = False,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.table,
    figure: FigureOption = None,
    plugin: PluginOption = None,
    data: UnusedDataOption = None,
) -> None:
    """Compare strategies: means with intervals, tests paired by seed, effect sizes, ranks, and what they mean in words."""
    from clbench.host import Host
    from clbench.records import load
    from clbench.report.compare_formats import render, terminal
    from clbench.report.comparison import compare as compared
    from clbench.report.figures import check, draw

    figures = [check(path) for path in figure or []]
    host = Host.load(plugin or [], only="metric")
    warn(host.warnings)
    comparison = compared(
        [load(record, host) for record in records],
        metric=metric,
        baseline=baseline,
        alpha=alpha,
        correction=None if correction is None else correction.value,
        unpaired=unpaired or None,
        rope=rope,
        force_mixed=force_mixed,
    )
    if form is Format.table:
        console().print(terminal(comparison))
    else:
        say(render(comparison, form.value))
    for path in figures:
        draw(comparison, path)
        tell(f"figure: {path}")
