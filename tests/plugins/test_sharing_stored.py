"""What each agent has to offer to its neighbours."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from clbench import sample_bytes
from clbench_plugins.sharing.stored import ROWS, Stored


class Noted:
    """A task that notes what it is asked for; its members have 10, 3 and 0 samples."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[Any] = []

    def batches(self, split: str, rows: int, most: int | None) -> Any:
        self.asked.append((split, rows, most))
        return iter([self.name])

    def size(self, split: str) -> list[int]:
        return [10, 3, 0]


OWNER: Any = SimpleNamespace(
    scenario=SimpleNamespace(input_shape=(1, 8, 8), classes=10, tasks=3, setting="class")
)


def stored(of_each: int | None) -> tuple[Stored, list[Noted]]:
    """Two tasks are over, and a third is under way."""
    found, tasks = Stored(OWNER, of_each), [Noted(name) for name in "abc"]
    for task in tasks:
        found.begin_task(task)  # type: ignore[arg-type]
    return found, tasks


def test_of_the_task_under_way_all_samples_are_there_and_of_others_so_many() -> None:
    found, tasks = stored(5)
    assert list(found.batches()) == ["a", "b", "c"]
    asked = [task.asked for task in tasks]
    assert asked == [[("train", ROWS, 5)], [("train", ROWS, 5)], [("train", ROWS, None)]]


@pytest.mark.parametrize(
    ("of_each", "samples"),
    [(5, [5 * 3, 3 * 3, 0]), (2, [2 * 3, 2 * 3, 0]), (None, [10 * 3, 3 * 3, 0])],
)
def test_bytes_are_those_of_the_samples_a_member_keeps(of_each, samples) -> None:
    found, _ = stored(of_each)
    each = sample_bytes(OWNER.scenario)
    assert found.stands_for() == [float(count * each) for count in samples]


def test_before_the_first_task_there_is_nothing() -> None:
    found = Stored(OWNER, 5)
    assert list(found.batches()) == []
    assert found.stands_for() == []
