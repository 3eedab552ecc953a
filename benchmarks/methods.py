"""What each method's step costs, as a multiple of `naive`'s, at the second and at the last task.

    python benchmarks/methods.py --tasks 20

Every strategy that the host lists, plugins' included, and some compositions, with their default options, train one stack of an MLP
on permuted noise, one thread. The step is that of the whole stack, the fetching of its batch included; what a method does between
tasks is printed beside, in steps of `naive`. Times are medians of processor time over the steps of a task and over rounds in
which the methods take turns. A step has to cost the same at both tasks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from as_worker import as_worker
from rich.console import Console
from rich.table import Table

from clbench import Arrays
from clbench.engine import Settings
from clbench.engine.runner import start_loop
from clbench.host import Host
from clbench.suite import Cell, expand, load_suite

COMPOSITIONS = ("er+ewc", "er+online_ewc")
SIDE, CLASSES = 28, 10


@dataclass
class Times:
    """Processor seconds: of a step at the second and at the last task, and of what lies between two tasks (evaluation and all)."""

    second: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)


def noise(batch: int, steps: int) -> Arrays:
    rng = np.random.default_rng(0)

    def draw(count: int) -> tuple[Any, Any]:
        return rng.integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8), np.arange(
            count
        ) % CLASSES

    return Arrays(
        "noise", *draw(batch * steps), *draw(CLASSES), classes=CLASSES, fingerprint="noise"
    )


def cell_of(strategy: str, given: argparse.Namespace, host: Host) -> Cell:
    protocol = {
        "model": {"mlp": {"hidden": given.hidden}},
        "batch_size": given.batch,
        "optimizer": {"sgd": {"lr": 0.001}},
    }
    protocol |= {"steps": given.steps, "evaluate": "current"}
    scenario = {"permuted": {"dataset": "synthetic", "tasks": given.tasks}}
    suite = {
        "name": "methods",
        "scenarios": [scenario],
        "protocol": protocol,
        "seeds": given.members,
        "strategies": [strategy],
    }
    (cell,) = expand(load_suite(suite, host), host)
    return cell


def measure(cell: Cell, arrays: Arrays, host: Host, times: Times) -> None:
    """Train the cell once, and note what its steps took."""
    loop = start_loop(
        cell, [(seed, 0) for seed in cell.seeds], host=host, arrays=arrays, settings=Settings()
    )
    marks: list[list[float]] = []
    loop.on_step = lambda: marks[-1].append(time.process_time())
    for task in loop.streams.tasks:
        marks.append([])
        loop.task(task)
    trained = [task for task in marks if len(task) > 1]
    if len(trained) > 1:  # joint training has a single one
        times.second.append(
            statistics.median(after - before for before, after in pairwise(trained[1]))
        )
        times.between.append(
            statistics.median(after[0] - before[-1] for before, after in pairwise(trained))
        )
    times.last.append(statistics.median(after - before for before, after in pairwise(trained[-1])))


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20, help="a task")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="STRATEGY", help="these instead of all")
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    given = parser.parse_args()
    host = Host.load(given.plugin)
    names = list(
        dict.fromkeys(["naive", *(given.only or [*host.names("strategy"), *COMPOSITIONS])])
    )
    arrays, console = noise(given.batch, given.steps), Console()
    found = {name: Times() for name in names}
    for turn in range(given.rounds):
        for name in names if turn % 2 == 0 else names[::-1]:
            console.print(
                f"round {turn + 1} of {given.rounds}: {name} ...", style="dim", highlight=False
            )
            measure(cell_of(name, given, host), arrays, host, found[name])
    base = found["naive"]

    def ratio(mine: list[float], naive: list[float]) -> str:
        return (
            f"{statistics.median(a / b for a, b in zip(mine, naive, strict=True)):.2f}"
            if mine
            else "-"
        )

    hidden = "-".join(map(str, given.hidden))
    table = Table(
        title=f"784-{hidden}-10, batch {given.batch}, R = {given.members}, {given.tasks} tasks, one thread"
    )
    table.add_column("method", no_wrap=True)
    for column in ("task 2", f"task {given.tasks}", "last / second", "between tasks, in steps"):
        table.add_column(column, justify="right")
    for name, times in found.items():
        grown = ratio(times.last, times.second) if times.second else "-"
        between = (
            f"{statistics.median(times.between) / statistics.median(base.second):.0f}"
            if times.between
            else "-"
        )
        table.add_row(
            name, ratio(times.second, base.second), ratio(times.last, base.last), grown, between
        )
    console.print(table)


if __name__ == "__main__":
    main()
