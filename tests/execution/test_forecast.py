"""When a run will be over, told from recorded timings played on a clock of their own."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from clbench import Phase, Strategy
from clbench.engine.session import ScenarioView
from clbench.engine.workload import EVALUATION_COST, HEAD_COST, STEP_COST, Work, workload
from clbench.execution import Options, Run, open_suite
from clbench.execution.board import Board
from clbench.execution.estimate import Estimator
from clbench.execution.forecast import Forecast
from clbench.execution.jobs import Job, JobEvent
from clbench_plugins.er import ER
from clbench_plugins.joint import Cumulative, Joint

# Seconds of each task, all seeds of a cell, as a record of split_digits has them (two workers of a
# busy machine).
RECORDED = {
    ("class", "naive"): [4.9, 8.2, 8.4, 16.9, 6.2],
    ("class", "joint"): [0.0, 0.0, 0.0, 0.0, 22.2],
    ("class", "cumulative"): [6.3, 12.7, 21.1, 31.4, 32.4],
    ("class", "er"): [11.9, 12.9, 11.6, 10.7, 11.0],
    ("class", "ewc"): [7.4, 11.1, 14.8, 15.6, 20.3],
    ("class", "online_ewc"): [9.0, 10.3, 10.0, 9.1, 11.4],
    ("class", "l1_activity"): [7.2, 8.7, 7.3, 7.3, 7.1],
    ("class", "er+ewc"): [11.9, 14.4, 17.1, 18.4, 21.9],
    ("domain", "naive"): [8.5, 7.9, 8.7, 8.4, 8.6],
    ("domain", "joint"): [0.0, 0.0, 0.0, 0.0, 23.4],
    ("domain", "cumulative"): [6.7, 10.5, 14.9, 19.4, 22.6],
    ("domain", "er"): [12.6, 14.3, 13.5, 13.8, 15.5],
    ("domain", "ewc"): [9.1, 12.6, 12.9, 16.1, 17.8],
    ("domain", "online_ewc"): [7.9, 9.5, 9.3, 9.0, 8.9],
    ("domain", "l1_activity"): [7.7, 7.4, 7.0, 7.5, 7.4],
    ("domain", "er+ewc"): [10.2, 13.9, 12.9, 15.6, 15.4],
}
TICK = 2.0


@dataclass
class Simulation:
    """Workers that take as long as it was recorded, and a board that hears of it."""

    run: Run
    jobs: list[Job]
    workers: int
    slower: float = 1.0  # how much longer than recorded the jobs of the second half take
    now: float = 0.0
    under_way: list[tuple[Job, float]] = field(default_factory=list)
    expected: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        estimator = Estimator(self.run.inspector, {})
        costs = {job.id: estimator.of(job).cost for job in self.jobs}
        self.board = Board.of(
            "s",
            self.run.planned,
            self.jobs,
            Forecast(self.jobs, costs, self.workers, clock=lambda: self.now),
        )

    def seconds(self, job: Job) -> list[float]:
        recorded = RECORDED[job.cell.scenario_label, job.cell.label]
        late = self.slower if self.jobs.index(job) >= len(self.jobs) / 2 else 1.0
        return [late * task * len(job.members) / len(job.cell.seeds) for task in recorded]

    def costs(self, job: Job) -> list[float]:
        if job.key not in self.expected:
            parts = [
                (self.run.host.get("strategy", part.name), part.options) for part in job.cell.parts
            ]
            scenario = ScenarioView.of(self.run.inspector.layout(job.cell))
            work = workload(parts, job.cell.protocol, scenario, [290] * 5, [70] * 5)
            self.expected[job.key] = [task.cost for task in work]
        return self.expected[job.key]

    def fraction(self, job: Job, passed: float) -> tuple[int, float]:
        """What the engine would tell after so many seconds: by the cost that it expects of each
        task, not by the time it takes.
        """
        costs = self.costs(job)
        behind = 0.0
        for task, (cost, seconds) in enumerate(zip(costs, self.seconds(job), strict=True)):
            if passed < seconds:
                return task, (behind + cost * passed / seconds) / sum(costs)
            behind, passed = behind + cost, passed - seconds
        return 4, 1.0

    def play(self) -> Iterator[None]:
        """Tick by tick, to the end."""
        waiting = list(self.jobs)
        while waiting or self.under_way:
            while waiting and len(self.under_way) < self.workers:
                job = waiting.pop(0)
                self.under_way.append((job, self.now))
                self.board.apply(JobEvent("started", job.id, tasks=5))
            for job, since in list(self.under_way):
                task, fraction = self.fraction(job, self.now - since)
                self.board.apply(JobEvent("progress", job.id, task + 1, 5, fraction))
                if self.now - since >= sum(self.seconds(job)):
                    self.under_way.remove((job, since))
                    self.board.apply(
                        JobEvent("ended", job.id, status="done", seconds=self.now - since)
                    )
            yield
            self.now += TICK


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(*open_suite("split_digits"), Options(device="cpu", workers=2))


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize(
    ("halves", "backwards", "slower"),
    [(False, False, 1.0), (True, False, 1.0), (False, True, 1.0), (False, False, 1.5)],
)
def test_after_a_tenth_the_time_left_is_right_within_a_factor_of_two(
    run: Run, workers: int, halves: bool, backwards: bool, slower: float
) -> None:
    whole = [Job(one, one.members) for one in run.planned]
    jobs = [half for job in whole for half in job.divide(2)] if halves else whole
    simulation = Simulation(run, jobs[::-1] if backwards else jobs, workers, slower)
    told = [
        (simulation.now, simulation.board.left, simulation.board.fraction)
        for _ in simulation.play()
    ]
    end = simulation.now - TICK
    for now, left, fraction in told:
        if (
            end / 10 <= now <= 0.9 * end
        ):  # what is left of a single job at the very end may be anything
            assert left is not None
            assert 0.5 <= left / (end - now) <= 2.0, f"at {now} of {end} s: {left} told"
            assert fraction == pytest.approx(now / end, abs=0.3)
    assert simulation.board.fraction == 1.0
    assert simulation.board.left == 0.0


def test_the_time_left_is_that_of_the_last_worker(run: Run) -> None:
    """Two jobs that wait for two workers, one of them three times as long."""
    one, other, third = (Job(planned, planned.members) for planned in run.planned[:3])
    clock = [0.0]
    forecast = Forecast(
        [one, other, third],
        {one.id: 10.0, other.id: 10.0, third.id: 30.0},
        2,
        clock=lambda: clock[0],
    )
    for job in (one, other):
        forecast.update(job, 0.0, begins=True)
        forecast.update(job, 0.0)
    clock[0] = 5.0
    forecast.update(one, 0.5)
    forecast.update(other, 0.25)
    assert forecast.left == pytest.approx(_last([5.0, 15.0], [30.0 * 10.0 / 7.5]))
    assert forecast.rest_of_running() == {one.id: 5.0, other.id: 15.0}


def _last(ends: list[float], waiting: Sequence[float]) -> float:
    for seconds in waiting:
        heapq.heapreplace(ends, ends[0] + seconds)
    return max(ends)


def test_what_a_resumed_job_has_behind_it_is_no_work_of_this_run(run: Run) -> None:
    job, clock = Job(run.planned[0], run.planned[0].members), [0.0]
    forecast = Forecast([job], {job.id: 100.0}, 2, clock=lambda: clock[0])
    forecast.update(job, 0.0, begins=True)
    clock[0] = 3.0
    forecast.update(job, 0.8)
    clock[0] = 5.0
    forecast.update(job, 0.9)
    assert forecast.left == pytest.approx(2.0)


def test_nothing_is_said_before_anything_is_known(run: Run) -> None:
    job = Job(run.planned[0], run.planned[0].members)
    forecast = Forecast([job], {job.id: 1.0}, 1)
    assert (forecast.left, forecast.fraction) == (None, 0.0)


def test_seconds_of_an_earlier_run_are_known(run: Run) -> None:
    one, other = (Job(planned, planned.members) for planned in run.planned[:2])
    clock = [0.0]
    forecast = Forecast(
        [one, other], {one.id: 1.0, other.id: 1.0}, 1, {other.id: 40.0}, clock=lambda: clock[0]
    )
    forecast.update(one, 0.0, begins=True)
    forecast.update(one, 0.0)
    clock[0] = 5.0
    forecast.update(one, 0.5)
    assert forecast.left == pytest.approx(45.0)


# ------------------------------------------------------------------ what there is to do


EVERY_TASK = {"tasks": "all", "last": None, "every": None}


def work_of(*parts: Any, **protocol: Any) -> list[Work]:
    given = {"batch_size": 10, "epochs": 2, "steps": None, "evaluate": EVERY_TASK, **protocol}
    view = ScenarioView(6, (1, 4, 4), 3, "class")
    return workload([(part, {}) for part in parts], given, view, [100, 50, 25], [10, 20, 30])


def steps(*parts: Any, **protocol: Any) -> list[int]:
    return [work.steps for work in work_of(*parts, **protocol)]


@pytest.mark.parametrize(
    ("evaluate", "tested"),
    [
        (EVERY_TASK, [60, 60, 60]),
        ({"tasks": "seen", "last": None, "every": None}, [10, 30, 60]),
        ({"tasks": "current", "last": None, "every": None}, [10, 20, 30]),
        ({"tasks": "last", "last": 2, "every": None}, [10, 30, 50]),
    ],
)
def test_a_task_costs_what_is_tested_after_it(evaluate: Any, tested: list[int]) -> None:
    untested = [work.steps * (STEP_COST + 10) for work in work_of(ER)]
    costs = [work.cost for work in work_of(ER, evaluate=evaluate)]
    looked = [cost - training for cost, training in zip(costs, untested, strict=True)]
    assert looked == pytest.approx([EVALUATION_COST * count for count in tested])


def test_steps_are_those_the_phases_say() -> None:
    assert steps(ER) == [20, 10, 6]
    assert steps(Cumulative) == [20, 30, 36]
    assert steps(Joint) == [0, 0, 36]
    assert steps(Joint, epochs=None, steps=7) == [0, 0, 21]


def test_a_strategy_that_cannot_say_counts_as_a_plain_one() -> None:
    class Late(ER):
        """Knows its phases after set-up only."""

        def phases(self, task: Any) -> Any:
            return [self.buffer]

    assert steps(Late) == steps(ER)


def test_a_head_whose_features_are_kept_costs_little_after_its_first_epoch() -> None:
    class HeadAlone(Strategy):
        """Trains the last layer alone."""

        foreseeable = True

        def phases(self, task: Any) -> Any:
            return [Phase("head", epochs=4, frozen_before="head")]

    first = work_of(HeadAlone, augment="none")[0]
    looked = EVALUATION_COST * (60 + 100)  # tests, and the features of 100 samples
    assert first == Work(40, pytest.approx(40 * (STEP_COST + HEAD_COST * 10) + looked))
    whole = work_of(HeadAlone, augment="flip")[0]
    assert whole.cost == pytest.approx(40 * (STEP_COST + 10) + EVALUATION_COST * 60)
