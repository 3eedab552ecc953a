"""Looks: each time that a record's seeds were compared, kept in the record itself.

Who compares again whenever a seed was added finds differences that are none: so a record says how
often, with which seeds and by what metric it was looked at. Looks are only ever added.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import h5py

from clbench.errors import RecordError
from clbench.records.atomic import atomic_file
from clbench.records.cell import CellRecord
from clbench.records.hdf5 import Source

LOOKS = "looks"  # the group that holds them, by number
MAX_SEEDS = 100_000  # of a cell; a file that names more was not written by clbench

Seeds = tuple[int, ...]


@dataclass(frozen=True)
class Look:
    """One comparison: when, of which seeds of which cells, by what metric, level and test."""

    when: str  # UTC
    cells: Mapping[str, Seeds]  # by key
    metric: str
    alpha: float
    test: str
    # Of a run that adds seeds until strategies are told apart: by what that is decided.
    rule: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seeds(self) -> int:
        """Of the cell that has most."""
        return max(map(len, self.cells.values()), default=0)

    @property
    def content(self) -> tuple[Any, ...]:
        """All but its date: a look with the same content is the same look."""
        cells = sorted((key, seeds) for key, seeds in self.cells.items() if seeds)
        return self.metric, self.alpha, self.test, tuple(cells)


def seeds_of(cells: Iterable[CellRecord]) -> dict[str, Seeds]:
    """The seeds of each cell, by its key, as a look names them; those of two records together."""
    found: dict[str, set[int]] = {}
    for cell in cells:
        found.setdefault(cell.key, set()).update(cell.seed.tolist())
    return {key: tuple(sorted(seeds)) for key, seeds in found.items()}


def united_looks(lists: Iterable[Sequence[Look]]) -> tuple[Look, ...]:
    """Each look once, in the order of their dates; of the same look the first stays."""
    every = sorted(chain.from_iterable(lists), key=lambda look: look.when)
    first: dict[tuple[Any, ...], Look] = {}
    for look in every:
        first.setdefault(look.content, look)
    return tuple(first.values())


def looks_line(looks: Sequence[Look]) -> str | None:
    """How often these seeds were compared, in a line; None where nobody did."""
    if not looks:
        return None
    told = []
    for metric, sizes in _sizes(looks).items():
        told.append(f"{metric} at {_in_words(sizes)} seeds")
    declared = next((look.rule.get("looks") for look in reversed(looks) if look.rule), None)
    if isinstance(declared, list):
        told.append(f"seeds are added by declared looks at {_in_words(declared)}")
    return f"compared so far, since {looks[0].when[:10]}: {'; '.join(told)}"


def _sizes(looks: Iterable[Look]) -> dict[str, dict[int, None]]:
    """By metric how many seeds there were, each number once, in the order of the looks."""
    sizes: dict[str, dict[int, None]] = {}
    for look in looks:
        sizes.setdefault(look.metric, {})[look.seeds] = None
    return sizes


def _in_words(numbers: Iterable[Any]) -> str:
    return ", ".join(map(str, numbers))


# ---------------------------------------------------------------------- in a file


def write_looks(file: h5py.File, looks: Sequence[Look]) -> None:
    """Add looks behind those that the file has."""
    folder = file.require_group(LOOKS)
    for number, look in enumerate(looks, start=_next_number(folder)):
        _write(folder.create_group(f"{number:06d}"), look)


def _next_number(folder: h5py.Group) -> int:
    """Behind all that are there, whatever numbers another program gave them."""
    numbers = [int(name) for name in folder if name.isdecimal()]
    return max(numbers, default=-1) + 1


def _write(group: h5py.Group, look: Look) -> None:
    attributes = group.attrs
    attributes["when"] = look.when
    attributes["metric"] = look.metric
    attributes["alpha"] = look.alpha
    attributes["test"] = look.test
    cells = {key: _ranges(seeds) for key, seeds in look.cells.items()}
    attributes["cells"] = json.dumps(cells, sort_keys=True)
    if look.rule:
        attributes["rule"] = json.dumps(dict(look.rule), sort_keys=True)


def read_looks(source: Source, file: h5py.File) -> tuple[Look, ...]:
    """The looks of a file, the oldest first; a record from before there were any has none."""
    if LOOKS not in file:
        return ()
    folder = file[LOOKS]
    if not isinstance(folder, h5py.Group):
        raise RecordError(f"{source.path}: {LOOKS} is not a group")
    return tuple(_read(source, folder, name) for name in sorted(folder))


def _read(source: Source, folder: h5py.Group, name: str) -> Look:
    item = folder[name].id
    alpha = source.attribute(item, "alpha")
    cells = source.json(item, "cells", {})
    try:
        return Look(
            when=source.text(item, "when"),
            cells={key: _listed(ranges) for key, ranges in cells.items()},
            metric=source.text(item, "metric"),
            alpha=float(alpha),
            test=source.text(item, "test"),
            rule=source.json(item, "rule", {}),
        )
    except (TypeError, ValueError) as error:
        raise RecordError(f"{source.path}: {LOOKS}/{name} is no look: {error}") from error


def append_looks(path: Path, known: Sequence[Look], new: Iterable[Look]) -> tuple[Look, ...]:
    """Write those of the new looks that are not `known` behind them; all looks that there are then.

    In a copy that takes the file's place when it is whole, so that nothing can be lost, and nothing
    else of the file changes: what it holds beside is copied as it is, whoever wrote it.
    """
    every = list(known)
    for look in new:
        if all(look.content != other.content for other in every):
            every.append(look)
    added = every[len(known) :]
    if added:
        with atomic_file(path) as target:
            with open(path, "rb") as before:
                shutil.copyfileobj(before, target)
            with h5py.File(target, "r+", libver=("v108", "v110")) as file:
                write_looks(file, added)
    return tuple(every)


def _ranges(seeds: Seeds) -> list[list[int]]:
    """First and last of each unbroken run of seeds: most cells have one."""
    ranges: list[list[int]] = []
    for seed in sorted(seeds):
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ranges


def _listed(ranges: Sequence[Sequence[int]]) -> Seeds:
    seeds: list[int] = []
    for first, last in ranges:
        if last - first >= MAX_SEEDS - len(seeds):
            raise ValueError(f"up to seed {last} they are more than {MAX_SEEDS:,} seeds")
        seeds += range(int(first), int(last) + 1)
    return tuple(seeds)
