from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Batch
from clbench_plugins.naive import Naive
from clbench_plugins.shrink_perturb import ShrinkPerturb

WIDE = {"mlp": {"hidden": [300]}}  # 22,510 parameters


class Still(ShrinkPerturb):
    """Data say nothing: what moves the weights is what is shown here. Keeps them after each
    step.
    """

    seen: ClassVar[list[Tensor]] = []

    def task_loss(self, batch: Batch) -> Tensor:
        return 0.0 * super().task_loss(batch)

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self.seen.append(flat(self))


def flat(strategy: Any) -> Tensor:
    rows = [p.detach().flatten(1) for p in strategy.net.parameters()]
    return torch.cat(rows, dim=1).double()


def moved(on_digits: Any, steps: int, **options: Any) -> list[Tensor]:
    """The weights of three members before training and after each step."""
    Still.seen.clear()
    strategy, loop = on_digits(Still(**options), model=WIDE, steps=steps).start(0, 1, 2)
    start = flat(strategy)
    loop.task(strategy.session.streams.tasks[0])
    return [start, *Still.seen]


def test_weights_shrink_by_a_share_at_every_step(on_digits: Any) -> None:
    start, *after = moved(on_digits, 3, shrink=0.25, noise=0.0)
    assert len(after) == 3
    for step, weights in enumerate(after, start=1):
        torch.testing.assert_close(weights, 0.75**step * start, rtol=1e-6, atol=1e-9)


def test_the_noise_has_its_deviation_and_is_independent(on_digits: Any) -> None:
    """Of members, of steps, and of the entries of one network."""
    weights = moved(on_digits, 4, shrink=0.0, noise=0.01)
    drawn = torch.cat([new - old for old, new in itertools.pairwise(weights)])
    assert drawn.shape == (12, 22_510)
    error = 22_510**-0.5
    torch.testing.assert_close(
        drawn.std(dim=1), torch.full((12,), 0.01).double(), rtol=0.03, atol=0
    )
    assert drawn.mean(dim=1).abs().max() < 5 * 0.01 * error
    assert (torch.corrcoef(drawn) - torch.eye(12)).abs().max() < 5 * error
    neighbours = torch.stack([drawn[:, :-1].flatten(), drawn[:, 1:].flatten()])
    assert torch.corrcoef(neighbours)[0, 1].abs() < 0.01


def test_shrinking_comes_before_the_noise(on_digits: Any) -> None:
    """theta <- (1 - shrink) theta + noise: with all taken off, the noise is left, and does not
    grow.
    """
    _, first, second = moved(on_digits, 2, shrink=1.0, noise=0.5)
    for weights in (first, second):
        assert float(weights.std()) == pytest.approx(0.5, rel=0.02)
    assert not torch.equal(first, second)


def test_fresh_weights_are_added_as_a_share(on_digits: Any) -> None:
    """An untrained network in the place of this one: its bounds, and new numbers at every step."""
    options = {"shrink": 1.0, "noise": 0.5, "perturbation": "initial"}
    _, first, second = moved(on_digits, 2, **options)
    inner, bound = slice(0, 64 * 300), 0.5 * 64**-0.5
    for weights in (first, second):
        assert 0.99 * bound < weights[:, inner].abs().max() <= bound * (1 + 1e-6)
        assert float(weights[:, inner].std()) == pytest.approx(bound / 3**0.5, rel=0.02)
    assert torch.corrcoef(torch.cat([first, second])).fill_diagonal_(0).abs().max() < 0.05


class Begun(ShrinkPerturb):
    """Keeps the weights at both ends of every task."""

    ends: ClassVar[list[Tensor]] = []

    def begin_task(self, task: Any) -> None:
        self.ends.append(flat(self))
        super().begin_task(task)
        self.ends.append(flat(self))


def test_once_a_task_is_before_every_later_task(on_digits: Any) -> None:
    Begun.ends.clear()
    bench = on_digits(Begun(when="task", shrink=0.5, noise=0.02), model=WIDE, tasks=3)
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    (first, unmoved), *later = zip(Begun.ends[::2], Begun.ends[1::2], strict=True)
    assert torch.equal(first, unmoved)
    assert len(later) == 2
    for before, after in later:
        drawn = after - 0.5 * before
        assert float(drawn.std()) == pytest.approx(0.02, rel=0.03)
        assert (torch.corrcoef(drawn)[0, 1]).abs() < 0.03


def test_the_first_task_is_naives_where_it_acts_once_a_task(on_digits: Any) -> None:
    plain, mine = (
        on_digits(one, tasks=2).run(0, 1)
        for one in (Naive, ShrinkPerturb(when="task", shrink=0.6, noise=0.1))
    )
    np.testing.assert_array_equal(plain.accuracy[:, :2], mine.accuracy[:, :2])
    np.testing.assert_array_equal(plain.loss[:, 0], mine.loss[:, 0])
    assert not np.array_equal(plain.loss[:, 1], mine.loss[:, 1])


def test_without_shrinking_and_noise_it_is_naive(on_digits: Any) -> None:
    plain, mine = (
        on_digits(one, tasks=2).run(0, 1) for one in (Naive, ShrinkPerturb(shrink=0.0, noise=0.0))
    )
    np.testing.assert_array_equal(plain.loss, mine.loss)


def test_frozen_weights_stand_still(on_digits: Any) -> None:
    strategy, _ = on_digits(ShrinkPerturb(shrink=0.5, noise=0.1)).start(0)
    frozen = strategy.net.named_parameters()["linear1.weight"].requires_grad_(False)
    before = frozen.clone()
    strategy.shrink_and_perturb()
    assert torch.equal(frozen, before)
