from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench_plugins.gdumb import STORE, GDumb, cycles
from clbench_plugins.naive import Naive

RATE = 0.2


class Noted(GDumb):
    """Keeps what its networks train on, the weights they begin with, and whether storing moves
    any.
    """

    trained: ClassVar[list[tuple[str, Batch]]] = []
    starts: ClassVar[list[list[Tensor]]] = []
    moved: ClassVar[list[bool]] = []

    def setup(self) -> None:
        super().setup()
        for kept in (self.trained, self.starts, self.moved):
            kept.clear()

    def begin_phase(self, phase: Any) -> None:
        super().begin_phase(phase)
        if phase.name == "fit":
            self.starts.append([p.detach().clone() for p in self.net.parameters()])

    def observe(self, batch: Batch) -> Tensor | None:
        before = [p.detach().clone() for p in self.net.parameters()]
        loss = super().observe(batch)
        if self.phase.name == STORE:
            pairs = zip(before, self.net.parameters(), strict=True)
            self.moved.append(any(not torch.equal(old, new) for old, new in pairs))
        else:
            self.trained.append((self.phase.name, batch))
        return loss


def rates(epochs: int, steps: int) -> list[float]:
    """The rate of each step: an epoch at a tenth, then cosines of 1, 2, 4, ... epochs."""
    found = [0.1 * RATE] * steps
    length = 1
    while len(found) < epochs * steps:
        total = length * steps
        found += [RATE * 0.5 * (1 + math.cos(math.pi * step / total)) for step in range(total)]
        length *= 2
    return found


def by_hand(start: list[Tensor], batches: list[Batch], row: int, lrs: list[float]) -> list[Tensor]:
    """Plain SGD of one network in double precision."""
    weights = [value[row].double() for value in start]
    for batch, lr in zip(batches, lrs, strict=True):
        leaves = [w.clone().requires_grad_() for w in weights]
        hidden = torch.relu(batch.x[row].double().flatten(1) @ leaves[0].T + leaves[1])
        loss = F.cross_entropy(hidden @ leaves[2].T + leaves[3], batch.y[row])
        grads = torch.autograd.grad(loss, leaves)
        weights = [w - lr * g for w, g in zip(weights, grads, strict=True)]
    return weights


def run(on_digits: Any, strategy: GDumb, tasks: int = 2, **given: Any) -> Any:
    options = {"optimizer": {"sgd": {"lr": RATE}}, **given}
    started, loop = on_digits(strategy, tasks=tasks, **options).start(0, 1)
    for task in started.session.streams.tasks[:tasks]:
        loop.task(task)
    return started


def test_each_network_against_a_plain_reference(on_digits: Any) -> None:
    """Sixteen epochs on 48 samples, three steps each, from a fresh network at every task."""
    strategy = run(on_digits, Noted(memory=48, epochs=16))
    batches = [batch for _, batch in Noted.trained]
    assert len(batches) == 2 * 16 * 3
    assert len({name for name, _ in Noted.trained}) == 1 + 4
    second = batches[16 * 3 :]
    for row in (0, 1):
        wanted = by_hand(Noted.starts[1], second, row, rates(16, 3))
        for value, hand in zip(strategy.net.parameters(), wanted, strict=True):
            torch.testing.assert_close(value[row].detach().double(), hand, rtol=1e-4, atol=1e-5)
    for first, again in zip(*Noted.starts, strict=True):
        assert not torch.equal(first, again) or not first.any()


def test_the_stream_moves_no_weight_and_networks_see_the_memory_alone(on_digits: Any) -> None:
    strategy = run(on_digits, Noted(memory=30, epochs=3))
    assert Noted.moved
    assert not any(Noted.moved)
    last = [batch for _, batch in Noted.trained][-3 * 2 :]
    for row in (0, 1):
        seen = {int(i) for batch in last for i in batch.index[row]}
        held = strategy.buffer.samples()
        assert seen == set(held.index[row][held.valid[row]].tolist())


def test_the_stream_is_seen_once_whatever_the_protocol_says(on_digits: Any) -> None:
    strategy = run(on_digits, Noted(memory=30, epochs=1), epochs=3)
    sizes = strategy.session.streams.sizes
    longest = [max(sizes(index, "train")) for index in (0, 1)]
    steps = sum(math.ceil(size / 16) for size in longest)
    assert steps <= len(Noted.moved) <= steps + 2  # members of unequal sizes end apart


def test_at_the_end_it_is_the_same_network(on_digits: Any) -> None:
    after_each, at_the_end = (
        on_digits(GDumb(memory=40, epochs=4, fit=fit), tasks=3).run(0, 1).accuracy
        for fit in ("task", "end")
    )
    np.testing.assert_array_equal(after_each[:, -1], at_the_end[:, -1])
    assert np.isfinite(after_each).all()
    assert np.isnan(at_the_end[:, 1:-1]).all()


def test_the_protocols_schedule_instead(on_digits: Any) -> None:
    run(on_digits, Noted(memory=48, epochs=5, schedule="protocol"))
    assert [name for name, _ in Noted.trained] == ["fit"] * (2 * 5 * 3)


@pytest.mark.parametrize("epochs", [1, 2, 10, 256])
def test_cycles_double(epochs: int) -> None:
    lengths = cycles(epochs - 1)
    assert sum(lengths) == epochs - 1
    assert lengths[:-1] == [2**k for k in range(len(lengths) - 1)]
    if epochs == 256:
        assert lengths == [1, 2, 4, 8, 16, 32, 64, 128]


def test_where_labels_come_back_a_class_belongs_to_a_task(on_digits: Any) -> None:
    """By labels alone the memory would be full and balanced after the first task."""
    strategy = run(on_digits, GDumb(memory=60, epochs=1), tasks=3, setting="domain")
    held = strategy.buffer.samples()
    labels = strategy.session.streams.labels_of(held.index, held.tasks)
    for row in (0, 1):
        kinds = (held.tasks[row] * 2 + labels[row])[held.valid[row]]
        assert kinds.bincount(minlength=6).tolist() == [10] * 6


def test_it_remembers_all_classes_alike(on_digits: Any) -> None:
    mine, naive = (
        on_digits(strategy).run(0, 1).accuracy[:, -1]
        for strategy in (GDumb(memory=150, epochs=64), Naive)
    )
    assert (naive.mean(1) < 0.3).all()
    assert (mine.mean(1) > 0.75).all()
