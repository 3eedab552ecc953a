"""What a task, and a checkpoint, costs in streams of very many tasks and epochs; asserts nothing.

    python benchmarks/long_streams.py [--tasks 400] [--epochs 20]
    python benchmarks/long_streams.py --killed [--tasks 2000]

A small network on a stream of permuted synthetic images, with two probes at the end of every epoch
and a checkpoint after every task: milliseconds a task at the start and at the end of the stream.
Then what a checkpoint costs after 500 and after 500,000 epochs with the same two probes. It is the
time of this process's own that is printed, without waiting for the disk.

With `--killed` a suite of that many tasks (pairs of classes of synthetic images, two methods,
online accuracy and a probe) is run as users run it, once to its end and once killed twice with
SIGKILL and run again: whether the numbers are the same bits, milliseconds a task at both ends of
the stream, the sizes of record, checkpoint and page, and the peak of memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import clbench
from clbench import ProbeMetric
from clbench.data import load_arrays
from clbench.engine import Settings, run_cell
from clbench.engine.checkpoint import Checkpointer
from clbench.host import Host
from clbench.suite.choice import Choice
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
    measurements = strategy.session.measurements
    one, several = torch.zeros(len(SEEDS)), torch.zeros(len(SEEDS), 4)
    mark = Checkpointer(folder / f"{rows}.ckpt", 0.0, {}, print)

    def some_epochs(count: int) -> None:
        for _ in range(count):
            measurements.write(measurements.probes, "first_weights", one, [0, 1])
            measurements.write(measurements.probes, "all_weights", several, [0, 1])

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


# ------------------------------------------------------------------------------------------ killed

SUITE = """
name: killed
scenarios:
  - pairs:
      dataset: {synthetic: {classes: 40, size: 8, train: 1200, test: 800}}
      tasks: TASKS
      recur: reshuffle
strategies:
  - naive
  - l2: {strength: 0.001}
seeds: 2
protocol:
  model: {mlp: {hidden: [32]}}
  epochs: 1
  batch_size: 10
  optimizer: {sgd: {lr: 0.05}}
  head_reset: zero
  evaluate: current
metrics: [learning_accuracy, online_accuracy, plasticity_slope, weight_magnitude]
"""
# Writes down how long the process had computed when each task ended: others share the machine.
PLUGIN = """
import os
import time

from clbench import hookimpl


@hookimpl
def clbench_task_finished(event):
    with open(os.environ["TASK_TIMES"], "a") as file:
        print(event.label, event.task, time.process_time(), file=file)
"""
EDGE = 20  # tasks around the tenth and the tenth but last, for single ones vary


class KilledStream:
    """A suite of many tasks in a folder, run by the command."""

    def __init__(self, tasks: int, folder: Path) -> None:
        self.tasks, self.folder = tasks, folder
        self.suite, self.plugin = folder / "killed.yaml", folder / "times.py"
        self.suite.write_text(SUITE.replace("TASKS", str(tasks)))
        self.plugin.write_text(PLUGIN)

    def start(self, out: str) -> subprocess.Popen[bytes]:
        """`clbench run` in one process."""
        command = [sys.executable, "-m", "clbench", "run", str(self.suite)]
        options = ["--out", str(self.folder / out), "--workers", "0", "--quiet"]
        times = {"TASK_TIMES": str(self.times(out))}
        return subprocess.Popen(
            [*command, *options, "--plugin", str(self.plugin)],
            env={**os.environ, **times},
            stdout=subprocess.DEVNULL,
        )

    def times(self, out: str) -> Path:
        """Where the ends of tasks are written down."""
        return self.folder / f"{out}.txt"

    def finish(self, out: str) -> None:
        """Run it to its end."""
        if self.start(out).wait() != 0:
            raise SystemExit(f"the run into {out} failed")

    def kill_after(self, out: str, ended: int) -> None:
        """Run it until so many tasks of its jobs have ended, and kill it there."""
        process = self.start(out)
        while process.poll() is None and self.ended(out) < ended:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"  killed after {self.ended(out)} tasks of {2 * self.tasks}")

    def ended(self, out: str) -> int:
        """Tasks, those that were done twice included."""
        path = self.times(out)
        return len(path.read_text().splitlines()) if path.exists() else 0

    def milliseconds(self, out: str) -> tuple[float, float]:
        """Of computing a task, its evaluation and checkpoint, around the tenth and the tenth but
        last.
        """
        ends: dict[str, dict[int, float]] = {}
        for line in self.times(out).read_text().splitlines():
            label, task, seconds = line.split()
            ends.setdefault(label, {})[int(task)] = float(seconds)
        both = [[1000 * (of[k + 1] - of[k]) for k in range(1, self.tasks)] for of in ends.values()]
        lasted = np.mean(both, axis=0)
        # Means, for not every task is followed by a checkpoint.
        return float(lasted[:EDGE].mean()), float(lasted[-EDGE:].mean())

    def record(self, out: str) -> Path:
        return self.folder / out / "killed.h5"


def a_killed_stream(tasks: int, folder: Path) -> None:
    """2,000 tasks to the end, killed twice on the way."""
    stream = KilledStream(tasks, folder)
    started = time.monotonic()
    stream.finish("whole")
    print(f"{tasks} tasks, two methods, two seeds: {time.monotonic() - started:.0f} s")
    stream.kill_after("twice", tasks // 3)
    stream.kill_after("twice", 5 * tasks // 4)
    stream.finish("twice")
    first, last = stream.milliseconds("whole")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
    size = stream.record("whole").stat().st_size / 1e3
    same = _same_numbers(stream.record("whole"), stream.record("twice"))
    print(f"  the same bits as without a kill: {'yes' if same else 'NO'}")
    print(
        f"  {first:.1f} ms of computing around task {EDGE // 2}, {last:.1f} around "
        f"{tasks - EDGE // 2}"
    )
    print(f"  record {size:.0f} kB, peak memory of the process {peak:.0f} MB")
    for arguments in (["show"], ["show", "naive"], ["leaderboard", "--out", str(folder / "page")]):
        command, *rest = arguments
        begun = time.monotonic()
        asked = [sys.executable, "-m", "clbench", command, str(stream.record("whole")), *rest]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
        print(f"  clbench {' '.join([command, *rest[:1]])}: {time.monotonic() - begun:.1f} s")
    print(f"  page {(folder / 'page' / 'index.html').stat().st_size / 1e3:.0f} kB")


def _same_numbers(one: Path, other: Path) -> bool:
    """All that was measured, but for times and memory."""
    both = zip(clbench.load(one).cells, clbench.load(other).cells, strict=True)
    return all(_measured(a) == _measured(b) for a, b in both)


def _measured(cell: Any) -> dict[str, bytes]:
    assert cell.entries is not None
    arrays = {"entries": cell.entries.value, "before": cell.accuracy_before, "loss": cell.loss}
    arrays |= {**cell.curves, **cell.metrics}
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--killed", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        if given.killed:
            a_killed_stream(given.tasks or 2000, Path(name))
            return
        a_long_stream(given.tasks or 400, given.epochs, Path(name))
        for rows in ROWS:
            a_checkpoint(rows, Path(name))


if __name__ == "__main__":
    main()
