"""Which tasks are tested when."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.suite.tested import tested_tasks as tasks_tested


def rows_of(scope: str, tasks: int, last: int | None = None) -> list[list[int]]:
    evaluate: dict[str, Any] = {"tasks": scope, "last": last, "every": None}
    return [list(row) for row in tasks_tested(evaluate, tasks)]


@pytest.mark.parametrize(
    ("scope", "last", "rows"),
    [
        ("all", None, [[0, 1, 2]] * 4),
        ("seen", None, [[0], [0], [0, 1], [0, 1, 2]]),
        ("current", None, [[0], [0], [1], [2]]),
        ("last", 1, [[0], [0], [1], [2]]),
        ("last", 2, [[0], [0], [0, 1], [1, 2]]),
        ("last", 9, [[0], [0], [0, 1], [0, 1, 2]]),
    ],
)
def test_rows_are_tested_as_the_protocol_says(
    scope: str, last: int | None, rows: list[list[int]]
) -> None:
    assert rows_of(scope, 3, last) == rows


@pytest.mark.parametrize("scope", ["all", "seen", "current", "last"])
def test_there_is_a_row_for_the_untrained_network_and_one_a_task(scope: str) -> None:
    for tasks in (1, 2, 7):
        rows = rows_of(scope, tasks, 2)
        assert len(rows) == tasks + 1
        assert all(rows)
        # After the last task that one is always tested, and no task that there is not.
        assert tasks - 1 in rows[-1]
        assert max(map(max, rows)) == tasks - 1
