"""Fifty epochs of a head on a convolutional body that stands still: its features kept, or computed
again.

    python benchmarks/features.py [--device cuda] [--members 1 5]

Work: noise of 32 x 32 pixels in colour, the built-in convnet (three convolutions) up to its first
dense layer, which is trained with all behind it; Adam, batches of 64, no test in between. Three
ways take turns in each round: the features kept (`Phase(frozen_before=...)`), computed anew in
every epoch (the same with `CLBENCH_FEATURES=none`), and the whole network run in every step with
its front frozen, as a method would do that knows nothing of features. The first two have to end
with the same weights, bit for bit on a CPU. Processor seconds (on a GPU seconds) of the task, the
least of the rounds, and how many times as fast as the last way. One thread.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from as_worker import as_worker
from rich.console import Console
from rich.table import Table
from torch import Tensor

from clbench import Arrays, Batch, Phase, Strategy, Task
from clbench.engine.room import VARIABLE
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

SIDE, CLASSES, TESTS = 32, 10, 64
POINT = "linear4"


class Head(Strategy):
    """One phase, in which the network is trained from the first dense layer on."""

    epochs: int = 50  # of the phase
    asked: ClassVar[str | None] = POINT

    def phases(self, task: Task) -> Sequence[Phase]:
        return [Phase("head", epochs=self.epochs, frozen_before=self.asked)]


class ByHand(Head):
    """The same in every step of the whole network."""

    asked = None

    def observe(self, batch: Batch) -> Tensor | None:
        with self.net.frozen_before(POINT):
            return super().observe(batch)


WAYS = {
    "kept": (Head, "auto"),
    "anew in every epoch": (Head, "none"),
    "whole network in every step": (ByHand, "none"),
}


def noise(samples: int) -> Arrays:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples + TESTS, SIDE, SIDE, 3), dtype=np.uint8)
    y = np.arange(samples + TESTS) % CLASSES
    parts = (x[:samples], y[:samples], x[samples:], y[samples:])
    return Arrays("noise", *parts, classes=CLASSES, fingerprint="noise")


def seconds(bench: Bench, members: int, device: str) -> tuple[float, Tensor]:
    """How long the task takes, and what became of the head."""
    strategy, loop = bench.start(*range(members), device=device)
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    start = clock()
    loop.task(strategy.session.streams.tasks[0])
    weights = strategy.net.params["head.weight"].detach().cpu()
    return clock() - start, weights


def bench_of(way: type[Strategy], arrays: Arrays, epochs: int, host: Host) -> Bench:
    """This way to train, on one task of all classes."""
    scenario = Choice("split", {"dataset": "digits", "tasks": 1, "setting": "class"})
    protocol: dict[str, Any] = {
        "model": "convnet",
        "batch_size": 64,
        "optimizer": {"adam": {"lr": 0.001}},
    }
    made = Bench(way(epochs=epochs), host, scenario, protocol)
    made.arrays = arrays
    return made


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    arrays, host = noise(given.samples), Host.load()
    title = f"{given.epochs} epochs over {given.samples} images, {given.device}, seconds a member"
    table = Table(title=title)
    for column in ("way", *(f"R = {members}" for members in given.members)):
        table.add_column(column, justify="left" if column == "way" else "right")
    rows: dict[str, list[str]] = {name: [] for name in WAYS}
    for members in given.members:
        least, ends = measured(arrays, host, members, given)
        same = torch.equal(ends["kept"], ends["anew in every epoch"])
        assert same or given.device != "cpu", "kept and computed anew, heads differ"
        if not same:
            print(f"R = {members}: kept and computed anew, heads differ (on a GPU they may)")
        for name, spent in least.items():
            ratio = least["whole network in every step"] / spent
            rows[name].append(f"{spent / members:.2f} ({ratio:.1f} x)")
    for name, cells in rows.items():
        table.add_row(name, *cells)
    Console().print(table)


def measured(
    arrays: Arrays, host: Host, members: int, given: argparse.Namespace
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """The least time of each way, and the head that it ended with."""
    least, ends = dict.fromkeys(WAYS, float("inf")), {}
    for turn in range(given.rounds):
        for name in sorted(WAYS, reverse=bool(turn % 2)):
            way, said = WAYS[name]
            os.environ[VARIABLE] = said
            bench = bench_of(way, arrays, given.epochs, host)
            spent, ends[name] = seconds(bench, members, given.device)
            least[name] = min(least[name], spent)
    return least, ends


if __name__ == "__main__":
    main()
