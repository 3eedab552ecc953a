"""`{grid: [...]}`: one cell each, several grids are their product."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from clbench.errors import shown
from clbench.suite.paths import Path, longest_known


@dataclass(frozen=True)
class Variant:
    """Data without grids, and where in the suite each part of it is written."""

    data: Any
    source: Path  # of the whole
    # Where what stands at a path of the data is written, seen from the source: grids move things.
    moves: Mapping[Path, Path] = field(default_factory=dict)

    def in_suite(self, path: Path) -> Path:
        """Where the suite says what stands at `path` of the data."""
        # The innermost grid around it counts.
        grid = longest_known(path, self.moves)
        if grid is None:
            return self.source + path
        return self.source + self.moves[grid] + path[len(grid) :]


def unfold(data: Any, source: Path = ()) -> list[Variant]:
    """Every combination of the grids in the data, the last grid varying fastest."""
    return [Variant(value, source, moves) for value, moves in _unfold(data, (), ())]


def count(data: Any) -> int:
    """How many variants `unfold` gives, without making them."""
    if _is_grid(data):
        return sum(map(count, data["grid"]))
    return math.prod(count(part) for _, part in _parts(data))


def _parts(data: Any) -> Iterable[tuple[str | int, Any]]:
    """What a mapping or a list holds, by key or position; nothing for anything else."""
    if isinstance(data, Mapping):
        return data.items()
    return enumerate(data) if isinstance(data, list) else ()


def grid_problems(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """What is wrong with the grids in the data."""
    if isinstance(data, Mapping) and "grid" in data:
        wrong = _why_no_grid(data)
        if wrong:
            yield path, wrong
    for key, part in _parts(data):
        yield from grid_problems(part, (*path, key))


def _why_no_grid(data: Mapping[str, Any]) -> str:
    """What is wrong with a mapping that has the key `grid`; empty where nothing is."""
    others = [repr(key) for key in data if key != "grid"]
    if others:
        return f"a grid stands alone; move {', '.join(others)} out of its braces"
    if not isinstance(data["grid"], list) or not data["grid"]:
        return f"a grid is a list of values such as {{grid: [1, 2]}}, not {shown(data['grid'])}"
    return ""


def _is_grid(data: Any) -> bool:
    return isinstance(data, Mapping) and set(data) == {"grid"} and isinstance(data["grid"], list)


def _unfold(data: Any, here: Path, written: Path) -> Iterator[tuple[Any, dict[Path, Path]]]:
    if _is_grid(data):
        for position, choice in enumerate(data["grid"]):
            # What stands `here` in the data is written further inside, in the grid.
            written_at = (*written, "grid", position)
            for value, moves in _unfold(choice, here, written_at):
                yield value, {here: written_at} | moves
    elif isinstance(data, Mapping):
        for values, moves in _product(list(data.items()), here, written):
            yield dict(zip(data, values, strict=True)), moves
    elif isinstance(data, list):
        for values, moves in _product(list(enumerate(data)), here, written):
            yield list(values), moves
    else:
        yield data, {}


def _product(
    items: list[tuple[Any, Any]], here: Path, written: Path
) -> Iterator[tuple[tuple[Any, ...], dict[Path, Path]]]:
    parts = [list(_unfold(value, (*here, key), (*written, key))) for key, value in items]
    for combination in product(*parts):
        # Paths of different parts never clash: each begins with its own key.
        moves: dict[Path, Path] = {}
        for _, moved in combination:
            moves |= moved
        yield tuple(value for value, _ in combination), moves
