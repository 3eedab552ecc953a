"""`clbench merge`: several records as one."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from clbench.cli.output import say
from clbench.words import counted


def merge(
    records: Annotated[
        list[Path],
        typer.Argument(metavar="RECORD...", help="The records to join.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The file to write; it must not exist.",
            show_default=False,
        ),
    ],
) -> None:
    """Join records: the seeds of a cell unite. A run that is in two of them with different results
    is named, and nothing is written.
    """
    from clbench.records.combining import merge_records

    merged = merge_records(records, out)
    # A run is a seed of a cell with all its agents.
    runs = sum(len(set(cell.seed.tolist())) for cell in merged.cells)
    held = f"{counted(len(merged.cells), 'cell')}, {counted(runs, 'run')}"
    say(f"{out}: {held}, from {counted(len(records), 'record')}")
    say(f"next: clbench show {shlex.quote(str(out))}")
