"""How far every cell is: what a board keeps of the events it hears."""

from __future__ import annotations

import math

import pytest

from clbench.execution.board import Board, Row
from clbench.execution.forecast import Forecast
from clbench.execution.jobs import Job, JobEvent, PlannedCell

from .plans import a_job, a_plan


def a_board(*cells: PlannedCell, jobs: list[Job] | None = None) -> Board:
    """A board of one job for each cell, unless others are given."""
    mine = [Job(one, one.members) for one in cells] if jobs is None else jobs
    forecast = Forecast(mine, {job.id: 1.0 for job in mine}, workers=2, clock=lambda: 0.0)
    return Board.of("tiny", cells, mine, forecast)


def ended(job: Job, status: str) -> JobEvent:
    return JobEvent("ended", job.id, status=status)


# ------------------------------------------------------------------ a row


@pytest.mark.parametrize(
    ("row", "done", "state"),
    [
        (Row("s", "er", 10, 0), 0.0, "waiting"),
        (Row("s", "er", 10, 4), 0.4, "waiting"),
        (Row("s", "er", 10, 10), 1.0, "done"),
        (Row("s", "er", 10, 7, failed=3), 1.0, "failed"),
        (Row("s", "er", 10, 7, failed=2), 0.9, "waiting"),
        # Five members that are half done are worth two and a half.
        (Row("s", "er", 10, 4, running={"a": (5, 0.5)}), 0.65, "running"),
        (Row("s", "er", 10, 10, running={"a": (5, 1.0)}), 1.0, "running"),
        (Row("s", "er", 0, 0), 0.0, "done"),
    ],
)
def test_a_row_is_as_far_as_its_members(row: Row, done: float, state: str) -> None:
    assert row.done == pytest.approx(done)
    assert row.state == state


# ------------------------------------------------------------------ the start


def test_members_that_no_job_has_are_finished() -> None:
    planned = a_plan(10)
    board = a_board(planned, jobs=[Job(planned, ((8, 0), (9, 0))), Job(planned, ((7, 0),))])
    (row,) = board.rows.values()
    assert (row.members, row.finished, board.total) == (10, 7, 2)
    assert (row.task, row.accuracy, board.ended) == ((0, 0), None, 0)


def test_a_job_that_goes_on_may_have_members_that_nobody_asks_for() -> None:
    planned = a_plan(1)
    (row,) = a_board(planned, jobs=[Job(planned, ((0, 0), (1, 0)))]).rows.values()
    assert (row.members, row.finished) == (1, 0)


def test_rows_are_in_the_order_of_the_suite() -> None:
    board = a_board(a_plan(1, "b"), a_plan(1, "a"))
    assert [row.label for row in board.rows.values()] == ["b", "a"]


# ------------------------------------------------------------------ events


def test_progress_moves_the_row_and_is_no_end() -> None:
    planned = a_plan(4)
    board = a_board(planned)
    (job,) = board.jobs.values()
    board.apply(JobEvent("started", job.id, tasks=5))
    board.apply(JobEvent("progress", job.id, task=2, tasks=5, fraction=0.25))
    row = board.rows[job.key]
    assert (row.done, row.task, row.state) == (0.25, (2, 5), "running")
    assert board.ended == 0


def test_accuracy_is_the_mean_of_those_that_have_one() -> None:
    board = a_board(a_plan(4))
    (job,) = board.jobs.values()
    board.apply(JobEvent("progress", job.id, accuracy=(0.5, math.nan, 0.75)))
    row = board.rows[job.key]
    assert row.accuracy == 0.625  # (0.5 + 0.75) / 2
    # What says nothing leaves it as it was.
    board.apply(JobEvent("progress", job.id, accuracy=(math.nan,)))
    board.apply(JobEvent("progress", job.id))
    assert row.accuracy == 0.625


@pytest.mark.parametrize(
    ("status", "finished", "failed", "over"),
    [
        ("done", 4, 0, 1),
        ("diverged", 4, 0, 1),
        ("failed", 0, 4, 1),
        ("timeout", 0, 4, 1),
        ("memory", 0, 0, 0),
        ("lost", 0, 0, 0),
        ("unwritten", 0, 0, 0),
    ],
)
def test_an_end_counts_its_members_unless_it_is_tried_again(
    status: str, finished: int, failed: int, over: int
) -> None:
    board = a_board(a_plan(4))
    (job,) = board.jobs.values()
    board.apply(JobEvent("progress", job.id, fraction=0.5))
    board.apply(ended(job, status))
    row = board.rows[job.key]
    assert (row.finished, row.failed, row.running) == (finished, failed, {})
    assert board.ended == over


def test_a_job_may_end_that_never_started() -> None:
    board = a_board(a_plan(4))
    (job,) = board.jobs.values()
    board.apply(ended(job, "failed"))
    assert board.rows[job.key].state == "failed"


def test_what_a_plugin_prints_moves_nothing() -> None:
    board = a_board(a_plan(4))
    (job,) = board.jobs.values()
    board.apply(JobEvent("said", job.id, error="hello"))
    assert board.rows[job.key] == Row("split", "er", 4, 0)


def test_an_event_of_no_job_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        a_board(a_plan(1)).apply(ended(a_job(3, "other"), "done"))


def test_halves_take_the_place_of_a_job_that_is_divided() -> None:
    board = a_board(a_plan(4))
    (job,) = board.jobs.values()
    halves = job.divide(2)
    board.apply(ended(job, "memory"))
    board.replace(job, halves)
    assert list(board.jobs) == [half.id for half in halves]
    for half in halves:
        board.apply(ended(half, "done"))
    assert board.rows[job.key].state == "done"
    assert board.ended == board.total == 2


def test_jobs_under_way_are_told_with_their_task_and_part() -> None:
    board = a_board(a_plan(4, "a"), a_plan(4, "b"))
    first, second = board.jobs.values()
    assert board.under_way == []
    board.apply(JobEvent("started", first.id, tasks=5))
    board.apply(JobEvent("progress", first.id, task=3, tasks=5, fraction=0.5))
    ((job, task, fraction, _),) = board.under_way
    assert (job, task, fraction) == (first, (3, 5), 0.5)
    board.apply(ended(first, "done"))
    board.apply(JobEvent("started", second.id, tasks=5))
    assert [job for job, *_ in board.under_way] == [second]
