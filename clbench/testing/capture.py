"""The check that a training step can be captured in a device graph, on a CPU."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.engine.graphs import Outline, declared
from clbench.engine.strategy import Strategy
from clbench.engine.task import Phase
from clbench.testing.bench import Bench
from clbench.testing.by_hand import a_step, begin_phase, begin_task, phases_of
from clbench.testing.watch import uncapturable

# A method whose steps all run eagerly in a row of so many has no graph to speak of.
STEPS_TRIED = 100


class CaptureCheck:
    """What a method that claims to be `capturable` has to do, and not to do, in a step."""

    def test_step_can_be_captured(self, bench: Bench) -> None:
        """A step that is declared capturable stays on the device,
        and does its work in tensors that stay where they are.
        """
        strategy, loop = bench.start(0, 1)
        if reason := declared(loop.learner):
            pytest.skip(reason)
        first, second = strategy.session.streams.tasks[:2]
        loop.task(first)
        begin_task(strategy, second)
        for phase in phases_of(strategy, second):
            begin_phase(strategy, phase)
            if _step_to_capture(strategy):
                _check_capture(strategy, loop, phase)


def _step_to_capture(strategy: Strategy) -> bool:
    """Go on until a step is due that a graph would hold; whether there is one."""
    steps = strategy.session.measurements.steps
    for _ in range(STEPS_TRIED):
        if not strategy.eager_step():
            return True
        steps += 1
    return False


def _check_capture(strategy: Strategy, loop: Any, phase: Phase) -> None:
    found = _what_no_graph_holds(strategy, loop, phase)
    assert not found, (
        f"the step of phase {phase.name!r} cannot be captured in a device graph:"
        f" {'; '.join(found[:3])}. Change that, or declare capturable = False: the steps then"
        " run one kernel after the other"
    )


def _what_no_graph_holds(strategy: Strategy, loop: Any, phase: Phase) -> list[str]:
    """What the second of two steps does, in words."""
    learner, training = strategy.session.learner, loop.training
    samples = a_step(strategy, loop, phase)
    # Buffers and moments may be made in a first step; the second has to find all of them.
    training.training_step(samples)
    before = Outline.of(learner.state())
    with uncapturable() as found:
        training.training_step(samples)
    if change := before.difference(Outline.of(learner.state())):
        found.append(change)
    return found
