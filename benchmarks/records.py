"""How long it takes to open, tabulate, compare and write large records; prints, and asserts
nothing.

    python benchmarks/records.py [--quick]

Seconds of this process's own time and of the clock: on a busy machine the first is the one to read.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

SIZES = [(1000, 10), (100, 100), (100, 30)]  # cells, seeds
TASKS = 5


def cells(count: int, seeds: int, rng: np.random.Generator) -> list[Any]:
    from clbench.records import CellRecord

    protocol = {
        "model": {"mlp": {"hidden": [100]}},
        "epochs": 1,
        "batch_size": 32,
        "augment": "none",
        "precision": "fp32",
    }
    return [
        CellRecord(
            key=f"{number:016x}",
            scenario=f"split-{number % 10}",
            strategy="er",
            label=f"er(memory={number // 10})",
            seed=np.arange(seeds),
            accuracy=rng.random((seeds, TASKS + 1, TASKS)),
            options={"memory": number // 10},
            protocol=protocol,
            content={
                "scenario": ["split", {"tasks": TASKS}],
                "protocol": protocol,
                "data": "made up",
            },
            accuracy_before=rng.random((seeds, TASKS)),
            loss=rng.random((seeds, TASKS)),
            metrics={"activation_sparsity": rng.random((seeds, TASKS))},
            cost={
                "train_seconds": rng.random((seeds, TASKS)),
                "parameters": np.ones(seeds),
                "state_bytes": np.ones(seeds),
            },
        )
        for number in range(count)
    ]


def timed(what: str, action: Callable[[], Any]) -> Any:
    own, clock = time.process_time(), time.perf_counter()
    result = action()
    print(
        f"  {what:34} {time.process_time() - own:7.2f} s of its own "
        f"{time.perf_counter() - clock:7.2f} s by the clock"
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="records of a tenth")
    quick = parser.parse_args().quick
    import clbench
    from clbench.host import Host
    from clbench.records import write_record

    host, rng = Host.load(), np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for count, seeds in SIZES:
            path = Path(folder) / f"{count}x{seeds}.h5"
            made = cells(count // 10 if quick else count, seeds, rng)
            print(f"{len(made)} cells x {seeds} seeds, {TASKS} tasks")
            facts: dict[str, str] = {}
            timed(
                "write",
                partial(
                    write_record, path, made, suite="made up", suite_text="", environment=facts
                ),
            )
            opened = timed("open", lambda: clbench.load(path, host))  # noqa: B023
            timed("read all of it", lambda: [cell.accuracy for cell in opened.cells])  # noqa: B023
            timed("frame of one metric", lambda: opened.frame(["average_accuracy"]))  # noqa: B023
            timed("frame of every metric", opened.frame)
            if (count, seeds) == SIZES[-1]:
                timed("compare", lambda: clbench.compare(clbench.load(path, host)))  # noqa: B023


if __name__ == "__main__":
    main()
