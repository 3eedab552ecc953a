"""`clbench drop`: remove cells from a record."""

from __future__ import annotations

from typing import Annotated

import typer

from clbench.cli.options import RecordArgument
from clbench.cli.output import say
from clbench.errors import UserError


def drop(
    record: RecordArgument,
    cells: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="CELL...",
            help="Labels as `clbench show RECORD --all` prints them, or keys.",
            show_default=False,
        ),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Everything that is kept apart, without naming it.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also cells that the suite still asks for.")
    ] = False,
) -> None:
    """Remove what the suite no longer asks for from a record, for good. What the suite asks for
    goes with --force alone.
    """
    from clbench.execution.dropping import drop_from

    # Neither names nothing, and both would name some twice.
    if bool(cells) == apart:
        raise UserError("name the cells to drop, or give --apart for all that is kept apart")
    lines = drop_from(record, cells or [], force=force)
    for line in lines:
        say(f"dropped: {line}")
    if not lines:
        say("nothing is kept apart")
