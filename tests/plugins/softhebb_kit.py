"""SoftHebb on small networks."""

from __future__ import annotations

from typing import Any

CONVOLUTIONS: dict[str, Any] = {
    "units": [5, 7],
    "kernel": [3],
    "pool": ["max 4/2/1", "avg 2/2/0"],
    "rate": [0.08, 0.03],
}


def begun(bench: Any, phase: int, *seeds: int) -> Any:
    """A strategy in one of its phases, and the first batch."""
    strategy, _ = bench.start(*seeds)
    task = strategy.session.task = strategy.session.streams.tasks[0]
    strategy.session.phase = strategy.phases(task)[phase]
    strategy.begin_phase(strategy.phase)
    strategy.begin_epoch(strategy.phase, 0)
    strategy.net.train()
    return strategy, next(task.batches("train", 12))
