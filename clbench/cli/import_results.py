"""`clbench import`: results of other libraries as a record."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clbench.cli.metrics import options_given
from clbench.cli.options import PluginOption
from clbench.cli.output import say, warn
from clbench.words import counted

if TYPE_CHECKING:
    from clbench.importing import Imported, Importer
    from clbench.records.file import RecordFile


def import_results(
    form: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="What wrote the files: mammoth, avalanche, csv; see `clbench list importers`.",
            show_default=False,
        ),
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Its files, or folders.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The record to write; it must not exist.",
            show_default=False,
        ),
    ],
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario",
            metavar="NAME",
            help="What the stream is called in the record, instead of what the files say.",
            show_default=False,
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="One of the importer's options (`clbench describe FORMAT`); may be given several"
            " times.",
            show_default=False,
        ),
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Make a record of another library's results. Files are parsed; nothing in them is executed."""
    from clbench.host import Host
    from clbench.importing.command import import_files

    host = Host.load(plugin or [])
    warn(host.warnings)
    importer, imported = import_files(
        form, paths, out, host, options_given(options or []), scenario=scenario
    )
    _tell(importer, imported, out)


def _tell(importer: Importer, imported: Imported, out: Path) -> None:
    for line in imported.repeated:
        say(f"{line}: counted once")
    say(f"{out}: {_counts(imported.record)}")
    if importer.unsaid:
        say(f"the files do not say: {'; '.join(importer.unsaid)}")
    say(f"next: clbench compare {shlex.quote(str(out))}")


def _counts(record: RecordFile) -> str:
    """`2 strategies, 10 runs`."""
    runs = sum(cell.members for cell in record.cells)
    return f"{counted(len(record.cells), 'strategy')}, {counted(runs, 'run')}"
