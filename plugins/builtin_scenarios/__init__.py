"""The built-in scenarios."""

from __future__ import annotations

from clbench import Scenario, hookimpl
from clbench_plugins.builtin_scenarios.split import Split
from clbench_plugins.builtin_scenarios.warped import Permuted, Rotated


@hookimpl
def clbench_scenarios() -> list[type[Scenario]]:
    """Offer the scenarios."""
    return [Split, Permuted, Rotated]
