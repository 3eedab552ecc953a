"""`clbench run --dry-run`: the cells, the jobs, and a rough estimate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench.cli.output import say, table
from clbench.words import counted

if TYPE_CHECKING:
    from clbench.execution import Run
    from clbench.execution.estimate import Estimate, Estimator
    from clbench.execution.jobs import Job
    from clbench.execution.planner import Missing, Plan
    from clbench.execution.running import Bounds
    from clbench.host import Host
    from clbench.suite.adaptive import Adaptive
    from clbench.suite.cell import Cell

COVERS = (
    "data, network, gradients, the optimiser's moments, and what a method carries: as its finished"
    " runs had it at their ends, else as it stands before the first task, with the features kept of"
    " a frozen body; activations come on top"
)


@dataclass(frozen=True)
class EstimatedJob:
    """A job with what it may take."""

    job: Job
    estimate: Estimate
    memory: float  # bytes


def show_plan(run: Run) -> None:
    """Print what would be run, and write nothing."""
    from clbench.execution.estimate import Estimator

    # Without the folder's lock: nothing is written, and a run under way may be watched.
    recorded = run.store.read().cells
    bounds = None if run.separator is None else run.bounds(recorded)
    plan = run.plan(recorded, None if bounds is None else bounds.asked)
    _show_cells(plan, run.store.suite)
    if run.separator is not None and bounds is not None:
        say(_until(run.separator.rule, bounds))
    jobs = _estimated(plan.jobs, Estimator(run.inspector, recorded))
    _show_jobs(jobs, run.slots)
    # Slots are all of one kind.
    if run.slots[0].startswith("cuda"):
        _show_eager((one.cell for one in run.planned), run.host)
    say(f"the record would be {run.store.record}")


def _show_cells(plan: Plan, suite: str) -> None:
    """Each cell, with the seeds that have to run."""
    say(f"cells of {suite}")
    headers = ["scenario", "strategy", "tasks", "seeds", "to run", "key"]
    table(headers, map(_cell_row, plan.remaining.missing))


def _until(rule: Adaptive, bounds: Bounds) -> str:
    """What is run at least and at most, where seeds are added by what they show."""
    looks = ", ".join(map(str, rule.looks))
    number = f"at least {counted(bounds.fewest, 'run')}, at most {bounds.most}"
    if bounds.is_over:
        number = "no more are, with what is in the record"
    return f"\nseeds are added until the strategies are told apart, looks at {looks}: {number}"


def _cell_row(one: Missing) -> list[Any]:
    from clbench.suite.seeds import seeds_in_words

    planned, cell = one.planned, one.planned.cell
    return [
        cell.scenario_label,
        cell.label,
        planned.tasks,
        seeds_in_words(cell.seeds),
        seeds_in_words(_seeds_to_run(one)) or "-",
        planned.key,
    ]


def _seeds_to_run(one: Missing) -> list[int]:
    """Each once: agents of a seed run together."""
    return sorted({seed for seed, _ in one.members})


def _estimated(jobs: Iterable[Job], estimator: Estimator) -> list[EstimatedJob]:
    found = []
    for job in jobs:
        memory = estimator.memory(job).of(job)
        found.append(EstimatedJob(job, estimator.of(job), memory))
    return found


def _show_jobs(jobs: Sequence[EstimatedJob], slots: Sequence[str]) -> None:
    """Each job with its steps, memory and time, and their sum."""
    devices = ", ".join(dict.fromkeys(slots))
    say(f"\njobs for {counted(len(slots), 'worker')} ({devices})")
    headers = ["scenario", "strategy", "seeds", "steps a run", "parameters", "memory", "time"]
    table(headers, map(_job_row, jobs), "no jobs: everything is in the record")
    say(_in_all(jobs, len(slots)))
    if jobs:
        say(f"memory: {COVERS}")


def _job_row(one: EstimatedJob) -> list[str]:
    from clbench.suite.seeds import seeds_in_words

    estimate, cell = one.estimate, one.job.cell
    return [
        cell.scenario_label,
        cell.label,
        seeds_in_words(one.job.seeds),
        f"{estimate.steps:,}",
        "-" if estimate.parameters is None else f"{estimate.parameters:,}",
        f"{one.memory / 1e6:,.1f} MB",
        _time(estimate),
    ]


def _time(estimate: Estimate) -> str:
    from clbench.execution.display import duration

    if estimate.seconds is None:
        return "not known yet"
    return f"about {duration(estimate.seconds)}"


def _in_all(jobs: Sequence[EstimatedJob], workers: int) -> str:
    """How many jobs and steps there are, and how long those take whose time is known."""
    # An estimate is of one member; a job's members take as many steps each.
    steps = sum(one.estimate.steps * len(one.job.members) for one in jobs)
    return f"\nin all: {counted(len(jobs), 'job')}, {steps:,} steps{_time_of_all(jobs, workers)}"


def _time_of_all(jobs: Sequence[EstimatedJob], workers: int) -> str:
    from clbench.execution.display import duration

    known = [one.estimate.seconds for one in jobs if one.estimate.seconds is not None]
    if not known:
        return ""
    # As if the workers were never idle.
    return f", about {duration(sum(known) / workers)} for the jobs with a known time"


def _show_eager(cells: Iterable[Cell], host: Host) -> None:
    eager = without_graphs(cells, host)
    if eager:
        say(f"without device graphs, as declared (capturable = False): {', '.join(eager)}")


def without_graphs(cells: Iterable[Cell], host: Host) -> list[str]:
    """The strategies whose steps run one kernel after the other on a GPU, because they say so."""
    names = dict.fromkeys(part.name for cell in cells for part in cell.parts)
    return [name for name in names if not _is_capturable(host.get("strategy", name))]


def _is_capturable(strategy: Any) -> bool:
    return bool(getattr(strategy, "capturable", False))
