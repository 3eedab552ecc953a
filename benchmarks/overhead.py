"""The engine against a minimal loop that does the same work, and both against the matrix products
in it.

    python benchmarks/overhead.py --quick

Work: split tasks in the class setting, SGD, every task tested after every task. `minimal` is what a
person would write for one seed: a plain module, a plain torch optimiser, float images in memory
(channels last for convolutions), a permutation an epoch; its time for R seeds is R times that of
one. `loop` and `vmap` are `clbench.engine.run_cell` for R stacked seeds, with the matrix products
that a worker uses. `floor` is the time of the matrix products alone, in these very shapes, on the
fastest path that is float32 here. One thread; set-up and the first task are not counted. Times are
microseconds of processor time (so that a busy machine matters less) for one step of one seed,
testing included: the least of several rounds in which the sides take turns, for what else goes on
in a machine only ever adds. Wanted: loop / minimal at most 1.10; minimal / vmap at least 1.30 for
the first two.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from as_worker import as_worker
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from clbench import Arrays
from clbench.engine import Progress, Settings, run_cell
from clbench.host import Host
from clbench.stack import gemm
from clbench.suite import load_suite

TASKS, CLASSES = 5, 10
TEST_SHARE = 6  # training images for one test image, as in MNIST
FILLED = 64  # images: the engine tests no smaller batch
MOST_VMAP_CONVOLUTIONS = 5  # members; more take minutes to show what these show
RATES = {"sgd": 0.01, "adam": 0.001}


@dataclass(frozen=True)
class Case:
    """A network, the size of a batch, and how many steps a task has."""

    name: str
    model: dict[str, dict[str, Any]]
    side: int
    channels: int
    batch: int
    steps: int
    optimizer: str

    @property
    def arrays(self) -> Arrays:
        rng = np.random.default_rng(0)
        train = TASKS * self.batch * self.steps
        test = TASKS * max(1, train // TASKS // TEST_SHARE)

        def draw(count: int) -> tuple[Any, Any]:
            per_task = np.repeat(np.arange(TASKS), count // TASKS)
            x = rng.integers(0, 256, (count, self.side, self.side, self.channels), dtype=np.uint8)
            return x, per_task * (CLASSES // TASKS) + np.arange(count) % (CLASSES // TASKS)

        return Arrays("noise", *draw(train), *draw(test), classes=CLASSES, fingerprint="noise")

    def module(self, host: Host) -> nn.Module:
        ((name, options),) = self.model.items()
        module: nn.Module = host.get("model", name)(
            (self.channels, self.side, self.side), CLASSES, **options
        )
        return module


MODELS = {
    "784-256-256-10": ({"mlp": {"hidden": (256, 256)}}, 28, 1),
    "784-100-10": ({"mlp": {"hidden": (100,)}}, 28, 1),
    "convnet": ({"convnet": {}}, 32, 3),
    "resnet18": ({"resnet18": {}}, 32, 3),
    "reduced_resnet18": ({"reduced_resnet18": {}}, 32, 3),
}
CONVOLUTIONS = ("convnet", "resnet18", "reduced_resnet18")


# ------------------------------------------------------------------------------------------ the two
# sides


def minimal(case: Case, arrays: Arrays, host: Host) -> float:
    """Seconds of one seed, from the end of its first task on."""
    torch.manual_seed(0)
    model = case.module(host)
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[case.optimizer]
    optimizer = kind(model.parameters(), lr=RATES[case.optimizer])
    sets = []
    for x, y in ((arrays.x_train, arrays.y_train), (arrays.x_test, arrays.y_test)):
        images = torch.from_numpy(x).permute(0, 3, 1, 2).float().div(255)
        images = images.contiguous(
            memory_format=torch.channels_last
            if case.name in CONVOLUTIONS
            else torch.contiguous_format
        )
        labels = torch.from_numpy(y)
        masks = [labels // (CLASSES // TASKS) == task for task in range(TASKS)]
        sets.append([(images[mask], labels[mask]) for mask in masks])
    train, test = sets
    accuracy = np.zeros((TASKS, TASKS))
    start = 0.0
    for task, (images, labels) in enumerate(train):
        order = torch.randperm(len(labels))
        for batch in order.split(case.batch):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            for column, (seen, wanted) in enumerate(test):
                right = sum(
                    (model(x).argmax(1) == y).sum()
                    for x, y in zip(seen.split(1024), wanted.split(1024), strict=True)
                )
                accuracy[task, column] = int(right) / len(wanted)
        start = start or time.process_time()
    return time.process_time() - start


def engine(case: Case, arrays: Arrays, host: Host, members: int, form: str) -> float:
    """Seconds of a stack of seeds, from the end of its first task on."""
    ((model, options),) = case.model.items()
    protocol = {
        "model": {model: dict(options)},
        "batch_size": case.batch,
        "optimizer": {case.optimizer: {"lr": RATES[case.optimizer]}},
    }
    scenario = {"split": {"dataset": "synthetic", "tasks": TASKS, "setting": "class"}}
    suite = load_suite(
        {
            "name": "overhead",
            "scenarios": [scenario],
            "protocol": protocol,
            "seeds": members,
            "strategies": ["naive"],
        },
        host,
    )
    (cell,) = suite.cells
    ends: list[float] = []

    def note(progress: Progress) -> None:
        if progress.accuracy is not None:
            ends.append(time.process_time())

    run_cell(
        cell,
        "overhead",
        [(seed, 0) for seed in cell.seeds],
        host=host,
        arrays=arrays,
        settings=Settings(form=form),
        listener=note,
    )
    return ends[-1] - ends[0]


# ------------------------------------------------------------------------------------------ the
# floor


def floor(case: Case, members: int, host: Host) -> tuple[float, float]:
    """Seconds and FLOPs of the matrix products of one seed from the end of its first task on."""
    images = case.batch * case.steps // TEST_SHARE
    rows = min(1024, max(1, images))
    steps, tests = case.steps * (TASKS - 1), max(1, images) / rows * TASKS * (TASKS - 1)
    forward, backward = products(case, host, case.batch)
    tested, _ = products(case, host, rows)
    counted = [(product, steps) for product in forward + backward] + [
        (product, tests) for product in tested
    ]
    clocks = {product: clock(product, members) for product, _ in counted}
    return sum(clocks[product] * times for product, times in counted), sum(
        work(product) * times for product, times in counted
    )


Product = tuple[int, int, int]


def products(case: Case, host: Host, rows: int) -> tuple[list[Product], list[Product]]:
    """The shapes (m, k, n) of the products of a forward and of a backward pass.

    Convolutions count as products of their patches.
    """
    found: list[Product] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            found.append((rows, module.in_features, module.out_features))
        elif isinstance(module, nn.Conv2d):
            places = rows * output.shape[-1] * output.shape[-2]
            found.append(
                (places, module.in_channels * math.prod(module.kernel_size), module.out_channels)
            )

    model = case.module(host)
    for module in model.modules():
        module.register_forward_hook(look)
    model(torch.zeros(1, case.channels, case.side, case.side))
    to_weights = [(k, m, n) for m, k, n in found]
    to_inputs = [(m, n, k) for m, k, n in found[1:]]
    return found, to_weights + to_inputs


def work(product: Product) -> float:
    return 2.0 * math.prod(product)


def clock(product: Product, members: int) -> float:
    """Seconds of one matrix product of this shape, on the fastest of all ways to come to it in
    float32.

    They are the paths that are float32 on this machine, a member alone or all members in one call,
    and operands that lie as they are read or the other way round.
    """
    paths = {gemm.STANDARD, gemm.probe()}
    stacks = {1, members}
    return min(
        seconds_of(product, path, stack, turned)
        for path in sorted(paths)
        for stack in sorted(stacks)
        for turned in ("", "left", "right")
    )


def seconds_of(product: Product, path: str, stack: int, turned: str) -> float:
    """Seconds of one member's product in this way."""
    m, k, n = product
    left = (
        torch.randn(stack, k, m).transpose(1, 2) if turned == "left" else torch.randn(stack, m, k)
    )
    right = (
        torch.randn(stack, n, k).transpose(1, 2) if turned == "right" else torch.randn(stack, k, n)
    )
    out = torch.empty(stack, m, n)
    repeats = max(2, int(4e7 / work(product) / stack))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(gemm.SWITCHES[path])
    try:
        return min(timed(left, right, out, repeats) for _ in range(3)) / stack
    finally:
        torch.set_float32_matmul_precision(before)


