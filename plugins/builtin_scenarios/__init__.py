"""The built-in scenarios."""

from __future__ import annotations

from clbench import Scenario, hookimpl

from .agents import Agents
from .growing import Growing
from .pairs import Pairs
from .random_labels import RandomLabels
from .split import Split
from .warped import Permuted, Rotated


@hookimpl
def clbench_scenarios() -> list[type[Scenario]]:
    """Offer the scenarios."""
    return [Split, Permuted, Rotated, Pairs, RandomLabels, Growing, Agents]
