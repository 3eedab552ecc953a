"""What is trained after which task, on which data, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from clbench import Phase, Strategy, Task
from clbench_plugins.joint import Cumulative, Joint

TASKS = 3


class InTwoPhases(Strategy):
    """One phase counted in steps, whatever the protocol counts in, and one in epochs."""

    def phases(self, task: Task) -> Sequence[Phase]:
        return [Phase("steps", steps=7), Phase("epochs", epochs=2)]


def phases_by_task(on_digits: Any, methods: Any, **protocol: Any) -> list[list[Phase]]:
    """Of each task in turn."""
    strategy, _ = on_digits(methods, tasks=TASKS, **protocol).start(0, 1)
    return [list(strategy.phases(task)) for task in strategy.session.streams.tasks]


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"epochs": 2}, Phase(data="all")),
        ({"steps": 5}, Phase(data="all", steps=15)),
    ],
)
def test_joint_trains_once_on_all_tasks_as_long_as_all_tasks_take(
    on_digits: Any, protocol: Any, expected: Phase
) -> None:
    assert phases_by_task(on_digits, Joint, **protocol) == [[], [], [expected]]


@pytest.mark.parametrize("protocol", [{"epochs": 1}, {"steps": 5}])
def test_phases_of_another_part_keep_their_lengths_a_task(on_digits: Any, protocol: Any) -> None:
    *_, last = phases_by_task(on_digits, [Joint, InTwoPhases], **protocol)
    assert last == [
        Phase("steps", steps=7 * TASKS, data="all"),
        Phase("epochs", epochs=2, data="all"),
    ]


@pytest.mark.parametrize("protocol", [{"epochs": 1}, {"steps": 5}])
def test_cumulative_trains_on_what_was_seen_at_each_task(on_digits: Any, protocol: Any) -> None:
    own = [Phase("steps", steps=7, data="seen"), Phase("epochs", epochs=2, data="seen")]
    assert phases_by_task(on_digits, [Cumulative, InTwoPhases], **protocol) == [own] * TASKS