def timed(left: Tensor, right: Tensor, out: Tensor, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        torch.bmm(left, right, out=out)
    return (time.process_time() - start) / repeats


# ------------------------------------------------------------------------------------------ the
# table


def sized(name: str, batch: int, members: int, optimizer: str, budget: float, host: Host) -> Case:
    """The case with as many steps a task as take about `budget` seconds in the minimal loop."""
    model, side, channels = MODELS[name]
    # With fewer steps, what an epoch costs hides what a step does, and a test set of fewer images
    # than this is filled up.
    fewest = math.ceil(FILLED * TEST_SHARE / batch) if name in CONVOLUTIONS else 40
    trial = Case(name, model, side, channels, batch, fewest, optimizer)
    step = minimal(trial, trial.arrays, host) / (trial.steps * (TASKS - 1))
    steps = min(1500, max(fewest, int(budget / step / members)))
    return Case(name, model, side, channels, batch, steps, optimizer)


def row(case: Case, members: int, rounds: int, host: Host) -> list[str]:
    arrays, flops = case.arrays, floor(case, members, host)[1]
    forms = (
        ["loop"]
        if case.name in CONVOLUTIONS and members > MOST_VMAP_CONVOLUTIONS
        else ["loop", "vmap"]
    )
    sides: dict[str, Callable[[], float]] = {
        "minimal": lambda: members * minimal(case, arrays, host)
    }
    sides |= {form: lambda form=form: engine(case, arrays, host, members, form) for form in forms}  # type: ignore[misc]
    sides["floor"] = lambda: members * floor(case, members, host)[0]
    times: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sorted(sides, reverse=bool(turn % 2)):
            times[side].append(sides[side]())

    step = {
        side: min(values) / (members * case.steps * (TASKS - 1)) for side, values in times.items()
    }
    best = min(step[form] for form in forms)
    return [
        case.name,
        str(case.batch),
        str(members),
        str(case.steps),
        *(
            f"{step[side] * 1e6:,.0f}" if side in step else "-"
            for side in ("minimal", "loop", "vmap", "floor")
        ),
        f"{flops * members / min(times['floor']) / 1e9:,.0f}",
        f"{step['loop'] / step['minimal']:.2f}",
        f"{step['minimal'] / step['vmap']:.2f}" if "vmap" in step else "-",
        f"{100 * step['floor'] / best:.0f} %",
    ]


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer points and shorter runs: about two minutes on an idle core",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        choices=list(MODELS),
        default=list(MODELS)[:3],
        help="by default without the resnets",
    )
    parser.add_argument("--batches", nargs="+", type=int)
    parser.add_argument("--members", nargs="+", type=int)
    parser.add_argument("--optimizer", choices=list(RATES), default="sgd")
    parser.add_argument("--rounds", type=int)
    given = parser.parse_args()
    batches = given.batches or ([10, 64] if given.quick else [1, 10, 64])
    stacks = given.members or ([1, 10] if given.quick else [1, 5, 10, 30])
    rounds, budget = given.rounds or (3 if given.quick else 5), 0.1 if given.quick else 0.4
    host = Host.load()
    console = Console(width=max(Console().width, 130))  # the table whole, in a pipe too
    table = Table(title=f"{given.optimizer}, one thread, torch {torch.__version__}")
    table.add_column("network", no_wrap=True)
    for name in (
        "batch",
        "R",
        "steps",
        "minimal",
        "loop",
        "vmap",
        "floor",
        "GFLOP/s",
        "loop / minimal",
        "minimal / vmap",
        "floor / best",
    ):
        table.add_column(name, justify="right")
    for model in given.models:
        for batch in batches:
            for members in stacks:
                console.print(
                    f"{model}, batch {batch}, R = {members} ...", style="dim", highlight=False
                )
                table.add_row(
                    *row(
                        sized(model, batch, members, given.optimizer, budget, host),
                        members,
                        rounds,
                        host,
                    )
                )
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
