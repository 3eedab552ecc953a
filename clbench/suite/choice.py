"""`name`, or `{name: options}`: how a suite names anything that has options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

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

    def written(self, /, **changes: Any) -> dict[str, dict[str, Any]]:
        """`{name: options}`, with these options in the place of its own."""
        return {self.name: {**self.options, **changes}}

    def to_plain(self) -> list[Any]:
        """As JSON holds it, for a worker."""
        return [self.name, dict(self.options)]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Choice:
        """The choice that `to_plain` wrote."""
        return Choice(plain[0], plain[1])


@dataclass(frozen=True)
class MetricChoice(Choice):
    """A metric as a suite asks for it: records, tables and commands know it by its label."""

    label: str

    def to_plain(self) -> list[Any]:
        """As JSON holds it, for a worker."""
        return [*super().to_plain(), self.label]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> MetricChoice:
        """The choice that `to_plain` wrote, or an older version of it, which knew no labels."""
        name, options, *label = plain
        return MetricChoice(name, options, label[0] if label else name)


def is_choice(value: object) -> TypeGuard[Written]:
    """Whether this is a name, or one name with options or with nothing."""
    if isinstance(value, str):
        return True
    if not isinstance(value, Mapping) or len(value) != 1:
        return False
    (options,) = value.values()
    return options is None or isinstance(options, Mapping)
