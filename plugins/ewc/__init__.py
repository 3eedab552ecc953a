"""Elastic weight consolidation, offline and online."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Strategy, Task, beside, hookimpl, squared_gradients


class FisherStrategy(Strategy):
    """A strategy that measures the diagonal Fisher information at the end of a task."""

    # Labels: all by p(y|x), one drawn, the likeliest, the given.
    fisher: Literal["exact", "sampled", "predicted", "true"] = "exact"
    samples: PositiveInt | None = 1024  # samples a task; none for all of them

    def measure_fisher(self, task: Task) -> list[Tensor]:
        """F_i = E_x E_y (d log p(y|x) / d theta_i)^2, per single example, in evaluation mode
        (Kirkpatrick et al. 2017).
        """
        total = [torch.zeros_like(p, requires_grad=False) for p in self.net.parameters()]
        count = torch.zeros(self.members, device=self.device)
        with self.net.evaluation():
            for batch in task.batches("train", 128, self.samples):
                functions, weights = self._functions(batch)
                # sum_x sum_y w (d log p(y|x) / d theta)^2, w being p(y|x) or 1.
                counted = weights * batch.weights[..., None]
                found = squared_gradients(self.net, batch.x, functions, counted)
                for sum_, squares in zip(total, found, strict=True):
                    sum_ += squares
                count += batch.weights.sum(1)
        # E_x: the mean over the samples that count, `[R]` beside `[R, ...]`.
        return [value / beside(count, value) for value in total]

    def _functions(self, batch: Batch) -> tuple[Callable[[Tensor], Tensor], Tensor]:
        """What is derived, from logits to `[R, B, K]`, and how much each counts: log p of every
        label, or of one label a sample.
        """

        def log_p(logits: Tensor) -> Tensor:
            return self.masked(logits, batch.tasks).log_softmax(2)

        with torch.no_grad():
            p = log_p(self.net(batch.x)).exp()
            if self.fisher == "exact":
                # The expectation over y in full: K = C functions, weighted by p.
                return log_p, p
            label = self._label(p, batch.y)[..., None]
        return lambda logits: log_p(logits).gather(2, label), torch.ones_like(p[..., :1])

    def _label(self, p: Tensor, y: Tensor) -> Tensor:
        """`[R, B]`: the one label of each sample."""
        if self.fisher == "sampled":
            return drawn_from(p, self.rng("labels").uniform(p.shape[1], 1))
        return y if self.fisher == "true" else p.argmax(2)

    def distance(self, fisher: list[Tensor], anchor: list[Tensor]) -> Tensor:
        """`[R]`: sum over parameters of F (theta - theta*)^2."""
        parts = [
            (f * (p - a).square()).flatten(1).sum(1)
            for f, p, a in zip(fisher, self.net.parameters(), anchor, strict=True)
        ]
        return torch.stack(parts).sum(0)


def drawn_from(p: Tensor, uniform: Tensor) -> Tensor:
    """`[R, B]`: a label by its probability `p [R, B, C]`, from numbers `[R, B, 1]` in [0, 1)."""
    # Inverse transform: how many cumulative sums lie below u; the last one may be rounded below 1.
    return (uniform > p.cumsum(2)).sum(2).clamp(max=p.shape[2] - 1)


class EWC(FisherStrategy):
    """Elastic weight consolidation (Kirkpatrick et al. 2017): loss + strength/2 * sum over old
    tasks j of F_j (theta - theta*_j)^2.

    A sum of parabolas is one parabola: F = sum_j F_j about their weighted mean c = sum_j F_j
    theta*_j / F, and a constant. So a step costs the same after a hundred tasks as after one.
    """

    paper = (
        "Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks,"
        " https://arxiv.org/abs/1612.00796"
    )
    name = "ewc"
    strength: NonNegativeFloat = 100.0  # lambda

    def setup(self) -> None:
        super().setup()
        self.fisher_sum: list[Tensor] = []
        self.centre: list[Tensor] = []
        self.constant = torch.zeros(self.members, device=self.device)

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.centre:
            return total
        # lambda / 2 (sum F (theta - c)^2 + constant).
        distance = self.distance(self.fisher_sum, self.centre)
        return total + 0.5 * self.strength * (distance + self.constant)

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        fresh = self.measure_fisher(task)
        anchor = [p.detach().clone() for p in self.net.parameters()]
        if self.centre:
            self._join(fresh, anchor)
        else:
            self.fisher_sum, self.centre = fresh, anchor

    @torch.no_grad()
    def _join(self, fresh: list[Tensor], anchor: list[Tensor]) -> None:
        """One parabola of the old one and that of a task, f about p.

        With share = f / (F + f): F (theta - c)^2 + f (theta - p)^2 = (F + f) (theta - c - share (p
        - c))^2 + F share (p - c)^2.
        """
        pairs = list(zip(self.fisher_sum, fresh, strict=True))
        shares = [_share(old, new) for old, new in pairs]
        apart = [f * share for f, share in zip(self.fisher_sum, shares, strict=True)]
        self.constant = self.constant + self.distance(apart, self.centre)
        # `lerp` gives p itself where the share is 1. In c + (p - c) the last bit may differ, and a
        # gradient of one bit is a full step for Adam: the outputs of a finished task, which are to
        # stand still, would move on.
        triples = zip(self.centre, anchor, shares, strict=True)
        self.centre = [torch.lerp(c, p, share) for c, p, share in triples]
        self.fisher_sum = [old + new for old, new in pairs]


def _share(old: Tensor, new: Tensor) -> Tensor:
    """How much of the information is new: all of it, to the last bit, if there was none before."""
    return torch.where(old == 0, 1.0, new / (old + new))


class OnlineEWC(FisherStrategy):
    """Online EWC (Schwarz et al. 2018): loss + strength/2 * decay * F (theta - theta*)^2; after a
    task F <- decay * F + F_task.
    """

    paper = (
        "Schwarz et al. 2018, Progress & compress: a scalable framework for continual learning,"
        " https://arxiv.org/abs/1805.06370"
    )
    name = "online_ewc"
    strength: NonNegativeFloat = 100.0  # lambda
    decay: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0  # gamma

    def setup(self) -> None:
        super().setup()
        self.fisher_sum: list[Tensor] = []
        self.anchor: list[Tensor] = []

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.anchor:
            return total
        # gamma F: the old information counts less with every task (Schwarz et al. 2018).
        distance = self.distance(self.fisher_sum, self.anchor)
        return total + 0.5 * self.strength * self.decay * distance

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        fresh = self.measure_fisher(task)
        if self.fisher_sum:
            # F* = gamma F* + F_task.
            pairs = zip(self.fisher_sum, fresh, strict=True)
            fresh = [self.decay * old + new for old, new in pairs]
        self.fisher_sum = fresh
        self.anchor = [p.detach().clone() for p in self.net.parameters()]


@hookimpl
def clbench_strategies() -> list[type]:
    return [EWC, OnlineEWC]
