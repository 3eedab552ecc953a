"""The engine against Avalanche 0.6: the same images, network, optimiser, epochs and evaluation, one
thread and one process a side.

Avalanche lives in an environment of its own, which this installs nothing into:

    python -m venv avalanche
    avalanche/bin/pip install avalanche-lib==0.6 torch==2.9.1 torchvision==0.24.1
    python benchmarks/against_avalanche.py --theirs avalanche/bin/python --data DIR

Work: MNIST (12,000 of its images) in five tasks of two classes, class setting, SGD, every task
tested after every task. Theirs are its three ways to hold data: preloaded tensors, its split
builder with a transform (what `SplitMNIST` does), and images with `ToTensor`. `warm`: seconds of
processor time for one seed, start-up and a first seed not counted. `process`: each of their seeds a
process of its own, start-up counted, against one process of ours for all R seeds, start-up counted
too. Times are medians over rounds in which the sides take turns; `ratio` is theirs / ours. `floor`
is the time of the matrix products of one seed alone. The accuracies of the two sides (means over
seeds, at the end) should agree. Details differ: their buffer is balanced, their Fisher information
squares the gradient of a batch, ours that of every sample. Wanted: at least 3 warm on tensors, 6 on
the split builder, 8 where each seed is a process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from as_worker import as_worker
from overhead import Case, floor
from rich.console import Console
from rich.table import Table

from clbench import Arrays
from clbench.data import load_arrays
from clbench.engine import Progress, Settings, run_cell
from clbench.host import Host
from clbench.suite import Choice, load_suite

TASKS, CLASSES, HIDDEN, LR, MEMORY, STRENGTH = 5, 10, (256, 256), 0.1, 500, 1.0
OURS = {
    "naive": "naive",
    "replay": {"er": {"memory": MEMORY}},
    "ewc": {"ewc": {"strength": STRENGTH, "fisher": "true", "samples": None}},
}
SIDE = Path(__file__).with_name("avalanche_side.py")


def shortened(data: Path | None, images: int, host: Host) -> Arrays:
    """The first images of MNIST's training and (a sixth as many) test set."""
    whole = load_arrays(Choice("mnist", {}), host, data)
    test = images // 6
    return Arrays(
        "mnist",
        whole.x_train[:images],
        whole.y_train[:images],
        whole.x_test[:test],
        whole.y_test[:test],
        CLASSES,
        "shortened",
    )


def ours(
    arrays: Arrays, method: str, members: int, epochs: int, batch: int, host: Host
) -> tuple[float, float]:
    """Processor seconds of R seeds, and their mean accuracy at the end."""
    protocol = {
        "model": {"mlp": {"hidden": list(HIDDEN)}},
        "batch_size": batch,
        "epochs": epochs,
        "optimizer": {"sgd": {"lr": LR}},
        "normalise": "unit",
    }
    scenario = {
        "split": {"dataset": "mnist", "tasks": TASKS, "setting": "class", "class_order": "fixed"}
    }
    given = {
        "name": "against",
        "scenarios": [scenario],
        "protocol": protocol,
        "seeds": members,
        "strategies": [OURS[method]],
    }
    (cell,) = load_suite(given, host).cells
    last: list[Progress] = []
    started = time.process_time()
    run_cell(
        cell,
        "key",
        [(seed, 0) for seed in cell.seeds],
        host=host,
        arrays=arrays,
        settings=Settings(),
        listener=last.append,
    )
    seconds = time.process_time() - started
    assert last[-1].accuracy is not None
    return seconds, float(np.mean(last[-1].accuracy))


def children(command: list[str]) -> tuple[float, Any]:
    """Processor seconds of a process from its start to its end, and what it printed."""
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr[-2000:]}")
    after = os.times()
    used = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return used, json.loads(done.stdout.splitlines()[-1])


