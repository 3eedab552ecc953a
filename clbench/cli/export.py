"""`clbench export`: a record as a table for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import DataOption, PluginOption, RecordArgument
from clbench.cli.output import tell, warn


class Form(StrEnum):
    """What is written."""

    csv = "csv"
    parquet = "parquet"
    json = "json"


def export(
    record: RecordArgument,
    to: Annotated[
        Form,
        typer.Option(
            "--to",
            help="csv and parquet: the tidy table; json: the table and all that is known of it.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE|-",
            help="Where to; beside the record, under its name, unless given; - is stdout.",
        ),
    ] = None,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Write every metric of every run as a tidy table: scenario, strategy, seed, agent, metric, task, value. A missing value is empty."""
    from clbench.host import Host
    from clbench.records import load
    from clbench.records.apart import apart_line
    from clbench.records.atomic import atomic_write
    from clbench.records.exporting import export as exported

    host = Host.load(plugin or [], only="metric")
    warn(host.warnings)
    target = record.with_suffix(f".{to.value}") if out is None else out
    if target.resolve() == record.resolve():
        raise typer.BadParameter(
            f"{target} is the record itself; choose another name", param_hint="--out"
        )
    results = load(record, host)
    if line := apart_line(results.record):
        tell(line)
    content = exported(results, to.value)
    if str(target) == "-":
        typer.echo(content if to is Form.parquet else content.decode(), nl=False)
    else:
        atomic_write(target, content)
        tell(f"written: {target}")
