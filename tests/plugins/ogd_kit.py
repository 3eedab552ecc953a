"""Orthogonal gradient descent on small networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clbench.testing.bench import Bench

MLP = {"mlp": {"hidden": [12, 9]}}


def trained(bench: Bench, tasks: int, *seeds: int) -> Any:
    strategy, loop = bench.start(*(seeds or (0, 1)))
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    return strategy


def flat(gradients: dict[str, Tensor]) -> Tensor:
    return torch.cat([value.flatten(1) for value in gradients.values()], dim=1)
