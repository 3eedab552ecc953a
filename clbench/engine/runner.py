"""One job: a cell's members from set-up to record, with checkpoints at task boundaries."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clbench.data.arrays import Arrays
from clbench.engine.book import Book, with_entries
from clbench.engine.compose import compose
from clbench.engine.loop import Loop
from clbench.engine.probes import Probes
from clbench.engine.session import Member, Session, model_of
from clbench.engine.solo import SoloRunner, SoloStrategy
from clbench.engine.strategy import Strategy, whole
from clbench.engine.streams import Streams
from clbench.errors import ClbenchError
from clbench.records.cell import CellRecord
from clbench.scenarios.check import check_stream
from clbench.scenarios.heads import with_head_per_task
from clbench.stack import Stateful, restore, save
from clbench.suite.cell import Cell


@dataclass(frozen=True)
class Settings:
    """Where and how a job runs. None of it changes what is measured (on a CPU not by a bit)."""

    device: str = "cpu"
    form: str = "auto"
    precision: str = "fp32"
    checkpoint: Path | None = None


@dataclass(frozen=True)
class Progress:
    """How far a job is: `fraction` of all of it; `accuracy` (each member's mean over the tasks so far) when a task has just ended."""

    task: int
    tasks: int
    fraction: float
    accuracy: tuple[float, ...] | None = None


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
) -> CellRecord:
    """Train and evaluate these members (seed, agent) of a cell."""
    strategy = build_strategy(cell, members, host=host, arrays=arrays, settings=settings)
    session = strategy.session
    metrics = {choice.name: host.get("metric", choice.name) for choice in cell.metrics}
    probe_metrics = {
        choice.name: metrics[choice.name](**choice.options) for choice in cell.metrics if hasattr(metrics[choice.name], "measure")
    }
    online = any("online_accuracy" in getattr(metric, "needs", ()) for metric in metrics.values())
    loop = Loop(strategy, Probes(probe_metrics, strategy), online=online)
    mark = Mark(cell, key, members, strategy, settings)
    begin = mark.load()
    tasks = session.streams.tasks
    if begin == 0:
        loop.untrained()

    told = 0.0

    def tell(index: int, fraction: float, accuracy: tuple[float, ...] | None = None) -> None:
        nonlocal told
        if accuracy is None and time.monotonic() - told < SECONDS_BETWEEN_REPORTS:
            return
        told = time.monotonic()
        listener(Progress(index + 1, len(tasks), (index + fraction) / len(tasks), accuracy))

    for task in tasks[begin:]:
        loop.on_step = partial(tell, task.index)
        loop.task(task)
        mark.save(task.index + 1)
        tell(task.index, 1.0, _means(session.book, task.index + 1))
    return record(cell, key, session, strategy)


def build_strategy(cell: Cell, members: Sequence[Member], *, host: Any, arrays: Arrays, settings: Settings) -> Strategy:
    """The cell's strategy over its streams, set up and ready to train."""
    device = torch.device(settings.device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = cell.protocol["precision"] == "tf32"
    scenario = host.get("scenario", cell.scenario.name)(**cell.scenario.options)
    layout = scenario.layout(arrays)
    streams = [scenario.stream(arrays, seed, agent, cell.protocol["validation"]) for seed, agent in members]
    for stream in streams:
        check_stream(cell.scenario.name, arrays, layout, stream)
    if cell.protocol["head"] == "multi":
        layout, streams = with_head_per_task(layout, streams)
    table = Streams(arrays, layout, streams, members, device, cell.protocol["normalise"])
    model = model_of(cell.protocol["model"], host)
    session = Session(
        members,
        table,
        cell.protocol,
        model,
        device=device,
        form=settings.form,
        precision=cell.protocol.get("precision") or settings.precision,
    )
    parts = [(host.get("strategy", part.name), dict(part.options)) for part in cell.parts]
    if len(parts) == 1 and issubclass(parts[0][0], SoloStrategy):
        strategy = compose([SoloRunner(*parts[0])], session)
    else:
        strategy = compose([part(**options) for part, options in parts], session)
    strategy.setup()
    return strategy


def record(cell: Cell, key: str, session: Session, strategy: Strategy) -> CellRecord:
    """What was measured, as a record."""
    book = session.book
    made = CellRecord(
        key=key,
        scenario=cell.scenario_label,
        strategy=cell.strategy,
        label=cell.label,
        seed=np.array([seed for seed, _ in session.members], dtype=np.int64),
        agent=np.array([agent for _, agent in session.members], dtype=np.int64),
        accuracy=None,
        options=cell.options,
        protocol=dict(cell.protocol),
        form=_form(strategy),
    )
    filled = book.fill(made)
    # Thousands of tasks make a matrix of millions: where not every task is tested after every task, what was tested is kept.
    return filled if cell.protocol["evaluate"]["tasks"] == "all" else with_entries(filled)


class Mark:
    """The job's checkpoint: written whole or not at all, read back only by the same job."""

    def __init__(self, cell: Cell, key: str, members: Sequence[Member], strategy: Strategy, settings: Settings) -> None:
        self.path, self.strategy = settings.checkpoint, strategy
        self.identity = {
            "key": key,
            "members": [list(member) for member in members],
            "form": _form(strategy),
            "metrics": [[m.name, dict(m.options)] for m in cell.metrics],
        }

    def _everything(self) -> Stateful:
        return _Everything(whole(self.strategy), self.strategy.session.book)

    def save(self, done: int) -> None:
        """After `done` tasks."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            with open(partial, "wb") as file:
                torch.save({"identity": self.identity, "done": done, "state": save(self._everything())}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)

    def load(self) -> int:
        """How many tasks are done; 0 where there is no checkpoint of this very job."""
        if self.path is None or not self.path.exists():
            return 0
        try:
            saved: Mapping[str, Any] = torch.load(self.path, weights_only=True, map_location=self.strategy.device)
            if saved["identity"] != self.identity:
                return 0
        except ClbenchError:
            raise
        except Exception:  # a damaged file: the job starts anew, nothing of it is lost but time
            return 0
        restore(self._everything(), saved["state"], self.strategy.session.find)
        return int(saved["done"])


class _Everything(Stateful):
    def __init__(self, strategy: Stateful, book: Book) -> None:
        self.strategy, self.book = strategy, book


def _form(strategy: Strategy) -> str:
    net = strategy.session.net
    return "solo" if net is None else net.form.name


def _means(book: Book, row: int) -> tuple[float, ...]:
    with np.errstate(invalid="ignore"):
        means = book.accuracy[:, row, :row].mean(1)
    return tuple(float(mean) for mean in means)
