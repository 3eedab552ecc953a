"""What each member costs: the parameters that it trains, and the bytes that it carries beside them.

Two counts of bytes: what the method has to keep, by which methods are compared, and what its tensors take
where they lie, by which stacks are sized. A buffer of indices is small on a device that holds the data.
"""

from __future__ import annotations

from clbench.engine.solo_runner import SoloRunner
from clbench.engine.solo_state import carried_bytes, parameter_count
from clbench.engine.strategy import Strategy, device_bytes, state_bytes


def trained_parameters(strategy: Strategy) -> list[int]:
    """`[R]`: how many numbers each member trains."""
    if isinstance(strategy, SoloRunner):
        return [parameter_count(solo) for solo in strategy.solos]
    network = strategy.session.net.parameters() if strategy.session.net is not None else []
    return [sum(value[0].numel() for value in network)] * strategy.members


def carried(strategy: Strategy) -> list[float]:
    """`[R]`: bytes that the method has to keep beside network and optimiser: buffers, old models, importances, bases."""
    if isinstance(strategy, SoloRunner):
        return in_memory(strategy)
    return [state_bytes(strategy, member) for member in range(strategy.members)]


def in_memory(strategy: Strategy) -> list[float]:
    """`[R]`: bytes that the tensors of the method take, beside network and optimiser."""
    if isinstance(strategy, SoloRunner):
        return [float(carried_bytes(solo)) for solo in strategy.solos]
    return [device_bytes(strategy)] * strategy.members
