"""What a task, and a checkpoint, costs in streams of very many tasks and epochs; asserts nothing.

    python benchmarks/long_streams.py [--tasks 400] [--epochs 20]

A small network on a stream of permuted synthetic images, with two probes at the end of every epoch
and a checkpoint after every task: milliseconds a task at the start and at the end of the stream. Then
what a checkpoint costs after 500 and after 500,000 epochs with the same two probes. It is the time of
this process's own that is printed, without waiting for the disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clbench import ProbeMetric
from clbench.data import load_arrays
from clbench.engine import Settings, run_cell
from clbench.engine.checkpoint import Mark
from clbench.host import Host
from clbench.suite.cell import Choice
from clbench.testing.bench import Bench

SEEDS = (0, 1)
SAMPLES = 64
DATA = {"synthetic": {"classes": 2, "size": 4, "train": SAMPLES, "test": 32}}
PROTOCOL = {
    "model": {"mlp": {"hidden": [16]}},
    "batch_size": SAMPLES,
    "evaluate": "current",
    "optimizer": {"sgd": {"lr": 0.1}},
}
ROWS = (500, 500_000)
SAVES = 5


class FirstWeights(ProbeMetric):
    """The norm of the first layer's weights."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Tensor:
        return next(iter(probe.net.parameters())).flatten(1).norm(dim=1)


class AllWeights(ProbeMetric):
    """The norm of every tensor of weights."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.stack([p.flatten(1).norm(dim=1) for p in probe.net.parameters()], dim=1)


def bench_of(tasks: int, epochs: int) -> Bench:
    """A stream of so many tasks."""
    host = Host.load()
    scenario = Choice("permuted", {"dataset": DATA, "tasks": tasks})
    probes = [FirstWeights, AllWeights]
    protocol = {**PROTOCOL, "epochs": epochs}
    bench = Bench(host.get("strategy", "naive"), host, scenario, protocol, probes)
    name, options = next(iter(DATA.items()))
    bench.arrays = load_arrays(Choice(name, options), host, None)
    return bench


def a_long_stream(tasks: int, epochs: int, folder: Path) -> None:
    """Milliseconds a task, checkpoint included, at both ends of a stream."""
    bench = bench_of(tasks, epochs)
    ended: list[float] = []

    def listen(progress: Any) -> None:
        if progress.accuracy is not None:
            ended.append(time.process_time())

    started = time.process_time()
    record = run_cell(
        bench.cell,
        "bench",
        bench.members(*SEEDS),
        host=bench.host,
        arrays=bench.arrays,
        settings=Settings(checkpoint=folder / "stream.ckpt"),
        listener=listen,
    )
    whole = time.process_time() - started
    assert record.metrics["all_weights"].shape[1] == tasks * epochs, record.errors
    edge = max(1, len(ended) // 10)
    # Means, for a checkpoint that takes long is not written after every task.
    first = 1000 * (ended[edge] - ended[0]) / edge
    last = 1000 * (ended[-1] - ended[-1 - edge]) / edge
    print(f"{tasks} tasks x {epochs} epochs, two probes: {whole:.1f} s")
    print(f"  {first:.0f} ms a task at the start, {last:.0f} ms at the end")


def a_checkpoint(rows: int, folder: Path) -> None:
    """What saving costs after so many epochs."""
    bench = bench_of(2, 1)
    strategy, loop = bench.start(*SEEDS)
    book = strategy.session.book
    one, several = torch.zeros(len(SEEDS)), torch.zeros(len(SEEDS), 4)
    mark = Mark(folder / f"{rows}.ckpt", 0.0, {}, print)

    def some_epochs(count: int) -> None:
        for _ in range(count):
            book.write(book.probes, "first_weights", one, [0, 1])
            book.write(book.probes, "all_weights", several, [0, 1])

    some_epochs(rows)
    mark.save(loop)
    lasted = []
    for _ in range(SAVES):
        some_epochs(20)
        started = time.process_time()
        mark.save(loop)
        lasted.append(1000 * (time.process_time() - started))
    size = sum(path.stat().st_size for path in folder.glob(f"{rows}.*"))
    middle = statistics.median(lasted)
    print(f"a checkpoint after {rows:,} epochs: {middle:.1f} ms; {size / 1e6:.1f} MB on disk")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        a_long_stream(given.tasks, given.epochs, Path(name))
        for rows in ROWS:
            a_checkpoint(rows, Path(name))


if __name__ == "__main__":
    main()
