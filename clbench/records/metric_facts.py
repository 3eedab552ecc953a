"""What a record says of its metrics, for readers without the plugin that offers them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from clbench.metrics import Metric
from clbench.metrics.base import Summary, When
from clbench.options import name_of

_WHEN = "when"
_METRIC = "metric"
UNITS_OF_COSTS = {"bytes": "bytes", "memory": "bytes", "seconds": "seconds"}  # by a word in a name


def facts_of(kind: type[Metric], label: str) -> dict[str, Any]:
    """What tables and tests have to know of a metric that is stored under this label."""
    facts = {
        **named(label, name_of(kind)),
        "summary": kind.summary,
        "higher_is_better": kind.higher_is_better,
        "unit": kind.unit,
        "limits": None if kind.limits is None else list(kind.limits),
    }
    if hasattr(kind, _WHEN):
        facts[_WHEN] = getattr(kind, _WHEN)
    return facts


def named(label: str, name: str) -> dict[str, str]:
    """Which metric is stored under a label; a metric that goes by its own name need not say it."""
    return {} if label == name else {_METRIC: name}


def labelled(metrics: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Which metrics those are, given as label and name, that have labels of their own."""
    facts = {label: named(label, name) for label, name in metrics}
    return {label: one for label, one in facts.items() if one}


def how_measured(label: str, name: str, options: Mapping[str, Any], version: str) -> dict[str, Any]:
    """What a cell says of a metric stored in it: where this changes, it is measured again."""
    return {"options": dict(options), "version": version, **named(label, name)}


def name_in(facts: Any) -> str | None:
    """The metric that these facts name, or this word on how it was measured."""
    name = facts.get(_METRIC) if isinstance(facts, Mapping) else None
    return name if isinstance(name, str) else None


def options_in(how: Any) -> Mapping[str, Any] | None:
    """The options that this word on how a metric was measured names."""
    options = how.get("options") if isinstance(how, Mapping) else None
    return options if isinstance(options, Mapping) else None


def kind_of(facts: Any) -> type[Metric]:
    """A metric of which only these facts are known.

    What is missing or makes no sense is as usual.
    """
    given = facts if isinstance(facts, Mapping) else {}
    sound = {name: value for name, value in given.items() if _is_sound(name, value)}
    if sound.get("limits") is not None:
        sound["limits"] = tuple(sound["limits"])
    return type("Stored", (Metric,), sound)


def kind_of_cost(name: str) -> type[Metric]:
    """A cost that no plugin describes: less is better, and its unit is in its name."""
    unit = next((unit for word, unit in UNITS_OF_COSTS.items() if word in name), "")
    return kind_of({"summary": "sum", "higher_is_better": False, "unit": unit})


def _is_sound(name: str, value: Any) -> bool:
    if name == "summary":
        return value in get_args(Summary)
    if name == "higher_is_better":
        return isinstance(value, bool)
    if name == "unit":
        return isinstance(value, str) and value.isprintable()
    if name == "limits":
        return value is None or _is_pair(value)
    return name == _WHEN and value in get_args(When)


def _is_pair(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    return all(map(_is_finite, value))


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
