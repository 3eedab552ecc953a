"""Learning online, one sample a step or a few: steps a second of a member against a plain loop of
PyTorch.

    python benchmarks/online.py

Work: permuted noise of 28 x 28 pixels, no testing but the engine's own. `plain` is what a person
would write for one seed: a plain module, a plain optimiser of torch, images gathered and permuted
by index, cross-entropy, and the sum of the losses. Its time for R seeds is R times that of one: one
after the other. The engine trains R seeds of one job; `planned` says how many the planner would put
into one stack on this machine. One thread. Ratios are those of processor time a step and member,
the least of several short rounds in which the sides take turns; above 1 the engine is faster.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from as_worker import as_worker
from rich.console import Console
from rich.table import Table
from torch import nn

from clbench import Arrays
from clbench.engine import Settings
from clbench.engine.runner import start_loop
from clbench.execution.stack_size import (
    NetworkSize,
    StepSize,
    cache_of_a_worker,
    members_in_cache,
)
from clbench.host import Host
from clbench.suite import load_suite
from clbench.suite.protocol import Protocol

SIDE, CLASSES, SAMPLES = 28, 10, 4096
OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], float]] = {
    "sgd": (torch.optim.SGD, 0.003),
    "adam": (torch.optim.Adam, 0.0001),
}
Side = Callable[[], float]


def noise() -> Arrays:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (SAMPLES, SIDE, SIDE, 1), dtype=np.uint8)
    y = np.arange(SAMPLES) % CLASSES
    return Arrays("noise", x, y, x[:CLASSES], y[:CLASSES], classes=CLASSES, fingerprint="noise")


def network(hidden: list[int]) -> nn.Sequential:
    widths = [SIDE * SIDE, *hidden]
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], CLASSES))


def plain(arrays: Arrays, hidden: list[int], optimizer: str, steps: int, batch: int) -> Side:
    """Seconds of a step of one seed."""
    torch.manual_seed(0)
    model, (kind, rate) = network(hidden), OPTIMIZERS[optimizer]
    updater = kind(model.parameters(), lr=rate)
    images = torch.from_numpy(arrays.x_train).float().div_(255).flatten(1)
    labels, permutation = torch.from_numpy(arrays.y_train), torch.randperm(SIDE * SIDE)

    def run() -> float:
        order, total = torch.randperm(len(images)), torch.zeros(())
        start = time.process_time()
        for step in range(steps):
            start_at = step * batch % (len(images) - batch)
            index = order[start_at : start_at + batch]
            x = images[index][:, permutation].view(batch, 1, SIDE, SIDE)
            updater.zero_grad()
            loss = F.cross_entropy(model(x), labels[index])
            loss.backward()
            updater.step()
            total += loss.detach()
        return (time.process_time() - start) / steps

    return run


def engine(
    arrays: Arrays,
    hidden: list[int],
    optimizer: str,
    steps: int,
    batch: int,
    members: int,
    host: Host,
) -> Side:
    """Seconds of a step of one of the members; every run is another task."""
    tasks = 200
    suite: dict[str, Any] = {
        "name": "online",
        "scenarios": [{"permuted": {"dataset": "synthetic", "tasks": tasks}}],
        "protocol": {
            "model": {"mlp": {"hidden": hidden}},
            "batch_size": batch,
            "steps": steps,
            "optimizer": {optimizer: {"lr": OPTIMIZERS[optimizer][1]}},
            "evaluate": "current",
        },
        "seeds": members,
        "strategies": ["naive"],
    }
    (cell,) = load_suite(suite, host).cells
    seeds = [(seed, 0) for seed in cell.seeds]
    loop = start_loop(cell, seeds, host=host, arrays=arrays, settings=Settings())
    marks: list[float] = []
    loop.on_step = lambda: marks.append(time.process_time())
    tasks_left = iter(loop.streams.tasks)

    def run() -> float:
        marks.clear()
        loop.task(next(tasks_left))
        return (marks[-1] - marks[0]) / (len(marks) - 1) / members

    return run


def planned(hidden: list[int], optimizer: str, batch: int) -> int:
    """How many the planner puts into one stack, with a worker on each core."""
    model = network(hidden)
    parameters = sum(value.numel() for value in model.parameters())
    activations = SIDE * SIDE + 2 * sum(hidden) + CLASSES
    protocol = Protocol.of({"optimizer": {optimizer: {}}, "batch_size": batch})
    step = StepSize.of(NetworkSize(parameters, activations), protocol)
    return members_in_cache(step, cache_of_a_worker(os.cpu_count() or 1))


def measure(sides: dict[str, Side], rounds: int) -> dict[str, float]:
    """The least of the rounds of each side; the first round warms up."""
    found = {name: float("inf") for name in sides}
    for turn in range(rounds + 1):
        for name in sorted(sides, reverse=bool(turn % 2)):
            seconds = sides[name]()
            if turn:
                found[name] = min(found[name], seconds)
    return found


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hidden", type=int, nargs="+", action="append")
    parser.add_argument(
        "--optimizers", nargs="+", choices=list(OPTIMIZERS), default=["sgd", "adam"]
    )
    parser.add_argument("--members", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25, help="of a round of the plain loop")
    given = parser.parse_args()
    host, arrays, console = Host.load(), noise(), Console()
    table = Table(
        title=f"batch {given.batch}, microseconds a step of a member, torch {torch.__version__}"
    )
    for column in ("network", "optimizer", "plain", "planned", "R", "engine", "times as fast"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for hidden in given.hidden or [[100, 100], [2000, 2000]]:
        for optimizer in given.optimizers:
            trial = plain(arrays, hidden, optimizer, 30, given.batch)
            steps = min(2000, max(20, int(given.seconds / trial())))
            sides = {"plain": plain(arrays, hidden, optimizer, steps, given.batch)}
            for members in given.members:
                each = max(10, steps // members)
                sides[str(members)] = engine(
                    arrays, hidden, optimizer, each, given.batch, members, host
                )
            found = measure(sides, given.rounds)
            for members in given.members:
                name = "-".join(map(str, [SIDE * SIDE, *hidden, CLASSES]))
                table.add_row(
                    name,
                    optimizer,
                    f"{found['plain'] * 1e6:,.0f}",
                    str(planned(hidden, optimizer, given.batch)),
                    str(members),
                    f"{found[str(members)] * 1e6:,.0f}",
                    f"{found['plain'] / found[str(members)]:.2f}",
                )
    console.print(table)


if __name__ == "__main__":
    main()
