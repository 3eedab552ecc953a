"""What a Hebbian step costs a member, as a multiple of a plain loop's over one network.

    python benchmarks/hebbian.py

SoftHebb's network of three convolutions for CIFAR, batches of 10 pictures of noise, one thread: a
step of each block (those in front of it stand still, and run along on both sides) and of all three
at once. Two plain loops take the same step on one network, without anything around it: `published`
is written as the published code is, with convolutions for both products; `products` has the same
matrix products as the engine. Times are processor time, the least of several rounds in which all
sides take turns. A member's step should cost at most 1.2 times as much as either.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from as_worker import as_worker
from rich.console import Console
from rich.table import Table
from torch import Tensor

from clbench import Arrays, Strategy
from clbench.engine import Settings
from clbench.engine.runner import start_loop
from clbench.host import Host
from clbench.suite import load_suite
from clbench_plugins.softhebb import rule
from clbench_plugins.softhebb.blocks import HebbianBlock, HebbianNet
from clbench_plugins.softhebb.presets import softhebb_cifar3

SIDE, CHANNELS, CLASSES = 32, 3, 10
BLOCKS = ("block1", "block2", "block3")
Update = Callable[[HebbianBlock, Tensor], Tensor]


# ------------------------------------------------------------------ plain loops


def published(block: HebbianBlock, x: Tensor) -> Tensor:
    """A block's step with convolutions for products; the pre-activations."""
    spec, weight = block.spec, block.get_parameter("conv.weight")
    x = block.get_submodule("pad")(block.get_submodule("norm")(x))
    u = block.get_submodule("conv")(x)
    y = -(spec.temperature * u).softmax(1)
    winner = u.argmax(1, keepdim=True)
    y.scatter_(1, winner, -y.gather(1, winner))
    yx = torch.nn.functional.conv2d(x.transpose(0, 1), y.transpose(0, 1)).transpose(0, 1)
    delta = yx - (y * u).sum((0, 2, 3)).view(-1, 1, 1, 1) * weight
    delta.div_(delta.abs().max() + 1e-30)
    distance = (weight.flatten(1).norm(dim=1) - 1).abs() + 1e-10
    weight.add_((spec.rate * distance**spec.exponent).view(-1, 1, 1, 1) * delta)
    return u


def products(block: HebbianBlock, x: Tensor) -> Tensor:
    """The same with the matrix products of the engine."""
    spec, weight = block.spec, block.get_parameter("conv.weight")
    x = block.get_submodule("norm")(x)
    inputs = rule.patches(block.get_submodule("pad")(x.transpose(0, 1)), spec.kernel)
    rows = weight.flatten(1)
    u = inputs.t() @ rows.t()
    y = rule.compete(u, spec.temperature, spec.competition, 2, 0.0)
    delta = -rule.gradient(rows, inputs, u, y)
    rows.add_(rule.adaptive_rate(rows, spec.rate, spec.exponent)[:, None] * delta)
    return u.view(len(x), *x.shape[2:], -1).movedim(-1, 1)


class Plain:
    """One network, and a loop's step over it."""

    def __init__(self, update: Update, x: Tensor) -> None:
        torch.manual_seed(0)
        net = softhebb_cifar3((CHANNELS, SIDE, SIDE), CLASSES)
        assert isinstance(net, HebbianNet)
        self.net, self.update, self.x = net.requires_grad_(False), update, x

    def step(self, phase: str) -> None:
        blocks = self.net.blocks()
        trained = BLOCKS if phase == "body" else (phase,)
        x = self.x
        for name in BLOCKS[: BLOCKS.index(trained[-1]) + 1]:
            block = blocks[name].train(name in trained)
            if name not in trained:
                x = block(x)
                continue
            u = self.update(block, x)
            if name != trained[-1]:
                x = block.get_submodule("pool")(block.get_submodule("act")(u))


# ------------------------------------------------------------------ the engine


