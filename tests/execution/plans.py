"""Cells, plans, jobs and records as small as a test needs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from clbench.execution.jobs import Job, PlannedCell
from clbench.execution.planner import Workers, plan_jobs, remaining_work
from clbench.records import CellRecord
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.protocol import Protocol


def a_cell(seeds: int = 10, label: str = "er") -> Cell:
    protocol = {
        "model": {"mlp": {"hidden": [8]}},
        "epochs": 1,
        "steps": None,
        "batch_size": 4,
        "validation": 0.0,
    }
    return Cell(
        Choice("split", {"dataset": "digits", "tasks": 5}),
        "split",
        (Choice("er", {"memory": 9}),),
        label,
        Protocol.of(protocol),
        (MetricChoice("forgetting", {}, "forgetting"),),
        tuple(range(seeds)),
    )


def a_plan(
    seeds: int = 10, label: str = "er", agents: int = 1, probes: dict[str, Any] | None = None
) -> PlannedCell:
    return PlannedCell(a_cell(seeds, label), f"key-{label}", {"data": "x"}, 5, agents, probes or {})


def a_record(seeds: list[int], status: list[str] | None = None, **metrics: object) -> CellRecord:
    count = len(seeds)
    return CellRecord(
        "key-er",
        "split",
        "er",
        "er",
        np.array(seeds),
        np.zeros((count, 6, 5)),
        agent=np.zeros(count, dtype=np.int64),
        member_status=np.array(status or ["done"] * count),
        metrics={name: np.asarray(value, dtype=np.float64) for name, value in metrics.items()},
    )


def sizes(jobs: list[Job]) -> list[int]:
    return sorted((len(job.members) for job in jobs), reverse=True)


def jobs_for(*cells: PlannedCell, workers: int, stacked: bool, pieces: int = 1) -> list[Job]:
    """The jobs that do everything."""
    counts = {one.key: pieces for one in cells}
    return list(plan_jobs(remaining_work(cells, {}), Workers(workers, stacked), pieces=counts).jobs)


def a_job(seeds: int, key: str = "abc", cell: Cell | None = None, form: str = "auto") -> Job:
    planned = PlannedCell(cell or a_cell(), key)
    return Job(planned, tuple((seed, 0) for seed in range(seeds)), form)
