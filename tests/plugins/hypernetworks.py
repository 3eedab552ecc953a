"""Hypernetworks on small streams, and their penalty in plain PyTorch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench.testing.bench import Bench

SMALL: dict[str, Any] = {
    "hidden": [6],
    "num_chunks": 5,
    "embedding_size": 4,
    "chunk_embedding_size": 3,
}


ADAM = {"adam": {"lr": 0.003}}


def second_task(bench: Bench, *seeds: int) -> tuple[Any, Batch]:
    """A strategy that has trained a task and begun the next, and a batch of that."""
    strategy, loop = bench.start(*seeds)
    loop.task(strategy.session.streams.tasks[0])
    return strategy, begin(strategy, 1)


def begin(strategy: Any, index: int) -> Batch:
    """Begin a task and its phase; a batch of it."""
    task = strategy.session.streams.tasks[index]
    strategy.session.task, strategy.session.phase = task, None
    strategy.begin_task(task)
    strategy.session.phase = strategy.phases(task)[0]
    return next(task.batches("train", 16))


def generated(theta: list[Tensor], code: Tensor, size: int) -> Tensor:
    """All weights of one network, chunk by chunk."""
    w1, b1, w2, b2, chunks = theta
    rows = [
        F.linear(F.relu(F.linear(torch.cat([code, chunk]), w1, b1)), w2, b2) for chunk in chunks
    ]
    return torch.cat(rows)[:size]
