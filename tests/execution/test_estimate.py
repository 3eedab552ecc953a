"""What a job may take: sums by hand over inspectors that only say what they are told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clbench.execution import estimate
from clbench.execution.estimate import Estimate, Estimator, Memory, forecast_of
from clbench.execution.jobs import Job
from clbench.execution.stack_size import NetworkSize
from clbench.records import CellRecord

from .plans import a_job, a_plan, a_record, jobs_for, sizes

# ------------------------------------------------------------------ memory


def test_a_stack_is_as_large_as_its_device_holds() -> None:
    job = a_job(10)
    memory = Memory(data=100, member=50.0)
    assert memory.of(job) == 600
    assert [memory.pieces(job, room) for room in (600, 599, 300, 149, 20)] == [1, 2, 3, 10, 10]
    assert sizes(jobs_for(a_plan(10), workers=1, stacked=True, pieces=3)) == [4, 3, 3]


def test_a_member_that_is_alone_is_tried_whatever_the_estimate_says() -> None:
    memory = Memory(data=100, member=50.0)
    assert memory.pieces(a_job(1), room=10) == 1
    assert memory.pieces(a_job(3), room=100) == 3  # the data alone fill the device


def test_a_member_of_which_nothing_is_known_is_not_set_apart() -> None:
    """Each was a job of its own: as if none of them had room."""
    assert Memory(data=0, member=0.0).pieces(a_job(3), room=100) == 1


# ------------------------------------------------------------------ earlier members


def estimator(record: CellRecord | None = None, **inspects: Any) -> Estimator:
    inspector: Any = SimpleNamespace(**inspects)
    return Estimator(inspector, {} if record is None else {"key-er": record})


def spent(**cost: Any) -> CellRecord:
    """Two members that are finished, with what they cost."""
    record = a_record([0, 1])
    record.cost = {name: np.asarray(value, dtype=np.float64) for name, value in cost.items()}
    return record


def of_the_cell(members: int) -> Job:
    planned = a_plan(members)
    return Job(planned, planned.members)


@pytest.mark.parametrize(
    ("cost", "seconds"),
    [
        ({}, None),
        ({"train_seconds": [np.nan, np.nan]}, None),
        ({"train_seconds": [2.0, 4.0]}, 15.0),  # 3 s a member, five members
        ({"train_seconds": [2.0, np.nan]}, 10.0),
        ({"train_seconds": [[1.0, 1.0], [1.0, 3.0]]}, 15.0),  # tasks add up: 2 s and 4 s
    ],
)
def test_time_is_told_by_what_members_of_the_cell_took(
    cost: dict[str, Any], seconds: float | None
) -> None:
    assert estimator(spent(**cost))._seconds(of_the_cell(5)) == seconds


def test_a_cell_that_nobody_ran_has_no_known_time() -> None:
    assert estimator()._seconds(of_the_cell(5)) is None


@pytest.mark.parametrize(
    ("cost", "carried"),
    [
        ({}, 0.0),
        ({"state_bytes": [10.0, 30.0]}, 30.0),
        ({"state_bytes": [[5.0, 40.0], [30.0, 20.0]]}, 40.0),
        ({"state_bytes": [np.nan, 8.0]}, 8.0),
        ({"state_bytes": [np.nan, np.nan]}, 0.0),
        # Samples that are kept by index take less on the device.
        ({"state_bytes": [100.0, 100.0], "device_bytes": [7.0, 9.0]}, 9.0),
    ],
)
def test_what_a_method_carries_is_the_most_that_a_finished_member_had(
    cost: dict[str, Any], carried: float
) -> None:
    assert estimator(spent(**cost))._carried_at_the_end(of_the_cell(5)) == carried


# ------------------------------------------------------------------ shares


def test_a_network_that_nobody_knows_is_not_divided_for_a_cache() -> None:
    assert estimator(network=lambda cell: None).pieces_by_cache(of_the_cell(10), 1 << 20) == 1


@pytest.mark.parametrize(("fit", "pieces"), [(10, 1), (9, 2), (3, 4), (1, 10)])
def test_a_job_falls_into_shares_that_the_cache_holds(
    fit: int, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "members_in_cache", lambda step, cache: fit)
    one = estimator(network=lambda cell: NetworkSize(parameters=100, activations=10))
    assert one.pieces_by_cache(of_the_cell(10), cache=1) == pieces


@pytest.mark.parametrize(
    ("features", "room", "pieces"),
    [
        (0.0, 100.0, 1),  # nothing is kept
        (10.0, 0.0, 1),  # there is no room that could be shared
        (10.0, 100.0, 1),
        (10.0, 99.0, 2),  # nine members fit, and there are ten
        (10.0, 35.0, 4),  # three fit
        (10.0, 5.0, 10),  # not even one does, and each is alone
    ],
)
def test_a_job_is_divided_until_its_features_fit(
    features: float, room: float, pieces: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = estimator()
    monkeypatch.setattr(one, "_features", lambda job: features)
    assert one.pieces_by_features(of_the_cell(10), room) == pieces


# ------------------------------------------------------------------ a job's estimate


def test_cost_is_of_all_members_and_steps_are_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one, measured = estimator(), list[str]()

    def measure(job: Job) -> tuple[int, float, int]:
        measured.append(job.key)
        return 100, 2.5, 7

    monkeypatch.setattr(one, "_measure", measure)
    assert one.of(of_the_cell(4)) == Estimate(100, 10.0, 7, None)
    assert one.of(of_the_cell(2)) == Estimate(100, 5.0, 7, None)
    assert measured == ["key-er"]  # a cell is looked at once


def test_streams_that_cells_share_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    class Scenario:
        """Two tasks of three and one samples."""

        def stream(self, arrays: Any, seed: int, agent: int, held_out: float) -> Any:
            """Draw it."""
            drawn.append(seed)
            tasks = [
                SimpleNamespace(train=range(3), test=range(2)),
                SimpleNamespace(train=range(1), test=()),
            ]
            return SimpleNamespace(tasks=tasks)

    one = estimator(scenario=lambda cell: Scenario())
    arrays: Any = None
    for cell in (a_plan(2, "a").cell, a_plan(9, "b").cell):
        assert one._sizes(cell, (4, 0), arrays) == ([3, 1], [2, 0])
    assert drawn == [4]


# ------------------------------------------------------------------ the run's forecast


def test_a_stranger_s_scenario_that_fails_costs_its_members() -> None:
    jobs = [a_job(3, "broken"), a_job(2, "known"), a_job(2, "new")]

    def of(job: Job) -> Estimate:
        if job.key == "broken":
            raise ZeroDivisionError
        return Estimate(10, 5.0, None, 8.0 if job.key == "known" else None)

    asked: Any = SimpleNamespace(of=of)
    forecast = forecast_of(jobs, asked, workers=2)
    assert forecast.costs == {jobs[0].id: 3.0, jobs[1].id: 5.0, jobs[2].id: 5.0}
    assert list(forecast.cells) == ["known"]
    assert forecast.cells["known"].rate == 8.0 / 5.0
