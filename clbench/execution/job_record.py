"""A job's own record: what it measured, or why it measured nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clbench.execution.jobs import Job, Site
from clbench.records import SCHEMA_VERSION, CellRecord, Fault, RecordFile, write_file
from clbench.records.provenance import Facts, stamped


def save(record: CellRecord, job: Job, site: Site, run: Facts | None = None) -> None:
    """Write the job's own file, whole; `run` are the facts of whoever did the work."""
    how_measured = {name: how for name, how in job.planned.probes.items() if name in record.metrics}
    record = replace(record, content=job.planned.content, probes=how_measured)
    runs: tuple[Facts, ...] = ()
    if run is not None:
        record = stamped(record, run)
        runs = (run,)
    file = RecordFile(SCHEMA_VERSION, site.suite, "", {}, [record], runs=runs)
    write_file(site.record(job), file)


def failed_record(job: Job, error: str, status: str = "failed") -> CellRecord:
    """Nothing measured, and why; `status` is each member's: `failed` or `timeout`."""
    seeds, agents = zip(*job.members, strict=True)
    members = len(job.members)
    return CellRecord(
        key=job.key,
        **job.cell.record_fields(),
        seed=np.array(seeds, dtype=np.int64),
        agent=np.array(agents, dtype=np.int64),
        accuracy=None,
        content=job.planned.content,
        status="failed",
        member_status=np.array([status] * members),
        diverged_at=np.full(members, -1, dtype=np.int64),
        faults=(Fault(error),),
    )
