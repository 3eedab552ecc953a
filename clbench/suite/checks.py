"""What only the engine can say of a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


def _nothing(*about: Any) -> None:
    """Nobody is there to ask."""


@dataclass(frozen=True)
class Checks:
    """Questions a suite hands on, because it never reaches torch itself.

    What they refuse, they refuse with a `UserError`.
    """

    # whether these strategies compose, in this order
    composition: Callable[[Sequence[type]], None] = _nothing
    # whether torch has this optimiser, and takes these options
    optimizer: Callable[[str, Mapping[str, Any]], None] = _nothing
    # whether a strategy with these options makes sense in a setting, by a protocol
    fit: Callable[[type, Mapping[str, Any], str, Mapping[str, Any]], None] = _nothing


UNCHECKED = Checks()
