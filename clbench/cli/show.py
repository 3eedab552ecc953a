"""`clbench show`: what a record holds."""

from __future__ import annotations

from typing import Annotated

import typer

from clbench.cli.options import DataOption, PluginOption, RecordArgument
from clbench.cli.output import console, warn


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
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Show a record's summary table, or one strategy's accuracy matrices and curves."""
    from clbench.host import Host
    from clbench.records import load
    from clbench.report.terminal import strategy_view, summary_table

    host = Host.load(plugin or [], only="metric")
    warn(host.warnings)
    results = load(record, host)
    target = console()
    target.print(
        summary_table(results, None) if strategy is None else strategy_view(results, strategy)
    )
