"""Which of several configurations is the one that nobody wrote an option for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clbench.errors import ClbenchError
from clbench.host import Host
from clbench.options import describe_options, plain_options
from clbench.records import CellRecord
from clbench.suite.resolving import resolve_protocol

OPTIONS, PROTOCOL = "options", "protocol"  # how paths begin
NAMED = ("model", "optimizer")  # of a protocol: one name with its options


@dataclass(frozen=True)
class Default:
    """The default configuration, where it is among them; `known` where the defaults are at all."""

    cell: CellRecord | None
    known: bool = True


def default_of(cells: Sequence[CellRecord], host: Host) -> Default:
    """The one that has the default of every option in which they differ.

    The defaults of a strategy are those that the record holds; of older records those of the
    plugins at hand.
    """
    settings = [_settings(cell) for cell in cells]
    varied = _varied(settings)
    try:
        defaults = _defaults(cells, varied, host)
    except ClbenchError:  # no plugin here knows the strategy
        return Default(None, known=False)
    for cell, own in zip(cells, settings, strict=True):
        if _at(varied, own) == _at(varied, defaults):
            return Default(cell)
    return Default(None)


def _settings(cell: CellRecord) -> dict[str, Any]:
    """Every option by its path; below the name of its part in a composition."""
    return {**_leaves(OPTIONS, cell.options), **_leaves(PROTOCOL, cell.protocol)}


def _varied(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of the settings in which they differ; one that is absent differs from all."""
    names = dict.fromkeys(name for one in settings for name in one)
    return [name for name in names if _is_varied(name, settings)]


def _is_varied(name: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    first, *others = (_at([name], one) for one in settings)
    return any(other != first for other in others)


def _at(names: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings that there are."""
    return {name: settings[name] for name in names if name in settings}


# ---------------------------------------------------------------------- defaults


def _defaults(cells: Sequence[CellRecord], varied: Sequence[str], host: Host) -> dict[str, Any]:
    """Of what varies; strategies and models, which import torch, are loaded where they must be."""
    found: dict[str, Any] = {}
    if _holds(varied, OPTIONS):
        found |= _leaves(OPTIONS, cells[0].defaults or _defaults_by_plugins(cells[0], host))
    if _holds(varied, PROTOCOL):
        found |= _leaves(PROTOCOL, _default_protocol(cells, host))
    return found


def _holds(names: Sequence[str], beginning: str) -> bool:
    return any(name.startswith(f"{beginning}.") for name in names)


def _defaults_by_plugins(cell: CellRecord, host: Host) -> dict[str, Any]:
    """Below the name of its part in a composition, as a cell has its options."""
    strategies = host.offering("strategy")
    parts = cell.strategy.split("+")
    if len(parts) == 1:
        return _default_options(strategies.get("strategy", parts[0]), cell.options)
    found = {}
    for part in parts:
        kind = strategies.get("strategy", part)
        found[part] = _default_options(kind, cell.options.get(part, {}))
    return found


def _default_options(kind: Any, own: Mapping[str, Any]) -> dict[str, Any]:
    """As records have them; those that must be given have no default."""
    required = [option.name for option in describe_options(kind) if option.required]
    filled = plain_options(kind, {name: own[name] for name in required if name in own})
    return {name: value for name, value in filled.items() if name not in required}


def _default_protocol(cells: Sequence[CellRecord], host: Host) -> dict[str, Any]:
    """Of the model and the optimiser that all have; of the usual ones where these differ."""
    given: dict[str, Any] = {}
    for key in NAMED:
        name = _common_name(key, cells)
        if name is not None:
            given[key] = {name: {}}
    # What is wrong with it does not matter: it is looked at only where the cells differ.
    protocol, _ = resolve_protocol(given, host.offering("model"))
    return dict(protocol)


def _common_name(key: str, cells: Sequence[CellRecord]) -> str | None:
    """The name that all protocols give below this key; None where they differ, or give none."""
    names = {next(iter(cell.protocol.get(key) or {}), None) for cell in cells}
    return names.pop() if len(names) == 1 else None


def _leaves(path: str, value: Any) -> dict[str, Any]:
    """Every value below it, by its path."""
    if not isinstance(value, Mapping) or not value:
        return {path: value}
    found: dict[str, Any] = {}
    for key, part in value.items():
        found |= _leaves(f"{path}.{key}", part)
    return found
