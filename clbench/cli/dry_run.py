"""`clbench run --dry-run`: the cells, the jobs, and a rough estimate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from clbench.cli.output import say, table

COVERS = (
    "data, network, gradients, the optimiser's moments, and what a method carries: as its finished runs had it at their ends, "
    "else as it stands before the first task, with the features kept of a frozen body; activations come on top"
)

if TYPE_CHECKING:
    from clbench.execution import Run
    from clbench.host import Host
    from clbench.suite.cell import Cell


def show_plan(run: Run) -> None:
    """Print what would be run, and write nothing."""
    from clbench.execution.display import duration
    from clbench.execution.estimate import Estimator
    from clbench.execution.jobs import seeds_in_words

    cells = run.store.cells()
    missing = {one.key: members for one, members in run.missing(cells)}
    say(f"cells of {run.store.suite}")
    rows = []
    for one in run.planned:
        seeds = sorted({seed for seed, _ in missing[one.key]})
        rows.append(
            [
                one.cell.scenario_label,
                one.cell.label,
                one.tasks,
                seeds_in_words(one.cell.seeds),
                seeds_in_words(seeds) or "-",
                one.key,
            ]
        )
    table(["scenario", "strategy", "tasks", "seeds", "to run", "key"], rows)
    jobs = run.jobs(cells)
    say(
        f"\njobs for {len(run.slots)} worker{'s' * (len(run.slots) > 1)} ({', '.join(dict.fromkeys(run.slots))})"
    )
    estimator = Estimator(run.survey, cells)
    estimates = [estimator.of(job) for job in jobs]
    table(
        ["scenario", "strategy", "seeds", "steps a run", "parameters", "memory", "time"],
        [
            [
                job.cell.scenario_label,
                job.cell.label,
                seeds_in_words(job.seeds),
                f"{estimate.steps:,}",
                "-" if estimate.parameters is None else f"{estimate.parameters:,}",
                f"{estimator.memory(job).of(job) / 1e6:,.1f} MB",
                "not known yet"
                if estimate.seconds is None
                else "about " + duration(estimate.seconds),
            ]
            for job, estimate in zip(jobs, estimates, strict=True)
        ],
        "no jobs: everything is in the record",
    )
    steps = sum(
        estimate.steps * len(job.members) for job, estimate in zip(jobs, estimates, strict=True)
    )
    known = [estimate.seconds for estimate in estimates if estimate.seconds is not None]
    say(
        f"\nin all: {len(jobs)} job{'s' * (len(jobs) != 1)}, {steps:,} steps"
        + (
            f", about {duration(sum(known) / len(run.slots))} for the jobs with a known time"
            if known
            else ""
        )
    )
    if jobs:
        say(f"memory: {COVERS}")
    if run.slots[0].startswith("cuda") and (
        eager := without_graphs((one.cell for one in run.planned), run.host)
    ):
        say(f"without device graphs, as declared (capturable = False): {', '.join(eager)}")
    say(f"the record would be {run.store.record}")


def without_graphs(cells: Iterable[Cell], host: Host) -> list[str]:
    """The strategies whose steps run one kernel after the other on a GPU, because they say so."""
    names = dict.fromkeys(part.name for cell in cells for part in cell.parts)
    return [name for name in names if not getattr(host.get("strategy", name), "capturable", False)]
