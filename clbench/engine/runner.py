"""One job: a cell's members from set-up to record, with checkpoints on the way."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clbench.data.arrays import Arrays
from clbench.engine import recency
from clbench.engine.chain import Chain
from clbench.engine.checkpoint import Checkpointer, identity_of
from clbench.engine.compose import check_agents, check_composition, check_fit
from clbench.engine.described import described
from clbench.engine.draws import DrawWatch
from clbench.engine.learner import Learner
from clbench.engine.loop import Loop
from clbench.engine.measurements import Measurements
from clbench.engine.observation import Followed
from clbench.engine.probes import Probes
from clbench.engine.session import Session, model_of
from clbench.engine.solo import SoloStrategy
from clbench.engine.solo_runner import SoloRunner
from clbench.engine.streams import Streams
from clbench.engine.workload import workload
from clbench.errors import ClbenchError, StopRequested
from clbench.metrics import is_probe
from clbench.records.cell import CellRecord
from clbench.scenarios.check import check_layout, checked
from clbench.scenarios.heads import with_head_per_task
from clbench.suite.cell import Cell
from clbench.typing import Member


@dataclass(frozen=True)
class Settings:
    """Where and how a job runs. None of it changes what is measured (on a CPU not by a bit)."""

    device: str = "cpu"
    form: str = "auto"
    # On a GPU, steps as device graphs: auto, on (an error where that cannot be), off.
    graphs: str = "auto"
    checkpoint: Path | None = None
    checkpoint_every: float = math.inf  # seconds between two within a task
    workers: int = 1  # jobs that run beside this one, itself included, and share the machine


@dataclass(frozen=True)
class Progress:
    """How far a job is: `fraction` of all of it.

    `accuracy` (each member's mean over the tasks so far) when a task has just ended.

    `said` is a sentence about the job itself, such as that its checkpoint was damaged.
    """

    task: int
    tasks: int
    fraction: float
    accuracy: tuple[float, ...] | None = None
    said: str = ""


SECONDS_BETWEEN_REPORTS = 0.1
Listener = Callable[[Progress], None]


def run_cell(
    cell: Cell,
    key: str,
    members: Sequence[Member],
    *,
    host: Any,
    arrays: Arrays,
    settings: Settings,
    listener: Listener = lambda progress: None,
    leaving: Callable[[], bool] = lambda: False,
) -> CellRecord:
    """Train and evaluate these members (seed, agent) of a cell, from where their checkpoint stands.

    Where `leaving` says so, a checkpoint is written and `StopRequested` is raised, between two
    steps or two tasks.
    """

    def start() -> Loop:
        return start_loop(cell, members, host=host, arrays=arrays, settings=settings)

    # Before the checkpoint is read: what is restored is written into a loop that is there.
    loop = start()
    reporter = Reporter(listener, work_of(cell, loop.session, host))
    checkpointer = Checkpointer(
        settings.checkpoint,
        settings.checkpoint_every,
        identity_of(cell, key, members, loop.learner.form),
        lambda said: reporter.say(loop, said),
    )
    loop = _ready(loop, start, checkpointer, reporter)

    def between_steps() -> None:
        stop_if_asked()
        checkpointer.between_steps(loop)
        reporter.tell(loop)

    def stop_if_asked() -> None:
        # A checkpoint first: whoever continues loses nothing.
        if leaving():
            checkpointer.save(loop)
            raise StopRequested

    loop.on_step = between_steps
    reporter.tell(loop)  # where it begins
    # From the task where it was left, in the middle of it too.
    for task in loop.streams.tasks[loop.cursor.task :]:
        loop.task(task)
        stop_if_asked()
        # After `stop_if_asked`, which saves itself.
        checkpointer.between_tasks(loop)
        reporter.task_ended(loop)
    return record(cell, key, loop)


def _ready(
    loop: Loop, start: Callable[[], Loop], checkpointer: Checkpointer, reporter: Reporter
) -> Loop:
    """The loop where its checkpoint stands, or, without one, its networks measured untrained."""
    try:
        if _resumes(loop, checkpointer):
            return loop
    except Exception as failure:
        # Nothing of the job is lost but time. The loop may be half filled, so another one is begun.
        reporter.say(
            loop,
            f"the checkpoint {checkpointer.path} cannot be used ({failure}); the job starts anew",
        )
        loop = start()
    loop.untrained()
    return loop


def _resumes(loop: Loop, checkpointer: Checkpointer) -> bool:
    """Whether there is a checkpoint of this job, and the loop stands where it says."""
    if not checkpointer.load(loop):
        return False
    # Rows up to the last task that is over, row 0 included.
    if loop.measurements.running and not loop.keeper.has(loop.cursor.task + 1):
        raise ClbenchError("what was kept beside it is gone")
    return True


class Reporter:
    """Tells a listener how far a job is, now and then."""

    def __init__(self, listener: Listener, work: Sequence[float]) -> None:
        self.listener, self.work, self.told = listener, work, 0.0
        self.before = np.cumsum([0.0, *work])  # the work before each task, and all of it

    def tell(self, loop: Loop) -> None:
        """Between two steps."""
        if time.monotonic() - self.told >= SECONDS_BETWEEN_REPORTS:
            self.told = time.monotonic()
            self.listener(self._progress(loop))

    def task_ended(self, loop: Loop) -> None:
        """With the accuracies."""
        done = loop.cursor.task
        self.listener(
            replace(self._progress(loop), task=done, accuracy=_means(loop.measurements, done))
        )

    def say(self, loop: Loop, said: str) -> None:
        """A sentence."""
        self.listener(replace(self._progress(loop), said=said))

    def _progress(self, loop: Loop) -> Progress:
        done, tasks = loop.cursor.task, len(self.work)
        within = 0.0 if loop.cursor.phases is None else loop.fraction * self.work[done]
        fraction = (self.before[done] + within) / self.before[-1] if done < tasks else 1.0
        return Progress(min(done + 1, tasks), tasks, float(fraction))


def work_of(cell: Cell, session: Session, host: Any) -> list[float]:
    """What each task is expected to cost."""
    parts = [(host.get("strategy", part.name), part.options) for part in cell.parts]
    tasks, sizes = session.streams.tasks, session.streams.sizes
    train = [sizes(task.index, "train")[0] for task in tasks]
    test = [sizes(task.index, "test")[0] for task in tasks]
    found = workload(parts, cell.protocol, session.scenario, train, test)
    return [work.cost for work in found]


def start_loop(
    cell: Cell, members: Sequence[Member], *, host: Any, arrays: Arrays, settings: Settings
) -> Loop:
    """The loop of a job that has done nothing yet."""
    learner = build_learner(cell, members, host=host, arrays=arrays, settings=settings)
    kinds = {metric.label: host.get("metric", metric.name) for metric in cell.metrics}
    probes = {
        metric.label: kinds[metric.label](**metric.options)
        for metric in cell.metrics
        if is_probe(kinds[metric.label])
    }
    # What is followed costs time in every step: only if some metric reads it.
    needed = {name for kind in kinds.values() for name in getattr(kind, "needs", ())}
    return Loop(
        learner,
        Probes(probes, learner),
        Followed(
            online="online_accuracy" in needed,
            by_epoch="train_accuracy" in needed,
            recency=recency.NOTE in needed,
        ),
        graphs=settings.graphs,
        checkpoint=settings.checkpoint,
        workers=settings.workers,
    )


def build_learner(
    cell: Cell, members: Sequence[Member], *, host: Any, arrays: Arrays, settings: Settings
) -> Learner:
    """The cell's strategy over its streams, set up and ready to train."""
    device = torch.device(settings.device)
    if device.type == "cuda":
        prepare_gpu(device, cell.protocol.precision)
    table = streams_of(cell, members, host=host, arrays=arrays, device=device)
    return learner_over(table, cell, host=host, form=settings.form)


def streams_of(
    cell: Cell, members: Sequence[Member], *, host: Any, arrays: Arrays, device: torch.device
) -> Streams:
    """The members' streams of the cell's scenario, as its protocol shows them."""
    scenario = host.get("scenario", cell.scenario.name)(**cell.scenario.options)
    # What the members' streams have in common.
    layout = scenario.layout(arrays)
    check_layout(cell.scenario.name, scenario.setting, layout)
    streams = [
        checked(
            cell.scenario.name,
            arrays,
            layout,
            scenario.stream(arrays, seed, agent, cell.protocol.validation),
        )
        for seed, agent in members
    ]
    # Each task's classes become outputs of their own.
    if cell.protocol.head == "multi":
        layout, streams = with_head_per_task(layout, streams)
    return Streams(arrays, layout, streams, members, device, cell.protocol.normalise)


def learner_over(table: Streams, cell: Cell, *, host: Any, form: str) -> Learner:
    """The cell's strategy over streams that are there, set up and ready to train."""
    session = Session(
        table.members,
        table,
        cell.protocol,
        model_of(cell.protocol.model, host),
        device=table.device,
        form=form,
        precision=cell.protocol.precision,
    )
    kinds = [host.get("strategy", part.name) for part in cell.parts]
    parts = [kind(**part.options) for kind, part in zip(kinds, cell.parts, strict=True)]
    for kind, part in zip(kinds, cell.parts, strict=True):
        # Asked again, though the suite has been: this layout is the real one.
        check_fit(kind, part.options, table.layout.setting, cell.protocol)
    check_agents(kinds, table.layout.agents)
    session.declared = frozenset().union(*(part.declares() for part in parts))
    session.described = described(kinds)
    # Only for whoever declared it; the record says so.
    table.test_is_open = "reads_test" in session.declared
    learner = learner_of(parts, session)
    # Watched: a draw in `setup` from a global generator would be the process's, not the member's.
    DrawWatch(learner).call("setup")
    return learner


def learner_of(parts: Sequence[Any], session: Session) -> Learner:
    """These methods as one learner: a solo strategy is run member by member, others compose."""
    check_composition([type(part) for part in parts])
    first = parts[0]
    if isinstance(first, SoloStrategy):
        return SoloRunner(type(first), first.options, session)
    return Chain(parts, session)


def prepare_gpu(device: torch.device, precision: str) -> None:
    """Compute on this GPU from here on, in this precision, and count its memory from now."""
    if device.index is not None:  # plain `cuda` is the current one
        torch.cuda.set_device(device)
    torch.cuda.reset_peak_memory_stats(device)
    # Of convolutions torch would otherwise decide that tf32 is fine.
    # Both are set: the default of one is on, of the other off.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"


def record(cell: Cell, key: str, loop: Loop) -> CellRecord:
    """What was measured, as a record."""
    session, measurements = loop.session, loop.measurements
    members = np.array(session.members, dtype=np.int64).reshape(-1, 2)
    made = CellRecord(
        key=key,
        **cell.record_fields(),
        seed=members[:, 0].copy(),
        agent=members[:, 1].copy(),
        accuracy=None,
        form=loop.learner.form,
        graphs=loop.training.steps.said,
        declared=tuple(sorted(session.declared)),
        chance=session.streams.chance,
        test_images=session.streams.test_images,
        **vars(session.described),
        trained_together=_trained_together(loop.learner),
        stored=loop.keeper.gathered(),
        kept=loop.keeper.flags(),
    )
    return measurements.fill(made)


def _trained_together(learner: Learner) -> int:
    """How many first tasks are learnt at the end of the
    last of them; 1 where nothing is tested but the end.
    """
    last = learner.scenario.tasks - 1
    for index in range(last):
        # A method that trains late (GDumb, joint) has its first row only then.
        if learner.tests_after(index):
            return index + 1
    return 1


def _means(measurements: Measurements, row: int) -> tuple[float, ...]:
    """Each member's mean over the tasks so far, of those
    that were tested; NaN for one that diverged.
    """
    seen = sum(column < row for column in measurements.accuracies.tested[row])
    means = measurements.accuracies.row(row)[:, :seen].mean(1)
    return tuple(float(mean) for mean in means)
