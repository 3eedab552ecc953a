"""Labels: a name, and the options in which the cells of that name differ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from clbench.errors import UnknownName
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.entries import ScenarioEntry, StrategyEntry

Leaves = dict[str, Any]
Entry = TypeVar("Entry", ScenarioEntry, StrategyEntry)

# Keys whose value is one name with its options: the name and the options are told apart on their
# own.
_NAMED = ("model", "optimizer", "schedule", "dataset")


def scenario_labels(entries: Sequence[ScenarioEntry]) -> list[str]:
    """One label a scenario, in order."""
    return _labels(entries, [_flatten(entry.choice.options) for entry in entries])


def strategy_labels(entries: Sequence[StrategyEntry]) -> list[str]:
    """One label a strategy, in order; protocol keys follow the options."""
    return _labels(entries, [_strategy_leaves(entry) for entry in entries])


def split_names(text: str) -> list[str]:
    """Names at the commas of `naive,er(memory=200, beta=1)` that are in no parentheses."""
    return [name.strip() for name in re.split(r",(?![^()]*\))", text) if name.strip()]


def pick(cells: Sequence[Cell], names: Iterable[str]) -> list[Cell]:
    """The cells whose label or bare name is among `names`; `UnknownName` where one names none.

    What is no name as it stands may be several of them, with commas between.
    """
    known = names_of(cells)
    wanted: set[str] = set()
    for given in names:
        # A label may hold commas itself.
        wanted.update([given] if given in known else split_names(given))
    for name in sorted(wanted - known):
        raise UnknownName("strategy of this suite", name, known)
    return [cell for cell in cells if cell.label in wanted or cell.strategy in wanted]


def names_of(cells: Iterable[Cell]) -> set[str]:
    """By which strategies may be named: their labels and their bare names."""
    return {name for cell in cells for name in (cell.label, cell.strategy)}


def _labels(entries: Sequence[Entry], leaves: Sequence[Leaves]) -> list[str]:
    """Entries with a label of their own are a group each (a grid makes several of one);
    the others go by name.
    """
    labels = [""] * len(entries)
    for positions in _called_alike(entries):
        differing = _differing([leaves[position] for position in positions])
        for position in positions:
            base = entries[position].label or entries[position].name
            labels[position] = base + _in_parentheses(leaves[position], differing)
    return labels


def _called_alike(entries: Sequence[Entry]) -> Iterable[list[int]]:
    """The positions of those that have to differ in their options, group by group."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for position, entry in enumerate(entries):
        group = ("label", entry.label, entry.source) if entry.label else ("name", entry.name)
        groups.setdefault(group, []).append(position)
    return groups.values()


def _in_parentheses(leaves: Leaves, keys: Sequence[str]) -> str:
    """`(memory=200)`: those of the keys that the entry has; nothing where it has none."""
    shown = [f"{key}={_show(leaves[key])}" for key in keys if key in leaves]
    return f"({', '.join(shown)})" if shown else ""


def _differing(members: Sequence[Leaves]) -> list[str]:
    """The keys with more than one value among those that have them."""
    values: dict[str, set[str]] = {}
    for leaves in members:
        for key, value in leaves.items():
            values.setdefault(key, set()).add(json.dumps(value, sort_keys=True))
    return [key for key, found in values.items() if len(found) > 1]


def _strategy_leaves(entry: StrategyEntry) -> Leaves:
    leaves: Leaves = {}
    for part in entry.parts:
        # Two parts may have an option of one name.
        prefix = f"{part.name}." if len(entry.parts) > 1 else ""
        leaves |= {f"{prefix}{key}": value for key, value in part.options.items()}
    of_protocol = {}
    for key, value in _flatten(entry.protocol).items():
        # An option may be called like a protocol key; both are shown where both differ.
        of_protocol[f"protocol.{key}" if key in leaves else key] = value
    return leaves | of_protocol


def _flatten(options: Mapping[str, Any]) -> Leaves:
    leaves: Leaves = {}
    for key, value in options.items():
        if key in _NAMED and isinstance(value, Mapping) and len(value) == 1:
            choice = Choice.of(value)
            leaves[key] = choice.name
            leaves |= {f"{key}.{word}": part for word, part in choice.options.items()}
        elif isinstance(value, Mapping):
            leaves |= {f"{key}.{word}": part for word, part in value.items()}
        else:
            leaves[key] = value
    return leaves


def _show(value: object) -> str:
    if value is None:
        return "none"  # as a suite writes it
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)
