"""A training step by hand sees what the loop would give it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from clbench import Phase
from clbench.engine.loop import Loop
from clbench.engine.strategy import Strategy
from clbench.testing import StrategyConformance
from clbench.testing.by_hand import a_step, begin_phase, begin_task, phases_of
from clbench_plugins.joint import Joint
from clbench_plugins.naive import Naive


@pytest.fixture(scope="module")
def started() -> tuple[Strategy, Loop]:
    """Fine-tuning of two seeds, that trains nothing."""
    return StrategyConformance()._bench(Naive).start(0, 1)


def phase_of_the_second_task(strategy: Strategy) -> Phase:
    """Its only one, which is still to begin; the task has begun."""
    task = strategy.session.streams.tasks[1]
    begin_task(strategy, task)
    (phase,) = phases_of(strategy, task)
    return phase


def test_a_task_that_begins_is_the_session_s_and_has_no_phase(
    started: tuple[Strategy, Loop],
) -> None:
    strategy, _ = started
    second = strategy.session.streams.tasks[1]
    begin_task(strategy, second)
    assert strategy.session.task is second
    assert strategy.session.phase is None


def test_a_phase_that_begins_is_the_session_s(started: tuple[Strategy, Loop]) -> None:
    strategy, _ = started
    phase = phase_of_the_second_task(strategy)
    begin_phase(strategy, phase)
    assert strategy.session.phase is phase


def test_a_step_is_eight_samples_of_the_first_task_of_each_member(
    started: tuple[Strategy, Loop],
) -> None:
    strategy, loop = started
    streams = strategy.session.streams
    phase = phase_of_the_second_task(strategy)
    begin_phase(strategy, phase)
    index, tasks, labels = a_step(strategy, loop, phase)
    assert index.shape == (2, 8)
    for row in range(2):
        own = torch.from_numpy(streams.spec(row, 1).train[:8])
        assert torch.equal(index[row], own)
    assert bool((tasks == 1).all())
    assert torch.equal(labels, streams.labels_of(index, tasks))


def test_features_of_a_body_that_stands_still_come_with_the_samples(
    started: tuple[Strategy, Loop],
) -> None:
    strategy, loop = started
    phase = phase_of_the_second_task(strategy)
    frozen = replace(phase, frozen_before="head")
    begin_phase(strategy, frozen)
    plain, with_features = a_step(strategy, loop, phase), a_step(strategy, loop, frozen)
    assert len(plain) == 3
    assert with_features.shape[1:] == plain.shape[1:]


def test_joint_training_has_the_phases_of_its_last_task() -> None:
    strategy, _ = StrategyConformance()._bench(Joint).start(0)
    first, *_, last = strategy.session.streams.tasks
    assert not strategy.phases(first)
    assert phases_of(strategy, first) == list(strategy.phases(last))
