"""How much of a cell fits into one job, and what a run may write: measured before it is planned."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from clbench.execution.estimate import Estimator, room_of
from clbench.execution.inspector import CellInspector
from clbench.execution.jobs import Job, PlannedCell
from clbench.execution.planner import Workers
from clbench.execution.stack_size import cache_of_a_worker
from clbench.suite.tested import tested_tasks

BYTES_A_WEIGHT = 8  # in the job's file, and in the record
# What a stored accuracy may take on disk with all that goes with it, and once more for the copy
# that replaces it.
BYTES_A_NUMBER = 24


def fewest_jobs(jobs: Iterable[Job], estimator: Estimator, slots: Sequence[str]) -> dict[str, int]:
    """By cell, into how many jobs its undivided one falls at least on these devices."""
    workers = Workers.on(slots)
    if workers.stacked:
        room = room_of(slots)
        if math.isinf(room):
            return {}
        return {job.key: estimator.memory(job).pieces(job, room) for job in jobs}
    cache = cache_of_a_worker(workers.count)
    room = _room_for_features(workers.count)
    found = {}
    for job in jobs:
        by_features = estimator.pieces_by_features(job, room)
        found[job.key] = max(by_features, estimator.pieces_by_cache(job, cache))
    return found


def _room_for_features(workers: int) -> float:
    """Bytes in which a job on a CPU may keep features of a frozen body."""
    import torch

    from clbench.engine.room import room_for_features

    return float(room_for_features(torch.device("cpu"), workers))


def expected_bytes(wanted: Iterable[PlannedCell], inspector: CellInspector) -> int:
    """What a run of these cells may write."""
    total = 0
    for one in wanted:
        total += len(one.members) * _numbers(one) * BYTES_A_NUMBER
        if "weights" in one.cell.protocol.keep:
            # Networks are kept before the first task, and after each.
            networks = len(one.members) * (one.tasks + 1)
            total += networks * (inspector.parameters(one.cell) or 0) * BYTES_A_WEIGHT
    return total


def _numbers(planned: PlannedCell) -> int:
    """What is measured of a member: accuracies, and a few numbers a task."""
    tested = tested_tasks(planned.cell.protocol.evaluate, planned.tasks)
    return sum(map(len, tested)) + 3 * (planned.tasks + 1)
