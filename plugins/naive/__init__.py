"""Fine-tuning: the lower bound."""

from __future__ import annotations

from clbench import Strategy, hookimpl


class Naive(Strategy):
    """Train on each task in turn and do nothing against forgetting (fine-tuning, SGD, "none")."""


@hookimpl
def clbench_strategies() -> list[type]:
    return [Naive]
