"""`clbench export`: a record as a table for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.options import PluginOption, RecordArgument, UnusedDataOption
from clbench.cli.output import tell, warn
from clbench.errors import UserError
from clbench.untrusted import printable

BUILT_IN = "<csv|parquet|json>"


def export(
    record: RecordArgument,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar=BUILT_IN,
            help="csv and parquet: the tidy table; json: the table and all that is known of it."
            " Plugins may offer others.",
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
    data: UnusedDataOption = None,
) -> None:
    """Write every metric of every run as a tidy table: scenario, strategy, seed, agent, metric,
    task, value. A missing value is empty.
    """
    from clbench.host import Host
    from clbench.records import load
    from clbench.records.apart import apart_line
    from clbench.records.atomic import atomic_write
    from clbench.records.exporting import ExportFormat
    from clbench.records.exporting import export as exported

    host = Host.load(plugin or [], only=("metric", "export"))
    warn(host.warnings)
    form: type[ExportFormat] = host.get("export", to)
    target = record.with_suffix(f".{to}") if out is None else out
    # `--out` may name anything.
    if target.resolve() == record.resolve():
        raise UserError(f"{target} is the record itself; choose another name with --out")
    results = load(record, host)
    # To stderr: what is exported may go into a pipe.
    if line := apart_line(results.record):
        tell(line)
    content = exported(results, to)
    if str(target) == "-":
        _print(content, binary=form.binary)
    else:
        atomic_write(target, content)
        tell(f"written: {target}")


def _print(content: bytes, *, binary: bool) -> None:
    """To stdout: as it is into a pipe, and on a terminal without what could steer it."""
    if binary:
        typer.echo(content, nl=False)
        return
    text = content.decode()
    typer.echo(printable(text) if sys.stdout.isatty() else text, nl=False)
