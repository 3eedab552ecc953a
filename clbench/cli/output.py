"""Where the commands print: results to stdout, the rest to stderr, colours to terminals only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from clbench.untrusted import printable

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.report.grid import Column

ENDLESS = 100_000  # characters, the width of a pipe: nothing is cut or wrapped there


def console(stderr: bool = False) -> Console:
    """A console for one of the two; rich finds out whether it is a terminal."""
    from clbench.cli.terminal import SafeConsole

    made = SafeConsole(stderr=stderr, highlight=False)
    if made.is_terminal:
        return made
    # Rich would wrap at 80 columns, and colour where FORCE_COLOR is set.
    return SafeConsole(stderr=stderr, highlight=False, width=ENDLESS, no_color=True)


def say(text: str) -> None:
    """A plain line of the result."""
    typer.echo(printable(text))


def say_prose(text: str) -> None:
    """Sentences of the result; a terminal breaks them between words."""
    from rich.text import Text

    console().print(Text(text))


def say_json(value: Any) -> None:
    """A result for programs."""
    import json

    typer.echo(json.dumps(value, indent=2, default=str))


def tell(text: str) -> None:
    """A plain line about the result, to stderr."""
    typer.echo(printable(text), err=True)


def tell_each(lines: Iterable[str]) -> None:
    """Plain lines about the result, to stderr."""
    for line in lines:
        tell(line)


def warn(lines: Iterable[str]) -> None:
    """Warnings, one line each."""
    for line in lines:
        tell(f"warning: {line}")


def table(headers: Sequence[str], rows: Iterable[Iterable[Any]], empty: str = "nothing") -> None:
    """Columns with their headers, the first of which holds names; one line where there are none."""
    from clbench.report.grid import Grid

    cells = [tuple(map(_cell, row)) for row in rows]
    if cells:
        console().print(Grid(_columns(headers, cells), ruled=False))
    else:
        say(empty)


def _columns(headers: Sequence[str], rows: Sequence[tuple[str, ...]]) -> list[Column]:
    from clbench.report.grid import Column

    first, *rest = zip(*rows, strict=True)
    columns = [Column(headers[0], first, "name")]
    for header, column in zip(headers[1:], rest, strict=True):
        columns.append(Column(header, column, "prose"))
    return columns


def _cell(value: Any) -> str:
    return "" if value is None else str(value)


def first_sentence(text: str) -> str:
    """As far as the first full stop that ends a sentence; the one of "et al." ends none."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    # A full stop before a capital or a back-quote ends a sentence; "..." and "et al." do not.
    return re.split(r"(?<=[^.]\.)(?<! al\.)\s+(?=[A-Z`])", paragraph)[0]
