"""Tables that fit a terminal: names are never left out, and numbers are never cut.

A table that is too wide for the terminal is narrowed step by step, until it fits:

1. headers are folded between words, names after a comma, a bracket or an underscore, prose between
   words;
2. columns that say of themselves that they can be spared are left out, and named below the table;
3. what is still too wide goes on below, with the names repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from clbench.untrusted import printable

Kind = Literal["number", "name", "prose"]

GAP = 2  # blanks between columns
NARROW_NAME = 16  # longer names take several lines
NARROWEST_NAME = 6  # where there is no room for more
NARROW_PROSE = 24  # a longer word of prose is broken
WIDENED: tuple[Kind, ...] = ("name", "prose", "number")  # who gets what room is left, in this order

# What a line may end with. Numbers hold none of it, so they stay whole.
LINE_ENDS: dict[Kind, str] = {"number": r"\s_", "name": r"\s,(+=_:/|", "prose": r"\s"}


@dataclass(frozen=True)
class Column:
    """A column: `spare` counts from 1, and says when it is left out; 0 is never."""

    header: str
    cells: tuple[str, ...]
    kind: Kind = "number"
    spare: int = 0


@dataclass(frozen=True)
class Grid:
    """A table for `rich`, as wide as the terminal allows.

    A blank line comes before each row of `sections`.
    """

    columns: Sequence[Column]
    sections: frozenset[int] = frozenset()
    ruled: bool = True  # a line under the headers
    note: str = "no room here for {names}; a wider terminal shows more"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [_safe(column) for column in self.columns]
        blocks, spared = arrange(columns, options.max_width)
        for number, block in enumerate(blocks):
            if number:
                yield Text("")
            yield from self._drawn(block)
        if spared:
            names = [" ".join(column.header.split()) for column in spared]
            yield Text(self.note.format(names="; ".join(names)), style="dim")

    def _drawn(self, block: Sequence[Placed]) -> Iterator[Text]:
        headers = [one.header for one in block]
        if any(header != [""] for header in headers):
            yield from _lines(headers, block, style="bold", bottom=True)
        if self.ruled:
            yield _line("─" * _total(one.width for one in block))
        for row in range(len(block[0].cells)):
            if row in self.sections:
                yield Text("")
            yield from _lines([one.cells[row] for one in block], block)


@dataclass(frozen=True)
class Placed:
    """A column as it is drawn: its width, its header and its cells in lines."""

    width: int
    kind: Kind
    header: list[str]
    cells: list[list[str]]


def arrange(columns: Sequence[Column], width: int) -> tuple[list[list[Placed]], list[Column]]:
    """The blocks that the columns are drawn in, one below the other, and the columns left out."""
    if _total(map(_natural, columns)) <= width:
        return [[_placed(column, _natural(column)) for column in columns]], []
    kept, spared = _spared(columns, width)
    blocks = _blocks(kept, width)
    return [_widened(block, width) for block in blocks], spared


def _spared(columns: Sequence[Column], width: int) -> tuple[list[Column], list[Column]]:
    """The columns that are kept, and those that are left out until the others fit."""
    kept = list(columns)
    spared = []
    can_be_spared = filter(lambda one: one.spare, columns)
    for column in sorted(can_be_spared, key=lambda one: one.spare):
        if _fit(kept, width):
            break
        kept.remove(column)
        spared.append(column)
    return kept, spared


def _fit(columns: Iterable[Column], width: int) -> bool:
    """Whether there is room for all, narrowed as far as they can be."""
    return _total(map(_least, columns)) <= width


def _blocks(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """As many columns a block as there is room for; each block begins with the names."""
    if _fit(columns, width):
        return [list(columns)]
    names = _leading_names(columns)
    blocks = [list(names)]
    for column in columns[len(names) :]:
        has_others = len(blocks[-1]) > len(names)
        if has_others and not _fit([*blocks[-1], column], width):
            blocks.append(list(names))
        blocks[-1].append(column)
    return blocks


def _leading_names(columns: Sequence[Column]) -> list[Column]:
    names = []
    for column in columns:
        if column.kind != "name":
            break
        names.append(column)
    return names


def _widened(block: Sequence[Column], width: int) -> list[Placed]:
    """The block with its columns as wide as the terminal allows."""
    widths = [_least(column) for column in block]
    _narrow_names(block, widths, width)
    for kind in WIDENED:
        _share(kind, block, widths, width)
    return [_placed(column, size) for column, size in zip(block, widths, strict=True)]


def _share(kind: Kind, block: Sequence[Column], widths: list[int], width: int) -> None:
    """Share the room that is left between the columns of a kind.

    Who needs little gets all of it.
    """
    lacking = {}
    for place, column in enumerate(block):
        if column.kind == kind:
            lacking[place] = _natural(column) - widths[place]
    waiting = len(lacking)
    for place in sorted(lacking, key=lacking.__getitem__):
        room = max(0, width - _total(widths))
        widths[place] += _given(kind, lacking[place], room, waiting)
        waiting -= 1


def _given(kind: Kind, lacking: int, room: int, waiting: int) -> int:
    """What one of so many waiting columns gets of the room."""
    if kind == "number":  # of use only where its header is not folded any more
        return lacking if lacking <= room else 0
    return min(lacking, room // waiting)


def _narrow_names(block: Sequence[Column], widths: list[int], width: int) -> None:
    """Let names give way to numbers where there is no room for both."""
    for place, column in enumerate(block):
        lacking = max(0, _total(widths) - width)
        if column.kind == "name":
            widths[place] -= min(lacking, max(0, widths[place] - NARROWEST_NAME))


# ---------------------------------------------------------------------- widths


def _total(widths: Iterable[int]) -> int:
    sizes = list(widths)
    return sum(sizes) + GAP * (len(sizes) - 1)


def _natural(column: Column) -> int:
    """The width at which nothing is folded."""
    return max(map(_width, (column.header, *column.cells)))


def _width(text: str) -> int:
    """That of its longest line."""
    return max(map(cell_len, _split(text)))


def _least(column: Column) -> int:
    """The width to which a column is narrowed; numbers are never folded."""
    header = max(map(cell_len, _pieces(column.header, "number")))
    if column.kind == "number":
        return max([header, *map(cell_len, column.cells)])
    narrow = NARROW_NAME if column.kind == "name" else _longest_word(column)
    return min(_natural(column), max(header, narrow))


def _longest_word(column: Column) -> int:
    words = (word for cell in column.cells for word in cell.split())
    return min(max(map(cell_len, words), default=0), NARROW_PROSE)


def _split(text: str) -> list[str]:
    return text.split("\n")


# ---------------------------------------------------------------------- folding


def _placed(column: Column, width: int) -> Placed:
    header = fold(column.header, width, "number")
    if column.kind == "number":
        return Placed(width, column.kind, header, [[text] for text in column.cells])
    cells = [fold(text, width, column.kind) for text in column.cells]
    return Placed(width, column.kind, header, cells)


def fold(text: str, width: int, kind: Kind) -> list[str]:
    """The text in lines of at most this width, broken where its kind may be.

    Within a word only where there is no other way.
    """
    lines = []
    for part in _split(text):
        line = ""
        for piece in _fitting_pieces(part, width, kind):
            if line and cell_len((line + piece).rstrip()) > width:
                lines.append(line.rstrip())
                line = ""
            line += piece
        lines.append(line.rstrip())
    return lines


def _fitting_pieces(text: str, width: int, kind: Kind) -> Iterator[str]:
    """What is kept together.

    A word of prose that is too long is broken as a name is, and that anywhere if it must be.
    """
    for piece in _pieces(text, kind):
        if cell_len(piece.rstrip()) <= width:
            yield piece
        elif kind == "prose":
            yield from _fitting_pieces(piece, width, "name")
        else:
            yield from chop_cells(piece, width)


def _pieces(text: str, kind: Kind) -> list[str]:
    """The text, split after the letters that a line of its kind may end with."""
    ends = LINE_ENDS[kind]
    return re.findall(rf"[^{ends}]*[{ends}]|[^{ends}]+", text) or [""]


# ---------------------------------------------------------------------- drawing


def _lines(
    cells: Sequence[list[str]], block: Sequence[Placed], style: str = "", bottom: bool = False
) -> Iterator[Text]:
    """One row in as many lines as its longest cell has."""
    height = max(map(len, cells))
    columns = []
    for lines, column in zip(cells, block, strict=True):
        empty = [""] * (height - len(lines))
        filled = [*empty, *lines] if bottom else [*lines, *empty]
        columns.append([_padded(line, column) for line in filled])
    for parts in zip(*columns, strict=True):
        yield _line((" " * GAP).join(parts).rstrip(), style)


def _padded(text: str, column: Placed) -> str:
    """Numbers stand on the right."""
    blanks = " " * (column.width - cell_len(text))
    return blanks + text if column.kind == "number" else text + blanks


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ignore")


def _safe(column: Column) -> Column:
    """With names and numbers of one line, and nothing in them that steers a terminal."""
    cells = column.cells
    if column.kind != "prose":
        cells = tuple(cell.replace("\n", " ") for cell in cells)
    cells = tuple(printable(cell).replace("\t", " ") for cell in cells)
    return replace(column, header=printable(column.header), cells=cells)
