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
    samples = _samples_of_first_task(strategy)
    loop.training.frozen.end_phase()
    if phase.frozen_before is None:
        labels = strategy.session.streams.labels_of(samples.index, samples.tasks)
        return torch.stack([samples.index, samples.tasks, labels])
    return _with_features(strategy, loop, replace(phase, data=samples))


def _samples_of_first_task(strategy: Strategy) -> Samples:
    """Of task 1, so that something was learnt before."""
    index = torch.stack([_first_samples(strategy, row) for row in range(strategy.members)])
    tasks = torch.ones_like(index)
    return Samples(index, tasks, torch.ones_like(index, dtype=torch.bool))


def _first_samples(strategy: Strategy, row: int) -> Tensor:
    return torch.from_numpy(strategy.session.streams.spec(row, 1).train[:8])


def _with_features(strategy: Strategy, loop: Any, phase: Phase) -> Tensor:
    """The first step of a phase that trains on these samples alone, as on a buffer."""
    session, frozen = strategy.session, loop.training.frozen
    members = range(strategy.members)
    resolved = resolve(phase, strategy.task, session.streams, strategy.protocol, members)
    frozen.begin_phase(phase, resolved)
    order = order_of_epoch(resolved, session.streams, session.members, (1, 0, 0))
    plan = plan_epoch(order.sizes, resolved.size, members)
    _, samples = next(frozen.of_steps(order, plan))
    return samples  # type: ignore[no-any-return]