class Sides:
    """Both sides over one file of arrays."""

    def __init__(self, given: argparse.Namespace, arrays: Arrays, file: Path, host: Host) -> None:
        self.given, self.arrays, self.file, self.host = given, arrays, file, host

    def theirs(self, path: str, method: str, seeds: int) -> tuple[float, dict[str, list[float]]]:
        told = {
            "arrays": str(self.file),
            "path": path,
            "method": method,
            "tasks": TASKS,
            "classes": CLASSES,
            "inputs": self.arrays.x_train[0].size,
            "hidden": HIDDEN,
            "lr": LR,
            "memory": MEMORY,
            "strength": STRENGTH,
            "batch_size": self.given.batch,
            "eval_batch_size": 1024,
            "epochs": self.given.epochs,
            "seeds": list(range(seeds)),
        }
        return children([self.given.theirs, str(SIDE), json.dumps(told)])

    def warm(self, path: str, method: str) -> tuple[float, float, float, float]:
        """Seconds a seed of theirs and of ours, and both accuracies."""
        _, found = self.theirs(path, method, 1 + self.given.their_seeds)
        seconds, accuracy = ours(
            self.arrays, method, self.given.members, self.given.epochs, self.given.batch, self.host
        )
        return (
            statistics.median(found["seconds"][1:]),
            seconds / self.given.members,
            float(np.mean(found["accuracy"])),
            accuracy,
        )

    def process(self, path: str, method: str) -> tuple[float, float, float, float]:
        """The same where each of their seeds, and our whole stack, is a process."""
        seconds, found = self.theirs(path, method, 1)
        given = self.given
        options = [
            "--epochs",
            str(given.epochs),
            "--batch",
            str(given.batch),
            "--members",
            str(given.members),
            "--images",
            str(given.images),
        ]
        data = ["--data", str(given.data)] if given.data else []
        mine, printed = children([sys.executable, __file__, "--one", method, *options, *data])
        return seconds, mine / given.members, float(np.mean(found["accuracy"])), printed["accuracy"]


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--theirs", help="the Python of Avalanche's environment")
    parser.add_argument("--data", type=Path, help="where MNIST is")
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--members", type=int, default=10, help="seeds in our stack")
    parser.add_argument(
        "--their-seeds",
        type=int,
        default=1,
        help="seeds timed in each of their warm processes, after one that is not",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=list(OURS), default=list(OURS))
    parser.add_argument(
        "--paths",
        nargs="+",
        choices=["tensors", "split", "images"],
        default=["tensors", "split", "images"],
    )
    parser.add_argument(
        "--one", choices=list(OURS), help=argparse.SUPPRESS
    )  # this side's process of its own
    given = parser.parse_args()
    host = Host.load()
    arrays = shortened(given.data, given.images, host)
    if given.one:
        print(
            json.dumps(
                {
                    "accuracy": ours(
                        arrays, given.one, given.members, given.epochs, given.batch, host
                    )[1]
                }
            )
        )
        return
    if not given.theirs:
        parser.error(
            "--theirs PYTHON is wanted: the interpreter of an environment with avalanche-lib 0.6 "
            "(see --help)"
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mnist.npz"
        np.savez(
            file,
            x_train=arrays.x_train,
            y_train=arrays.y_train,
            x_test=arrays.x_test,
            y_test=arrays.y_test,
        )
        show(Sides(given, arrays, file, host), given, host)


def show(sides: Sides, given: argparse.Namespace, host: Host) -> None:
    ours(sides.arrays, "naive", given.members, 1, given.batch, host)  # warm
    points = [("warm", path, method) for method in given.methods for path in given.paths]
    points += [("process", path, given.methods[0]) for path in given.paths]
    found: dict[Any, list[Any]] = {point: [] for point in points}
    console = Console(width=max(Console().width, 120))
    floors = []
    case = Case(
        "mlp",
        {"mlp": {"hidden": HIDDEN}},
        28,
        1,
        given.batch,
        given.images * given.epochs // TASKS // given.batch,
        "sgd",
    )
    for turn in range(given.rounds):
        console.print(f"round {turn + 1} of {given.rounds} ...", style="dim", highlight=False)
        # The floor of a benchmark that leaves its first task out, for all of them.
        floors.append(floor(case, host)[0] * TASKS / (TASKS - 1))
        for point in points if turn % 2 == 0 else points[::-1]:
            how, path, method = point
            found[point].append(getattr(sides, how)(path, method))
    table = Table(
        title=(
            f"MNIST, {given.images} images, batch {given.batch}, {given.epochs} epochs, R = "
            f"{given.members}, one thread a side"
        )
    )
    for name in (
        "start-up",
        "their data",
        "method",
        "Avalanche s/seed",
        "clbench s/seed",
        "ratio",
        "floor s/seed",
        "their accuracy",
        "ours",
    ):
        table.add_column(
            name,
            justify="left" if name in ("start-up", "their data", "method") else "right",
            no_wrap=True,
        )
    for point, values in found.items():
        them, us, theirs, mine = (statistics.median(column) for column in zip(*values, strict=True))
        ratio = statistics.median(value[0] / value[1] for value in values)
        table.add_row(
            *point,
            f"{them:.2f}",
            f"{us:.2f}",
            f"{ratio:.1f}",
            f"{statistics.median(floors):.2f}",
            f"{theirs:.3f}",
            f"{mine:.3f}",
        )
    console.print(table)


if __name__ == "__main__":
    main()
