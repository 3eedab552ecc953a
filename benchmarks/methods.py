"""What each method's step costs, as a multiple of `naive`'s, at the second and at the last task.

    python benchmarks/methods.py --tasks 20

Every strategy that the host lists, plugins' included, and some compositions train one stack of an
MLP on permuted noise (`--scenario random_labels`: on the same noise under random labels), one
thread, with the default options or those of `OPTIONS`; in the domain setting, or in the class
setting where a method refuses that one. The step is that of the whole stack, the fetching of its
batch included; what a method does between tasks is printed beside, in steps of `naive`. Times are
medians of processor time over the steps of a task and over rounds in which the methods take turns.
A step has to cost the same at both tasks. What cannot be trained so is named below the table, with
its reason.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
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
from clbench.errors import ClbenchError
from clbench.host import Host
from clbench.suite import Cell, load_suite

COMPOSITIONS = ("er+ewc", "er+online_ewc", "cbp+er", "ewc+l2_init")
# What keeps the benchmark short: gdumb's 256 published epochs on its memory, of steps that all cost
# the same, and between tasks ogd's equations, which grow with the cube of the directions (200 a
# task by default).
OPTIONS: dict[str, dict[str, Any]] = {"gdumb": {"epochs": 4}, "ogd": {"memory": 20}}
SETTINGS = ("domain", "class")
SIDE, CLASSES = 28, 10


@dataclass
class Times:
    """Processor seconds: of a step at two tasks, and of what lies between tasks (evaluation and
    all).
    """

    second: list[float] = field(default_factory=list)
    last: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Method:
    """A strategy, and the setting that it is measured in."""

    name: str
    setting: str


class Bench:
    """Trains a method on the noise, and notes what its steps took."""

    def __init__(self, given: argparse.Namespace, host: Host) -> None:
        self.given, self.host = given, host
        self.arrays = noise(given.batch, given.steps)

    def settle(self, name: str) -> Method:
        """The method in the first setting that it does not refuse; else the refusal of the last."""
        for setting in SETTINGS[:-1]:
            try:
                return self._built(Method(name, setting))
            except ClbenchError:
                continue
        return self._built(Method(name, SETTINGS[-1]))

    def _built(self, method: Method) -> Method:
        self._loop(self._cell(method))
        return method

    def _loop(self, cell: Cell) -> Any:
        members = [(seed, 0) for seed in cell.seeds]
        return start_loop(cell, members, host=self.host, arrays=self.arrays, settings=Settings())

    def _cell(self, method: Method) -> Cell:
        given = self.given
        scenario = {"dataset": "synthetic", "tasks": given.tasks, "setting": method.setting}
        suite = {
            "name": "methods",
            "scenarios": [{given.scenario: scenario}],
            "protocol": {
                "model": {"mlp": {"hidden": given.hidden}},
                "batch_size": given.batch,
                "optimizer": {"sgd": {"lr": 0.001}},
                "steps": given.steps,
                "evaluate": "current",
            },
            "seeds": given.members,
            "strategies": [{method.name: OPTIONS.get(method.name, {})}],
        }
        (cell,) = load_suite(suite, self.host).cells
        return cell

    def measure(self, method: Method, times: Times) -> None:
        """Train the method once."""
        loop = self._loop(self._cell(method))
        marks: list[list[float]] = []
        loop.on_step = lambda: marks[-1].append(time.process_time())
        for task in loop.streams.tasks:
            marks.append([])
            loop.task(task)
        trained = [task for task in marks if len(task) > 1]
        if len(trained) > 1:  # joint training has a single one
            gaps = [after[0] - before[-1] for before, after in pairwise(trained)]
            times.second.append(step_of(trained[1]))
            times.between.append(statistics.median(gaps))
        times.last.append(step_of(trained[-1]))


def step_of(marks: Sequence[float]) -> float:
    return statistics.median(after - before for before, after in pairwise(marks))


def noise(batch: int, steps: int) -> Arrays:
    rng = np.random.default_rng(0)

    def draw(count: int) -> tuple[Any, Any]:
        images = rng.integers(0, 256, (count, SIDE, SIDE, 1), dtype=np.uint8)
        return images, np.arange(count) % CLASSES

    train, test = draw(batch * steps), draw(CLASSES)
    return Arrays("noise", *train, *test, classes=CLASSES, fingerprint="noise")


def ratio(mine: Sequence[float], others: Sequence[float]) -> str:
    if not mine:
        return "-"
    return f"{statistics.median(a / b for a, b in zip(mine, others, strict=True)):.2f}"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--steps", type=int, default=20, help="a task")
    parser.add_argument(
        "--scenario",
        choices=("permuted", "random_labels"),
        default="permuted",
        help="with random_labels no image is permuted: what is left is the method's own",
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="STRATEGY", help="these instead of all")
    parser.add_argument("--plugin", type=Path, action="append", default=[])
    return parser.parse_args()


def settled(names: Sequence[str], bench: Bench) -> tuple[list[Method], dict[str, str]]:
    """The methods that can be trained, a `naive` of each of their settings among them; and why
    others cannot.
    """
    methods: list[Method] = []
    refused = {}
    for name in names:
        try:
            methods.append(bench.settle(name))
        except ClbenchError as error:
            refused[name] = str(error)
    settings = dict.fromkeys(method.setting for method in methods)
    bases = [Method("naive", setting) for setting in settings]
    return list(dict.fromkeys([*bases, *methods])), refused


def tabulated(found: dict[Method, Times], given: argparse.Namespace) -> Table:
    hidden = "-".join(map(str, given.hidden))
    table = Table(
        title=(
            f"784-{hidden}-10, batch {given.batch}, R = {given.members}, {given.tasks} tasks, "
            "one thread"
        )
    )
    table.add_column("method", no_wrap=True)
    for column in ("task 2", f"task {given.tasks}", "last / second", "between tasks, in steps"):
        table.add_column(column, justify="right")
    for method, times in found.items():
        base = found[Method("naive", method.setting)]
        between = "-"
        if times.between:
            steps = statistics.median(times.between) / statistics.median(base.second)
            between = f"{steps:.0f}"
        table.add_row(
            method.name if method.setting == SETTINGS[0] else f"{method.name} ({method.setting})",
            ratio(times.second, base.second),
            ratio(times.last, base.last),
            ratio(times.last, times.second) if times.second else "-",
            between,
        )
    return table


def main() -> None:
    as_worker()
    given, console = options(), Console()
    host = Host.load(given.plugin)
    bench = Bench(given, host)
    methods, refused = settled(given.only or [*host.names("strategy"), *COMPOSITIONS], bench)
    found = {method: Times() for method in methods}
    for turn in range(given.rounds):
        for method in methods if turn % 2 == 0 else methods[::-1]:
            progress = f"round {turn + 1} of {given.rounds}: {method.name} ..."
            console.print(progress, style="dim", highlight=False)
            bench.measure(method, found[method])
    console.print(tabulated(found, given))
    for name, sentence in refused.items():
        console.print(f"not measured: {name}: {sentence}", style="dim", highlight=False)


if __name__ == "__main__":
    main()
