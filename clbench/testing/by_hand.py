"""Training steps by hand, as the loop takes them: for checks that look at a single one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from clbench.engine.phases import order_of_epoch, resolve
from clbench.engine.plan import plan_epoch
from clbench.engine.strategy import Strategy
from clbench.engine.task import Phase, Samples, Task


def begin_task(strategy: Strategy, task: Task) -> None:
    """As the loop begins a task, but for what the protocol resets."""
    strategy.session.task, strategy.session.phase = task, None
    strategy.begin_task(task)


def phases_of(strategy: Strategy, task: Task) -> list[Phase]:
    """The task's phases; where it has none (joint training) those of the last one."""
    return list(strategy.phases(task) or strategy.phases(strategy.session.streams.tasks[-1]))


def begin_phase(strategy: Strategy, phase: Phase) -> None:
    """As the loop begins a phase and its first epoch."""
    strategy.session.phase = phase
    with strategy.session.choosing():
        strategy.begin_phase(phase)
    strategy.begin_epoch(phase, 0)


def a_step(strategy: Strategy, loop: Any, phase: Phase) -> Tensor:
    """Eight samples of every member.

    Of a phase whose front stands still with where their features are.
    """
    session, streams = strategy.session, strategy.session.streams
    members = range(strategy.members)
    # Task 1, so that something was learnt before.
    index = torch.stack([torch.from_numpy(streams.spec(row, 1).train[:8]) for row in members])
    tasks = torch.ones_like(index)
    loop.training.frozen.end_phase()
    if phase.frozen_before is None:
        return torch.stack([index, tasks, streams.labels_of(index, tasks)])
    # Trained on these samples alone, as a buffer.
    some = replace(phase, data=Samples(index, tasks, torch.ones_like(index, dtype=torch.bool)))
    resolved = resolve(some, strategy.task, streams, strategy.protocol, members)
    loop.training.frozen.begin_phase(some, resolved)
    order = order_of_epoch(resolved, streams, session.members, (1, 0, 0))
    plan = plan_epoch(order.sizes, resolved.size, members)
    _, samples = next(loop.training.frozen.of_steps(order, plan))
    return samples  # type: ignore[no-any-return]
