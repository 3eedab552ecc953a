"""`clbench show`: what a record holds."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from clbench.cli.options import FigureOption, PluginOption, RecordArgument, UnusedDataOption
from clbench.cli.output import console, tell, warn


def show(
    record: RecordArgument,
    strategy: Annotated[
        str | None,
        typer.Argument(
            metavar="STRATEGY",
            help="A label or bare name: show its matrices and curves.",
            show_default=False,
        ),
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Show what is kept apart, too: what the suite no longer asks for."
        ),
    ] = False,
    by: Annotated[
        Literal["agent"] | None,
        typer.Option(
            "--by",
            metavar="agent",
            help="Show each agent for itself; without it a seed counts with the mean of its"
            " agents.",
            show_default=False,
        ),
    ] = None,
    figure: FigureOption = None,
    plugin: PluginOption = None,
    data: UnusedDataOption = None,
) -> None:
    """Show a record's summary table, or one strategy's accuracy matrices and curves; figures of
    either.
    """
    from clbench.host import Host
    from clbench.records import load
    from clbench.report.agents import by_agent
    from clbench.report.apart import strategy_of, table_with_apart
    from clbench.report.figures import check
    from clbench.report.figures_shown import draw_shown

    host = Host.load(plugin or [], only=["metric", "figure"] if figure else "metric")
    warn(host.warnings)
    # Refused before the record is read.
    figures = [check(path, host) for path in figure or []]
    whole = load(record, host)
    results = by_agent(whole) if by == "agent" else whole
    target = console()
    if strategy is not None:
        target.print(strategy_of(results, strategy, every))
    else:
        target.print(table_with_apart(results, every))
    for path in figures:
        # From the whole record: figures average agents themselves.
        draw_shown(whole, path, strategy, by_agent=by == "agent")
        tell(f"figure: {path}")
