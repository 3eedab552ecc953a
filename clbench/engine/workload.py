"""How much there is to do in each task, before anything is
trained: for estimates and for bars, never for results.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from clbench.engine.chain import Chain
from clbench.engine.session import ScenarioView
from clbench.engine.strategy import Strategy
from clbench.engine.task import Phase, Samples
from clbench.suite.protocol import Protocol
from clbench.suite.tested import tested_tasks

STEP_COST = 32.0  # what a step costs beside its samples, in samples
EVALUATION_COST = 0.3  # a sample that is only predicted, in samples that are trained on
HEAD_COST = 0.1  # a sample whose features are known, of which the head alone is trained


@dataclass(frozen=True)
class Work:
    """One task's: the steps of a member, and what they
    and the evaluation after them cost, in samples.
    """

    steps: int
    cost: float


def workload(
    parts: Sequence[tuple[type[Any], Mapping[str, Any]]],
    protocol: Mapping[str, Any],
    scenario: ScenarioView,
    train: Sequence[int],
    test: Sequence[int],
) -> list[Work]:
    """Task by task, for a member with these numbers of samples.

    A strategy that is `foreseeable` is asked for its phases.
    """
    replayed = sum(_replayed(options, protocol) for _, options in parts)
    at_end_only = any(cls.evaluates == "end" for cls, _ in parts)
    # Samples of all tasks before each: the cost of a row of tests is a difference.
    looked = np.cumsum([0, *test]).tolist()
    tested = tested_tasks(protocol["evaluate"], scenario.tasks)
    work = []
    for index, phases in enumerate(foreseen(parts, protocol, scenario, train)):
        steps, cost = 0, 0.0
        for phase, samples in phases:
            count, size = _steps(phase, samples, protocol)
            steps += count
            cost += count * (STEP_COST + size + replayed)
            if phase.frozen_before is not None and not is_augmented(phase, protocol):
                # Features are computed once, as a prediction, and each step trains the rest alone.
                cost -= count * size * (1.0 - HEAD_COST) - EVALUATION_COST * samples
        evaluated = index == scenario.tasks - 1 or not at_end_only
        columns = tested[index + 1]
        shown = looked[columns.stop] - looked[columns.start]
        work.append(Work(steps, cost + EVALUATION_COST * evaluated * shown))
    return work


def foreseen(
    parts: Sequence[tuple[type[Any], Mapping[str, Any]]],
    protocol: Mapping[str, Any],
    scenario: ScenarioView,
    train: Sequence[int],
) -> list[list[tuple[Phase, int]]]:
    """Task by task the phases, each with the number of samples that it passes over."""
    # Sums are taken once: of 2,000 tasks each would be one of 2,000 numbers.
    seen = np.cumsum([0, *train]).tolist()
    found = []
    for index, phases in enumerate(_phases(parts, protocol, scenario)):
        pools = {"task": train[index], "seen": seen[index + 1], "all": seen[-1]}
        if scenario.nested:
            # Nested tasks hold all earlier ones' samples: what was seen is in the last one.
            pools |= {"seen": train[index], "all": train[-1]}
        found.append([(phase, _samples(phase, pools)) for phase in phases])
    return found


def is_augmented(phase: Phase, protocol: Mapping[str, Any]) -> bool:
    """Whether the phase's images are others in every epoch."""
    augment = protocol["augment"] if phase.augment is None else phase.augment
    return bool(augment != "none")


def _samples(phase: Phase, pools: Mapping[str, int]) -> int:
    return _buffered(phase.data) if isinstance(phase.data, Samples) else pools[phase.data]


def _steps(phase: Phase, samples: int, protocol: Mapping[str, Any]) -> tuple[int, int]:
    """How many steps a phase takes over so many samples, and how large they are."""
    size = phase.batch_size or protocol["batch_size"]
    given = phase.steps or (protocol["steps"] if phase.epochs is None else None)
    epochs = phase.epochs if phase.epochs is not None else protocol["epochs"]
    return given or (epochs or 1) * math.ceil(samples / size), size


def _phases(
    parts: Sequence[tuple[type[Any], Mapping[str, Any]]],
    protocol: Mapping[str, Any],
    scenario: ScenarioView,
) -> list[list[Phase]]:
    """What the strategy says where it lets itself be
    asked before the run; else one phase a task.
    """
    own = [cls for cls, _ in parts if cls.phases is not Strategy.phases]
    if not own or not all(getattr(cls, "foreseeable", False) for cls in own):
        return [[Phase()]] * scenario.tasks
    # As little of a session as `phases` may ask for, by its own declaration.
    session: Any = SimpleNamespace(
        members=((0, 0),), scenario=scenario, protocol=Protocol.of(protocol)
    )
    try:
        made: list[Any] = [cls(**options) for cls, options in parts]
        first: Any = Chain(made, session).first
        phases = [
            list(first.phases(SimpleNamespace(index=index))) for index in range(scenario.tasks)
        ]
        return (
            phases
            # What it says is checked when it runs; here an odd answer is only no estimate.
            if all(isinstance(phase, Phase) for task in phases for phase in task)
            else [[Phase()]] * scenario.tasks
        )
    # An estimate must not stop a run.
    except Exception:
        return [[Phase()]] * scenario.tasks


def _buffered(samples: Samples) -> int:
    """How many samples a phase of a buffer has for one member."""
    return int(samples.index.shape[-1])


def _replayed(options: Mapping[str, Any], protocol: Mapping[str, Any]) -> int:
    """Methods that replay say with an option of this name
    how many samples a step they draw; by default a batch.
    """
    if "replay_batch" not in options:
        return 0
    return int(options["replay_batch"] or protocol["batch_size"])
