"""`name`, or `{name: options}`: how a suite names anything that has options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What a suite, a resolved protocol or a record holds in such a place.
Written = str | Mapping[str, Mapping[str, Any] | None]


@dataclass(frozen=True)
class Choice:
    """A name with its options: a strategy's part, a scenario, a metric, a model."""

    name: str
    options: Mapping[str, Any]

    @classmethod
    def of(cls, written: Written) -> Choice:
        """The name and the options of what `is_choice` says is one."""
        if isinstance(written, str):
            return Choice(written, {})
        ((name, options),) = written.items()
        return Choice(str(name), dict(options or {}))


@dataclass(frozen=True)
class MetricChoice(Choice):
    """A metric as a suite asks for it: records, tables and commands know it by its label."""

    label: str


def is_choice(value: Any) -> bool:
    """Whether this is a name, or one name with options or with nothing."""
    if isinstance(value, str):
        return True
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    (options,) = value.values()
    return options is None or isinstance(options, Mapping)
