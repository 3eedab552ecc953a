"""The record of a job that did not end well."""

from __future__ import annotations

import numpy as np

from clbench.execution.jobs import Job
from clbench.records import CellRecord


def failed_record(job: Job, error: str, status: str = "failed") -> CellRecord:
    """Nothing measured, and why; `status` is each member's: `failed` or `timeout`."""
    members = len(job.members)
    return CellRecord(
        key=job.key,
        scenario=job.cell.scenario_label,
        strategy=job.cell.strategy,
        label=job.cell.label,
        seed=np.array([seed for seed, _ in job.members], dtype=np.int64),
        agent=np.array([agent for _, agent in job.members], dtype=np.int64),
        accuracy=None,
        options=job.cell.options,
        protocol=job.cell.protocol,
        content=job.content,
        status="failed",
        member_status=np.array([status] * members),
        diverged_at=np.full(members, -1, dtype=np.int64),
        errors=(error,),
    )
