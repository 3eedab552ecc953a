"""How much of a cell fits into one job, and what a run may write."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from clbench.execution import sizing
from clbench.execution.estimate import Memory
from clbench.execution.jobs import PlannedCell
from clbench.execution.sizing import BYTES_A_NUMBER, BYTES_A_WEIGHT, expected_bytes, fewest_jobs
from clbench.suite.protocol import Protocol

from .plans import a_job, a_plan


def keeping(planned: PlannedCell, *keep: str) -> PlannedCell:
    protocol = Protocol.of({**planned.cell.protocol, "keep": list(keep)})
    return replace(planned, cell=replace(planned.cell, protocol=protocol))


def inspector(parameters: int | None = 100) -> Any:
    return SimpleNamespace(parameters=lambda cell: parameters)


# ------------------------------------------------------------------ on disk


def test_every_member_has_a_matrix_and_three_numbers_a_task() -> None:
    # Rows 0 to 5 of five tasks each, and three numbers at each of six rows.
    numbers = 6 * 5 + 3 * 6
    assert expected_bytes([a_plan(2)], inspector()) == 2 * numbers * BYTES_A_NUMBER


def test_agents_are_members() -> None:
    one, both = a_plan(3), a_plan(3, agents=2)
    assert expected_bytes([both], inspector()) == 2 * expected_bytes([one], inspector())


def test_networks_that_are_kept_are_kept_before_and_after_each_task() -> None:
    plain = expected_bytes([a_plan(2)], inspector())
    kept = expected_bytes([keeping(a_plan(2), "weights")], inspector())
    assert kept - plain == 2 * 6 * 100 * BYTES_A_WEIGHT


def test_a_network_that_nobody_knows_takes_nothing_that_could_be_told() -> None:
    kept = keeping(a_plan(2), "weights")
    assert expected_bytes([kept], inspector(None)) == expected_bytes([a_plan(2)], inspector())


def test_cells_add_up_and_none_are_nothing() -> None:
    cells = [a_plan(2, "a"), a_plan(3, "b")]
    sizes = [expected_bytes([one], inspector()) for one in cells]
    assert expected_bytes(cells, inspector()) == sum(sizes)
    assert expected_bytes([], inspector()) == 0


# ------------------------------------------------------------------ in memory

JOBS = [a_job(10, "a"), a_job(4, "b")]


def on_devices(monkeypatch: pytest.MonkeyPatch, room: float) -> dict[str, int]:
    """On GPUs with so much room, where a member takes 30 bytes beside 100 of data."""
    monkeypatch.setattr(sizing, "room_of", lambda slots: room)
    estimator: Any = SimpleNamespace(memory=lambda job: Memory(100, 30.0))
    return fewest_jobs(JOBS, estimator, ["cuda:0", "cuda:1"])


def test_a_device_takes_as_many_members_as_it_has_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Four members fit beside the data: ten are three jobs, four are one.
    assert on_devices(monkeypatch, 220.0) == {"a": 3, "b": 1}


def test_a_device_of_unknown_size_divides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert on_devices(monkeypatch, math.inf) == {}


@pytest.mark.parametrize(("by_cache", "by_features"), [(2, 5), (5, 2), (1, 1)])
def test_on_a_cpu_whatever_asks_for_more_jobs_decides(
    by_cache: int, by_features: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizing, "cache_of_a_worker", lambda workers: 1000 // workers)
    monkeypatch.setattr(sizing, "_room_for_features", lambda workers: 600.0 / workers)
    given: list[tuple[float, float]] = []

    def cache(job: Any, cache: int) -> int:
        given.append((cache, 0))
        return by_cache

    def features(job: Any, room: float) -> int:
        given.append((0, room))
        return by_features

    estimator: Any = SimpleNamespace(pieces_by_cache=cache, pieces_by_features=features)
    most = max(by_cache, by_features)
    assert fewest_jobs(JOBS, estimator, ["cpu", "cpu"]) == {"a": most, "b": most}
    # Two workers share the cache and the room.
    assert set(given) == {(500, 0), (0, 300.0)}
