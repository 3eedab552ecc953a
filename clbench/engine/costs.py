"""What each member costs: the parameters that it trains, and the bytes that it carries beside them."""

from __future__ import annotations

from clbench.engine.solo_runner import SoloRunner
from clbench.engine.solo_state import carried_bytes, parameter_count
from clbench.engine.strategy import Strategy, state_bytes


def trained_parameters(strategy: Strategy) -> list[int]:
    """`[R]`: how many numbers each member trains."""
    if isinstance(strategy, SoloRunner):
        return [parameter_count(solo) for solo in strategy.solos]
    network = strategy.session.net.parameters() if strategy.session.net is not None else []
    return [sum(value[0].numel() for value in network)] * strategy.members


def carried(strategy: Strategy) -> list[float]:
    """`[R]`: bytes beside network and optimiser: buffers, old models, importances, bases."""
    if isinstance(strategy, SoloRunner):
        return [float(carried_bytes(solo)) for solo in strategy.solos]
    return [state_bytes(strategy)] * strategy.members
