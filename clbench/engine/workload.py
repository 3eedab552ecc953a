"""How much there is to do in each task, before anything is trained: for estimates and for bars, never for results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from clbench.engine.compose import compose
from clbench.engine.session import ScenarioView
from clbench.engine.strategy import Strategy
from clbench.engine.task import Phase, Samples
from clbench.suite.tested import tested_tasks

STEP = 32.0  # what a step costs beside its samples, in samples
LOOK = 0.3  # a sample that is only predicted, in samples that are trained on


@dataclass(frozen=True)
class Work:
    """One task's: the steps of a member, and what they and the evaluation after them cost, in samples."""

    steps: int
    cost: float


def workload(
    parts: Sequence[tuple[type[Any], Mapping[str, Any]]],
    protocol: Mapping[str, Any],
    scenario: ScenarioView,
    train: Sequence[int],
    test: Sequence[int],
) -> list[Work]:
    """Task by task, for a member with these numbers of samples; a strategy that is `foreseeable` is asked for its phases."""
    replayed = sum(_replayed(options, protocol) for _, options in parts)
    at_end_only = any(cls.evaluates == "end" for cls, _ in parts)
    # Sums are taken once: of 2,000 tasks each would be one of 2,000 numbers.
    seen, looked = (np.cumsum([0, *sizes]).tolist() for sizes in (train, test))
    tested = tested_tasks(protocol["evaluate"], scenario.tasks)
    work = []
    for index, phases in enumerate(_phases(parts, protocol, scenario)):
        pools = {"task": train[index], "seen": seen[index + 1], "all": seen[-1]}
        if scenario.nested:
            pools |= {"seen": train[index], "all": train[-1]}
        steps, cost = 0, 0.0
        for phase in phases:
            size = phase.batch_size or protocol["batch_size"]
            given = phase.steps or (protocol["steps"] if phase.epochs is None else None)
            epochs = phase.epochs if phase.epochs is not None else protocol["epochs"]
            samples = (
                _buffered(phase.data) if isinstance(phase.data, Samples) else pools[phase.data]
            )
            count = given or (epochs or 1) * math.ceil(samples / size)
            steps, cost = steps + count, cost + count * (STEP + size + replayed)
        evaluated = index == scenario.tasks - 1 or not at_end_only
        columns = tested[index + 1]
        shown = looked[columns.stop] - looked[columns.start]
        work.append(Work(steps, cost + LOOK * evaluated * shown))
    return work


def _phases(
    parts: Sequence[tuple[type[Any], Mapping[str, Any]]],
    protocol: Mapping[str, Any],
    scenario: ScenarioView,
) -> list[list[Phase]]:
    """What the strategy says where it lets itself be asked before the run; else one phase a task."""
    own = [cls for cls, _ in parts if cls.phases is not Strategy.phases]
    if not own or not all(getattr(cls, "foreseeable", False) for cls in own):
        return [[Phase()]] * scenario.tasks
    session: Any = SimpleNamespace(
        members=((0, 0),), scenario=scenario, protocol=SimpleNamespace(**protocol)
    )
    try:
        made: list[Any] = [cls(**options) for cls, options in parts]
        first: Any = compose(made, session)
        phases = [
            list(first.phases(SimpleNamespace(index=index))) for index in range(scenario.tasks)
        ]
        return (
            phases
            if all(isinstance(phase, Phase) for task in phases for phase in task)
            else [[Phase()]] * scenario.tasks
        )
    except Exception:
        return [[Phase()]] * scenario.tasks


def _buffered(samples: Samples) -> int:
    """How many samples a phase of a buffer has for one member."""
    return int(samples.index.shape[-1])


def _replayed(options: Mapping[str, Any], protocol: Mapping[str, Any]) -> int:
    """Methods that replay say with an option of this name how many samples a step they draw; by default a batch."""
    if "replay_batch" not in options:
        return 0
    return int(options["replay_batch"] or protocol["batch_size"])
