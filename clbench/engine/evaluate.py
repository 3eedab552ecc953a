"""Accuracy of every member on a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from clbench.engine.solo import SoloRunner
from clbench.engine.strategy import Strategy
from clbench.engine.task import Batch, Split, Task
from clbench.errors import StrategyError


@contextmanager
def evaluating(strategy: Strategy) -> Iterator[None]:
    """The network in evaluation mode, every part of it; then as before."""
    if isinstance(strategy, SoloRunner):
        strategy.set_mode(False)
        try:
            yield
        finally:
            strategy.set_mode(True)
    elif strategy.session.net is None:
        yield
    else:
        with strategy.session.net.evaluation():
            yield


def set_mode(strategy: Strategy, *, training: bool) -> None:
    """Training or evaluation mode of the network."""
    if isinstance(strategy, SoloRunner):
        strategy.set_mode(training)
    elif strategy.session.net is not None:
        strategy.session.net.train(training)


@torch.no_grad()
def accuracy(
    strategy: Strategy,
    task: Task,
    split: Split = "test",
    limit: int | None = None,
    watch: Callable[[Tensor], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """`[R]` shares of right answers in float64 (NaN where a member has no samples), and `[R]`: whether none of its outputs was NaN.

    `watch` is shown the classes chosen, batch by batch.
    """
    right = torch.zeros(strategy.members, dtype=torch.float64, device=strategy.device)
    total = torch.zeros_like(right)
    broken = torch.zeros(strategy.members, dtype=torch.bool, device=strategy.device)
    with evaluating(strategy):
        for batch in task.batches(split, task.streams.chunk(split), limit):
            logits = predict(strategy, batch, task)
            assert batch.valid is not None
            chosen = choice(strategy, logits, batch)
            right += ((chosen == batch.y) & batch.valid).sum(1)
            total += batch.valid.sum(1)
            broken |= logits.isnan().flatten(1).any(1)
            if watch is not None:
                watch(chosen)
    return right / torch.where(total > 0, total, torch.nan), ~broken


def predict(strategy: Strategy, batch: Batch, task: Task) -> Tensor:
    """The strategy's logits, of the shape the contract wants; it is told the task where the setting tells it."""
    logits = strategy.predict(batch.x, task if strategy.scenario.setting == "task" else None)
    wanted = (strategy.members, batch.size, strategy.scenario.classes)
    if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
        got = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise StrategyError(
            f"{strategy.part_name}.predict returned {got}; [members, batch, classes] = {list(wanted)} is wanted"
        )
    return logits


def choice(strategy: Strategy, logits: Tensor, batch: Batch) -> Tensor:
    """The class each sample is given, among the outputs that the setting and the protocol leave."""
    using, tasks = strategy.protocol.logits["evaluate"], batch.tasks
    if (
        using == "current" and strategy.scenario.setting == "class"
    ):  # the task being trained, not the one each sample is from
        tasks = torch.full_like(tasks, strategy.task.index)
    return strategy.masked(logits, tasks, using=using).argmax(2)
