"""A cell of the matrix: one scenario x one strategy with its options, for all its seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.protocol import Protocol

# The numbers of engine and stack: a version goes up with every change that moves one, and so does
# every key. tests/engine/test_reference.py fails until it does.
ENGINE_VERSION = 2
# Protocol keys that did not exist when there were records already, with what was done then.
ADDED = {"restore": "never", "pad": 0}


@dataclass(frozen=True)
class Cell:
    """What is run; everything in it is plain data (it travels to workers as JSON)."""

    scenario: Choice
    scenario_label: str
    parts: tuple[Choice, ...]
    label: str
    protocol: Protocol
    metrics: tuple[MetricChoice, ...]
    seeds: tuple[int, ...]

    @property
    def strategy(self) -> str:
        """`er+ewc`."""
        return "+".join(part.name for part in self.parts)

    @property
    def options(self) -> dict[str, Any]:
        """The options as a suite writes them:
        flat for one strategy, a mapping a part for a composition.
        """
        if len(self.parts) == 1:
            return dict(self.parts[0].options)
        return {part.name: dict(part.options) for part in self.parts}

    def to_plain(self) -> dict[str, Any]:
        """As JSON holds it, for a worker."""
        return {
            **vars(self),
            "scenario": self.scenario.to_plain(),
            "parts": list(map(Choice.to_plain, self.parts)),
            "metrics": list(map(MetricChoice.to_plain, self.metrics)),
            "protocol": dict(self.protocol),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Cell:
        """The cell that `to_plain` wrote, or an older version of it."""
        return Cell(
            scenario=Choice.from_plain(plain["scenario"]),
            scenario_label=plain["scenario_label"],
            parts=tuple(map(Choice.from_plain, plain["parts"])),
            label=plain["label"],
            protocol=Protocol.of(plain["protocol"]),
            metrics=tuple(map(MetricChoice.from_plain, plain["metrics"])),
            seeds=tuple(plain["seeds"]),
        )

    def record_fields(self) -> dict[str, Any]:
        """What a record says of the cell, by the names of `CellRecord`'s fields."""
        return {
            "scenario": self.scenario_label,
            "strategy": self.strategy,
            "label": self.label,
            "options": self.options,
            "protocol": dict(self.protocol),
        }

    def content(self, fingerprint: str, versions: Mapping[str, str]) -> dict[str, Any]:
        """Everything that can change the cell's numbers, readable;
        what is kept beside them (`keep`) does not.
        """
        return {
            "scenario": [self.scenario.name, dict(self.scenario.options)],
            "parts": [[part.name, dict(part.options)] for part in self.parts],
            "protocol": self._decisive_protocol(),
            "data": fingerprint,
            "versions": dict(versions),
            "engine": ENGINE_VERSION,
        }

    def _decisive_protocol(self) -> dict[str, Any]:
        """The protocol without what is kept,
        and without keys that came later and are at their default.
        """
        protocol = {**self.protocol, "keep": []}
        for key, default in ADDED.items():
            if protocol.get(key) == default:
                del protocol[key]
        return protocol

    def key(self, fingerprint: str, versions: Mapping[str, str]) -> str:
        """A hash of `content`: the cell's name in records."""
        # Sorted, so that the order in which a suite is written makes no other cell.
        text = json.dumps(self.content(fingerprint, versions), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
