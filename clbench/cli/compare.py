"""`clbench compare`: which strategies differ, by how much, and how sure that is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import DataOption, PluginOption
from clbench.cli.output import console, say, tell, warn


class Format(StrEnum):
    """What the comparison is printed as."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"
    html = "html"


class Correction(StrEnum):
    """For testing several pairs."""

    holm = "holm"
    bonferroni = "bonferroni"
    fdr_bh = "fdr_bh"
    none = "none"


def compare(
    records: Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Records, such as results/NAME/NAME.h5.", show_default=False)],
    metric: Annotated[
        str | None,
        typer.Option(metavar="M", help="What is compared; average_accuracy unless the suite says otherwise.", show_default=False),
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="B", help="The strategy, by label or name, that the others are set against.", show_default=False)
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(metavar="A", help="The level of the tests; 0.05 unless the suite says otherwise.", show_default=False)
    ] = None,
    correction: Annotated[
        Correction | None, typer.Option(help="For testing several pairs; holm unless the suite says otherwise.", show_default=False)
    ] = None,
    unpaired: Annotated[bool, typer.Option("--unpaired", help="Do not pair the runs by seed.")] = False,
    rope: Annotated[
        float | None,
        typer.Option(metavar="R", help="Differences up to this size, in the metric's unit, count as none.", show_default=False),
    ] = None,
    force_mixed: Annotated[
        bool, typer.Option("--force-mixed", help="Rank records together that are not comparable; the output says so.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.table,
    figure: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Also draw: cd, boxes, accuracy, matrix, forgetting or cost, as the file's name begins (cd.svg, boxes-1.pdf, cost.png).",
            show_default=False,
        ),
    ] = None,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Compare strategies: means with intervals, tests paired by seed, effect sizes, ranks, and what they mean in words."""
    from clbench.host import Host
    from clbench.records import load
    from clbench.report.compare_formats import render, terminal
    from clbench.report.comparison import compare as compared
    from clbench.report.figures import check, draw

    figures = [check(path) for path in figure or []]
    host = Host.load(plugin or [])
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
