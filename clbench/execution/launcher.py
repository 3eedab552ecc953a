"""`Launcher`: what a plugin subclasses to run jobs somewhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clbench.execution.jobs import Job, JobEvent, Site
from clbench.options import Configurable


class Launcher(Configurable):
    """Runs jobs and tells what becomes of them.

    Scheduling over several machines is the engine's behind it, never ours.

    A worker is `site.command`, started with `site.environment` added to its environment. It reads
    lines of JSON: `site.to_json()`, a device (`"cpu"`, `"cuda:0"`), then one `job.to_json()` after
    another, and writes one `JobEvent` a line. The line `"leave"` asks it to save where its job
    stands and to leave; at the end of its input it leaves at once.
    """

    def slots(self, device: str, workers: int | None) -> list[str]:
        """The device of each worker.

        `device` is `auto`, `cpu`, `cuda` (all GPUs) or one GPU; `workers` is None unless asked for.
        """
        raise NotImplementedError

    def run(self, jobs: Sequence[Job], slots: Sequence[str], site: Site) -> Iterator[JobEvent]:
        """Run the jobs; yield `started`, `progress`, `said` and exactly one `ended` for each.

        Closing it stops whatever runs, saved where it stands.
        """
        raise NotImplementedError
