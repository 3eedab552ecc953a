"""Scenarios in which nothing was learnt: no run of any strategy, or upper bound, beats chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from clbench.metrics import RunView, Undefined
from clbench.records import CellRecord, Results
from clbench.report.runs import by_scenario
from clbench.report.words import listed
from clbench.stats.intervals import mean_interval
from clbench.typing import Array
from clbench.words import counted

SMOKE = "-smoke"  # how the suite of a smoke run ends; on its made-up data nobody learns
ROOM = 0.1  # of the way from chance to 1, that no run may have gone


@dataclass(frozen=True)
class NothingLearnt:
    """A scenario whose accuracies did not leave chance, and how its networks were trained."""

    scenario: str
    best: float  # the highest mean final accuracy
    chance: float
    bounds: tuple[str, ...]  # strategies among them that train on more than the task at hand
    protocols: tuple[Mapping[str, Any], ...]  # each once


def nothing_learnt(results: Results) -> list[NothingLearnt]:
    """The scenarios of which that can be said.

    None of a smoke run, nor where chance is not known.
    """
    if results.record.suite.endswith(SMOKE):
        return []
    found: list[NothingLearnt] = []
    for scenario, cells in by_scenario(results.cells).items():
        found += _finding(results, scenario, cells)
    return found


def _finding(
    results: Results, scenario: str, cells: Sequence[CellRecord]
) -> Iterable[NothingLearnt]:
    """What can be said of a scenario; nothing where anything was learnt, or nothing is known."""
    finals = _finals_at_chance(results, cells)
    if finals:
        # Its chance is told beside it: strategies may have been tested on other tasks.
        accuracy, chance = max(finals)
        bounds = tuple(cell.label for cell in cells if cell.strategy in BOUNDS)
        yield NothingLearnt(scenario, accuracy, chance, bounds, tuple(_protocols(cells)))


def _finals_at_chance(results: Results, cells: Iterable[CellRecord]) -> list[_Final]:
    """Of every cell that has one; none at all where any cell left chance, or may have."""
    finals = []
    for cell in cells:
        measured = _measured(results, cell)
        if measured:
            if not _is_at_chance(measured, cell.chance):
                return []
            if "all" in measured:
                finals.append(_Final(float(measured["all"].mean()), cell.chance["all"]))
        elif _with_accuracies(cell).any():
            return []  # what was tested tells nothing of chance
    return finals


class _Final(NamedTuple):
    """A strategy's mean accuracy at the end, and what chance would give."""

    accuracy: float
    chance: float


def _measured(results: Results, cell: CellRecord) -> dict[str, Array]:
    """By chance level, the accuracies of each seed that belong to it, where they were measured."""
    found = {}
    for name, measure in MEASURES.items():
        values = _by_seed(results, cell, measure)
        if len(values):
            found[name] = values
    return found


def _is_at_chance(measured: Mapping[str, Array], chance: Mapping[str, float]) -> bool:
    """Whether nothing that was measured left chance; not where nobody knows chance."""
    known = measured.keys() <= chance.keys()
    return known and all(at_chance(values, chance[name]) for name, values in measured.items())


def at_chance(values: Array, chance: float) -> bool:
    """Whether runs of these accuracies show nothing: their mean at chance, none far above it."""
    if values.max() > chance + ROOM * (1 - chance):
        return False
    # Of a single run there is no interval: its NaN is above nothing.
    is_above = mean_interval(values).low > chance
    return not is_above


def sentence(found: NothingLearnt) -> str:
    """What was seen, and where to look first."""
    included = f", {listed(found.bounds)} included," if found.bounds else ""
    causes = "; ".join(_causes(found.protocols))
    return (
        f"{found.scenario}: nothing was learnt here: no strategy{included} left chance (the best"
        f" mean accuracy at the end is {100 * found.best:.1f} %, without a look at the images"
        f" {100 * found.chance:.1f} % can be had). Likely causes, in this order: {causes}."
    )


def _causes(protocols: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """As far as the protocols leave room for them; several protocols are told once each."""
    raw = [one for one in protocols if one.get("normalise") == "none"]
    if raw:
        yield f"pixels of 0 to 255 (`normalise: none`) at this rate ({_told(raw, _rate)})"
    yield f"the learning rate ({_told(protocols, _rate)})"
    yield f"too few steps ({_told(protocols, _length)})"


def _told(protocols: Sequence[Mapping[str, Any]], what: Callable[[Mapping[str, Any]], str]) -> str:
    return listed(list(dict.fromkeys(what(one) for one in protocols)))


def _rate(protocol: Mapping[str, Any]) -> str:
    match protocol.get("optimizer"):
        case Mapping() as optimizer if len(optimizer) == 1:
            ((name, options),) = optimizer.items()
        case _:
            return "which the record does not tell"
    match options:
        case {"lr": rate} if rate is not None:
            return f"{name}, lr {rate}"
    return str(name)


def _length(protocol: Mapping[str, Any]) -> str:
    unit = "step" if protocol.get("epochs") is None else "epoch"
    number = protocol.get(f"{unit}s")
    if number is None:
        return "the record does not tell how many"
    return f"{counted(number, unit)} a task"


# ---------------------------------------------------------------------- what runs reached


def _learnt(run: RunView) -> Array:
    """R_ii: on each task, just after it was learnt."""
    return run.at(run.learnt_after, np.arange(1, run.tasks + 1))


def _kept(run: RunView) -> Array:
    """R_Tj: on each task, at the end."""
    return run.at(run.tasks, np.arange(1, run.tasks + 1))


# By the chance level that belongs to them.
MEASURES: dict[str, Callable[[RunView], Array]] = {"task": _learnt, "all": _kept}
BOUNDS = ("joint", "cumulative")


def _with_accuracies(cell: CellRecord) -> Array:
    """`[S]`: the members that are done, of a cell in which anything was measured."""
    return cell.done & bool(cell.tasks)


def _by_seed(results: Results, cell: CellRecord, measure: Callable[[RunView], Array]) -> Array:
    """The mean accuracy of each seed's finished runs; nothing where it was not measured."""
    found: dict[int, list[float]] = defaultdict(list)
    for member in np.flatnonzero(_with_accuracies(cell)).tolist():
        run = results.run(cell, member)
        try:
            value = float(measure(run).mean())
        except Undefined:
            continue
        found[run.seed].append(value)
    return np.array([np.mean(values) for values in found.values()])


def _protocols(cells: Iterable[CellRecord]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for cell in cells:
        if cell.protocol not in found:
            found.append(cell.protocol)
    return found
