"""What probe metrics cost beside training, measured at the end of every epoch.

    python benchmarks/probes.py [--members 10] [METRIC ...]

Work: permuted noise of 28 x 28 pixels, 784-100-100-10, Adam at 1e-3, batches of 16, an epoch of
10,000 images a task. The engine's own clocks: milliseconds a measurement of the whole stack, its
watch over the metric once a task included, and the share of the training that a measurement an
epoch takes. What several metrics share (a decomposition, features) counts for the first of them.
One thread.
"""

from __future__ import annotations

import argparse

import numpy as np
from as_worker import as_worker
from rich.console import Console
from rich.table import Table

from clbench import Arrays
from clbench.engine import Settings, run_cell
from clbench.host import Host
from clbench.records.cell import CellRecord
from clbench.suite import load_suite

SIDE, CLASSES, SAMPLES, TESTS, TASKS = 28, 10, 10_000, 1000, 3


def noise() -> Arrays:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (SAMPLES + TESTS, SIDE, SIDE, 1), dtype=np.uint8)
    y = np.arange(SAMPLES + TESTS) % CLASSES
    parts = (x[:SAMPLES], y[:SAMPLES], x[SAMPLES:], y[SAMPLES:])
    return Arrays("noise", *parts, classes=CLASSES, fingerprint="noise")


def run(metrics: list[str], members: int, host: Host, arrays: Arrays) -> CellRecord:
    """Three tasks with these metrics."""
    suite = load_suite(
        {
            "name": "probes",
            "scenarios": [{"permuted": {"dataset": "mnist", "tasks": TASKS}}],
            "protocol": {
                "model": {"mlp": {"hidden": [100, 100]}},
                "optimizer": {"adam": {"lr": 0.001}},
                "epochs": 1,
                "batch_size": 16,
            },
            "seeds": members,
            "strategies": ["naive"],
            "metrics": [{metric: {"when": "epoch_end"}} for metric in metrics],
        },
        host,
    )
    (cell,) = suite.cells
    seeds = [(seed, 0) for seed in range(members)]
    return run_cell(cell, "bench", seeds, host=host, arrays=arrays, settings=Settings())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("metrics", nargs="*", help="all probe metrics where none is named")
    parser.add_argument("--members", type=int, default=10)
    asked = parser.parse_args()
    as_worker()
    host, arrays = Host.load(), noise()
    known = [name for name in host.names("metric") if hasattr(host.get("metric", name), "measure")]
    asked_for = asked.metrics or known
    record = run(asked_for, asked.members, host, arrays)
    trained = float(record.cost["train_seconds"].sum())
    table = Table("metric", "ms a measurement", "of training, %", title=f"R = {asked.members}")
    for name in asked_for:
        measured = float(record.metric_seconds[name].sum())
        table.add_row(name, f"{1000 * measured / TASKS:.1f}", f"{100 * measured / trained:.2f}")
    Console().print(table)
    for error in record.errors:
        Console().print(error)
    Console().print(f"training: {trained / TASKS:.1f} s a task of {SAMPLES} images a member")


if __name__ == "__main__":
    main()
