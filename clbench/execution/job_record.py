"""A job's own record: what it measured, or why it measured nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clbench.execution.jobs import Job, Site
from clbench.records import SCHEMA_VERSION, CellRecord, Fault, RecordFile, write_file
from clbench.records.provenance import Facts, stamped


def save(record: CellRecord, job: Job, site: Site, run: Facts | None = None) -> None:
    """The job's own file, written whole; `run` are the facts of whoever did the work."""
    probes = {name: how for name, how in job.probes.items() if name in record.metrics}
    record = replace(
        record,
        key=job.key,
        scenario=job.cell.scenario_label,
        label=job.cell.label,
        content=job.content,
        probes=probes,
    )
    runs = () if run is None else (run,)
    if run is not None:
        record = stamped(record, run)
    file = RecordFile(SCHEMA_VERSION, site.suite, "", {}, [record], runs=runs)
    write_file(site.record(job), file)


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
        faults=(Fault(error),),
    )