class Stacked:
    """A stack of members, and the strategy's step over it."""

    def __init__(self, members: int, batch: int, host: Host) -> None:
        self.sides = {order: started(order, members, batch, host) for order in ORDERS}
        self.members = members

    def begin(self, phase: str) -> Callable[[], Any]:
        """The step, once the phase has begun."""
        order = "consecutive" if phase == "body" else "successive"
        strategy = self.sides[order]
        task = strategy.session.task = strategy.session.streams.tasks[0]
        (strategy.session.phase,) = (p for p in strategy.phases(task) if p.name == phase)
        strategy.begin_phase(strategy.phase)
        strategy.net.train()
        batch = next(task.batches("train", strategy.hebbian_batch_size))  # type: ignore[attr-defined]
        return lambda: strategy.observe(batch)


ORDERS = ("successive", "consecutive")


def started(order: str, members: int, batch: int, host: Host) -> Strategy:
    scenario = {"dataset": "synthetic", "tasks": 1, "setting": "class"}
    suite = {
        "name": "hebbian",
        "scenarios": [{"split": scenario}],
        "protocol": {"model": "softhebb_cifar3", "optimizer": "adam"},
        "seeds": members,
        "strategies": [{"softhebb": {"order": order, "hebbian_batch_size": batch}}],
    }
    (cell,) = load_suite(suite, host).cells
    seeds = [(seed, 0) for seed in cell.seeds]
    loop = start_loop(cell, seeds, host=host, arrays=noise(batch), settings=Settings())
    return loop.learner.shown


def noise(batch: int) -> Arrays:
    rng = np.random.default_rng(0)
    size = (max(batch, CLASSES), SIDE, SIDE, CHANNELS)
    images = rng.integers(0, 256, size, dtype=np.uint8)
    labels = np.arange(len(images)) % CLASSES
    return Arrays(
        "noise", images, labels, images, labels, classes=CLASSES, fingerprint=f"noise {batch}"
    )


# ------------------------------------------------------------------ the comparison


def seconds(step: Callable[[], Any], steps: int) -> float:
    """Processor time of a step, the mean of several."""
    start = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - start) / steps


def measured(sides: dict[str, Callable[[], Any]], rounds: int, steps: int) -> dict[str, float]:
    """The least time of each side, which take turns."""
    for step in sides.values():
        step()
    least = dict.fromkeys(sides, float("inf"))
    for turn in range(rounds):
        for name in sorted(sides, reverse=bool(turn % 2)):
            least[name] = min(least[name], seconds(sides[name], steps))
    return least


def main() -> None:
    as_worker()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3, help="of each side in a round")
    given = parser.parse_args()
    torch.set_grad_enabled(False)
    host = Host.load()
    x = torch.rand(given.batch, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    loops = {"published": Plain(published, x), "products": Plain(products, x)}
    stacks = {f"R = {count}": Stacked(count, given.batch, host) for count in given.members}
    table = Table(
        title=f"a Hebbian step, batches of {given.batch}, milliseconds a member, one thread"
    )
    for column in ("trained", *loops, *(f"{name} (of published, of products)" for name in stacks)):
        table.add_column(column, justify="left" if column == "trained" else "right")
    for phase in (*BLOCKS, "body"):
        sides: dict[str, Callable[[], Any]] = {
            name: bound(loop, phase) for name, loop in loops.items()
        }
        sides |= {name: stack.begin(phase) for name, stack in stacks.items()}
        table.add_row(phase, *cells(measured(sides, given.rounds, given.steps), loops, stacks))
    Console(width=120).print(table)


def bound(loop: Plain, phase: str) -> Callable[[], None]:
    return lambda: loop.step(phase)


def cells(least: dict[str, float], loops: Iterable[str], stacks: dict[str, Stacked]) -> list[str]:
    shown = [f"{least[name] * 1e3:.1f}" for name in loops]
    for name, stack in stacks.items():
        own = least[name] / stack.members
        ratios = ", ".join(f"{own / least[loop]:.2f}" for loop in loops)
        shown.append(f"{own * 1e3:.1f} ({ratios})")
    return shown


if __name__ == "__main__":
    main()
