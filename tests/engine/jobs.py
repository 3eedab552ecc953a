"""Jobs that are run, left and compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from clbench import ProbeMetric, SoloStrategy
from clbench.engine import Progress, Settings, run_cell
from clbench.errors import StopRequested
from clbench.testing.bench import first_difference, rows


def run(
    bench: Any,
    *seeds: int,
    key: str = "bench",
    listener: Callable[[Progress], None] = lambda progress: None,
    leaving: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Any:
    """The job, without the bench's own opinion of its record."""
    return run_cell(
        bench.cell,
        key,
        bench.members(*seeds),
        host=bench.host,
        arrays=bench.arrays,
        settings=Settings(**settings),
        listener=listener,
        leaving=leaving,
    )


def same(one: Any, other: Any, *seeds: int) -> None:
    for seed in seeds:
        assert first_difference(rows(one, seed), rows(other, seed)) is None


def leave(bench: Any, *seeds: int, after: int, **settings: Any) -> None:
    """The job up to this step (or task)."""
    turns = iter(range(1, after))
    with pytest.raises(StopRequested):
        run(bench, *seeds, leaving=lambda: next(turns, None) is None, **settings)


class Norm(ProbeMetric):
    """The weights' norm after each task."""

    when = "task_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.cat([p.flatten(1) for p in probe.net.parameters()], dim=1).norm(dim=1)


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""
