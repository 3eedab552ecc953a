"""Where the commands print: results to stdout, everything else to stderr, colours to terminals only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

ENDLESS = 100_000  # the width of a pipe: nothing is cut or wrapped there


def console(stderr: bool = False) -> Console:
    """A console for one of the two; rich finds out whether it is a terminal."""
    from rich.console import Console

    made = Console(stderr=stderr, highlight=False)
    return (
        made
        if made.is_terminal
        else Console(stderr=stderr, highlight=False, width=ENDLESS, no_color=True)
    )


def say(text: str) -> None:
    """A plain line of the result."""
    typer.echo(text)


def tell(text: str) -> None:
    """A plain line about the result, to stderr."""
    typer.echo(text, err=True)


def warn(lines: Iterable[str]) -> None:
    """Warnings, one line each."""
    for line in lines:
        tell(f"warning: {line}")


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], empty: str = "nothing") -> None:
    """Columns with their headers, or one line where there are none."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for header in headers:
        made.add_column(header, header_style="bold", overflow="fold")
    for row in rows:
        made.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    if made.row_count:
        _print_stripped(made)
    else:
        say(empty)


def _print_stripped(renderable: Any) -> None:
    """As rich draws it, without the blanks it pads lines with where nobody sees a grid."""
    target = console()
    if target.is_terminal:
        target.print(renderable)
        return
    with target.capture() as captured:
        target.print(renderable)
    say("\n".join(line.rstrip() for line in captured.get().rstrip("\n").splitlines()))
