from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench_plugins.er_ace import ERACE
from clbench_plugins.naive import Naive
from clbench_plugins.weight_penalties import L2Init
from tests.plugins.replayed import Loss, Weights, assert_same_end, follow, forward

RATE = 0.1


def by_hand(among: str, logits: str) -> Loss:
    """Cross-entropy of the batch among its classes or its task's, and of what was drawn among all,
    or those seen.
    """

    def loss(weights: Weights, batch: Batch, drawn: list[Batch], row: int) -> Tensor:
        own = batch.y.unique() if among == "batch" else batch.task.classes[row]
        total = cross_entropy_among(own, forward(weights, batch.x), batch.y)
        if drawn:
            seen = batch.task.streams.owned[row, : batch.task.index + 1].any(0).nonzero().flatten()
            others = seen if logits == "seen" else torch.arange(10)
            total += cross_entropy_among(others, forward(weights, drawn[0].x), drawn[0].y)
        return total

    return loss


def cross_entropy_among(classes: Tensor, logits: Tensor, y: Tensor) -> Tensor:
    """The cross-entropy of these columns alone."""
    places = torch.stack([(classes == label).nonzero()[0, 0] for label in y])
    return F.cross_entropy(logits[:, classes], places)


@pytest.mark.parametrize(
    ("among", "logits"), [("batch", "all"), ("batch", "seen"), ("task", "all")]
)
def test_er_ace_in_a_stack_is_er_ace_of_one_network(
    on_digits: Any, among: str, logits: str
) -> None:
    # Of batches of three, some have one class of their task's two.
    bench = on_digits(ERACE(memory=30, among=among), logits=logits, batch_size=3)
    run = follow(bench, 0, 1, tasks=2)
    assert any(len(step.batch.y[0].unique()) == 1 for step in run.steps)
    assert_same_end(run, lambda: by_hand(among, logits), RATE)


def test_a_new_class_does_not_push_old_outputs_down(on_digits: Any) -> None:
    """In the first step of a task with nothing drawn of others, outputs of absent classes have no
    gradient.
    """
    strategy, loop = on_digits(ERACE(memory=30)).start(0)
    loop.task(strategy.session.streams.tasks[0])
    second = strategy.session.streams.tasks[1]
    strategy.session.task = second
    batch = next(second.batches("train", 16))
    strategy.optimizer.zero_grad()
    strategy.current_loss(batch).sum().backward()
    bias = list(strategy.net.parameters())[-1]
    moved = (bias.grad[0] != 0).nonzero().flatten().tolist()
    assert moved == sorted(batch.y[0].unique().tolist())


@pytest.mark.parametrize("setting", ["task", "domain"])
def test_er_ace_learns_in_every_setting(on_digits: Any, setting: str) -> None:
    options = {"setting": setting, "epochs": 2}
    ace, naive = (
        on_digits(strategy, **options).run(0, 1).accuracy[:, -1].mean(1)
        for strategy in (ERACE(memory=200), Naive)
    )
    assert np.isfinite(ace).all()
    assert (ace > naive - 0.02).all()


def test_er_ace_forgets_less_than_naive_with_classes(on_digits: Any) -> None:
    options = {"epochs": 3, "optimizer": {"sgd": {"lr": 0.1}}}
    ace, naive = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (ERACE(memory=200), Naive)
    )
    assert (naive < 0.3).all()
    assert (ace > 0.6).all()


def test_er_ace_composes_with_a_penalty(on_digits: Any) -> None:
    bench = on_digits([ERACE(memory=40), L2Init(strength=0.01)], tasks=2)
    together, alone = bench.run(0, 1), bench.run(1)
    assert np.array_equal(together.accuracy[1], alone.accuracy[0])
    plain = on_digits(ERACE(memory=40), tasks=2).run(1)
    assert not np.array_equal(plain.loss, alone.loss)
