"""Continual back-propagation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from clbench import (
    Batch,
    Layer,
    Strategy,
    Task,
    expect_restarts,
    hookimpl,
    layers_to_restart,
    restart_units,
)

from . import measures
from .schedule import Counts, Schedule

Utility = Literal[
    "contribution",
    "zero_contribution",
    "adaptable_contribution",
    "weight",
    "adaptation",
    "random",
    "accumulated_contribution",
]
LARGEST = torch.finfo(torch.float32).max


class CBP(Strategy):
    """Continual back-propagation: hidden units of least utility start anew, a few at a time (Dohare
    et al. 2024).

    After each step the utility of every hidden unit moves towards what the unit is worth now. Of
    the units that are older than `maturity` steps a share of `replacement_rate`, those of least
    utility, get fresh weights in, weights out of 0, and a fresh state of the optimiser. When that
    happens depends on counts alone, so the steps between can be replayed from a device graph.
    """

    paper = (
        "Dohare et al. 2024, Loss of plasticity in deep continual learning,"
        " https://doi.org/10.1038/s41586-024-07711-7"
    )
    name = "cbp"
    wiring = Strategy.wiring | {"layers", "spans"}

    # The share of a layer's eligible units that is replaced a step.
    replacement_rate: Annotated[float, Field(ge=0, le=1)] = 1e-4
    maturity: NonNegativeInt = 100  # steps for which a new unit is left alone
    # Of the running means of utility and activation.
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    # What a unit is worth, with |w| the mean size of weights, h its activation and f its mean:
    # `contribution` is |w out| mean|h|, `zero_contribution` |w out| mean|h - f|,
    # `adaptable_contribution` the same divided by |w in|, `weight` |w out|, `adaptation` 1 / |w
    # in|. `accumulated_contribution` is the published residual code's: the |w out| of the step in
    # which units are replaced, times a sum of mean|h| that neither decays nor is ever forgotten.
    utility: Utility = "adaptable_contribution"
    # Shares of a unit are added up over steps; otherwise a share is the probability that a unit is
    # replaced.
    accumulate: bool = True
    # `mean`: the next layer's bias takes over what a replaced unit gave on average. `none`: it does
    # not, as in the published convolutional code. `zeroed`: as in the published dense code, which
    # forgets the mean before it reads it, so that nothing is taken over either.
    bias_correction: Literal["mean", "none", "zeroed"] = "mean"
    # Weights in of new units: from the model's own initial distribution, from Kaiming's uniform or
    # normal one, or from that of torch's layers (`default`). The published residual code takes
    # `kaiming_normal`.
    initial: Literal["model", "kaiming", "kaiming_normal", "default"] = "model"
    # False leaves the optimiser's entries of replaced units as they are, as the published code does
    # with SGD.
    reset_optimizer: bool = True
    # True leaves the momentum of the weights in, as the published convolutional code does with
    # Adam. Their first gradients are 0, and so is what Adam divides that momentum by: the weights
    # jump far away.
    keep_first_moment: bool = False
    # All units of a layer count as soon as one is eligible, as in the published convolutional code.
    count_all: bool = False

    def setup(self) -> None:
        super().setup()
        self.layers = layers_to_restart(self.net, self.name)
        self.net.keep_hidden = True
        named = self.net.named_parameters()
        units = [named[layer.weight].shape[1] for layer in self.layers]
        # All hidden units, [R, units], a layer behind the other.
        # Ends of the layers in `[R, units]`: 0, n1, n1 + n2, ...
        self.spans = [slice(*ends) for ends in pairwise(accumulate(units, initial=0))]
        shape = self.members, sum(units)
        self.mean = torch.zeros(shape, device=self.device)
        self.worth = torch.zeros_like(self.mean)
        # 1 - decay^age of each unit, moved on with every step: a power would have other bits in a
        # stack.
        self.grown = torch.zeros_like(self.mean)
        self.born = torch.zeros_like(self.mean, dtype=torch.int64)
        self.schedule = Schedule(
            self.net.seeds,
            units,
            rate=self.replacement_rate,
            maturity=self.maturity,
            accumulate=self.accumulate,
            count_all=self.count_all,
        )

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if self.reset_optimizer:
            expect_restarts(self.net, self.optimizer)

    def eager_step(self) -> bool:
        return super().eager_step() or self._is_due()

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        self._measure(batch)
        if self._is_due():
            self._replace(self.steps_taken + 1)

    def _is_due(self) -> bool:
        """Whether units are replaced in this step.

        Known on the host from counts alone, so the question costs no wait.
        """
        return bool(self.schedule.due(self.steps_taken + 1).any())

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        replaced = torch.from_numpy(self.schedule.arrays["replaced"].copy())
        self.log("replaced_units", replaced)  # of each layer, so far
        self.cost("replaced_units", replaced.sum(1))

    # ------------------------------------------------------------------ what units are worth

    def _measure(self, batch: Batch) -> None:
        """Move the running means of activation and worth on by a step."""
        share = 1 - self.decay
        # g = 1 - decay^age: what a running mean that began at 0 is divided by.
        self.grown.mul_(self.decay).add_(share)
        if self.utility == "random":
            self.worth.copy_(self.rng("utility").uniform(self.worth.shape[1]))
        hidden = self._hidden(batch)
        if self._needs_means():
            means = [measures.mean(h) for h in hidden]
            # f = decay f + (1 - decay) mean h.
            self.mean.lerp_(self._joined(means), share)
        if self.utility == "accumulated_contribution":
            self.worth.add_(self._joined([measures.mean_size(h) for h in hidden]), alpha=share)
        elif self.utility != "random":
            # u = decay u + (1 - decay) u_now; divided by g where units are ranked.
            self.worth.lerp_(self._all_worth_now(hidden), share)

    def _all_worth_now(self, hidden: Sequence[Tensor]) -> Tensor:
        """`[R, units]`, of all layers."""
        # f-hat: corrected for its start at 0, as Adam's moments are.
        center = self.mean / self.grown
        layers = zip(self.layers, hidden, self.spans, strict=True)
        now = [self._worth_now(layer, h, center[:, span]) for layer, h, span in layers]
        return torch.cat(now, dim=1)

    def _hidden(self, batch: Batch) -> list[Tensor]:
        """The layers' activations for the rows of the batch, without those a replay joined."""
        hidden = self.net.hidden
        return [measures.by_column(layer, hidden[layer.name], batch.size) for layer in self.layers]

    def _needs_means(self) -> bool:
        centered = self.utility in ("zero_contribution", "adaptable_contribution")
        return centered or self.bias_correction == "mean"

    def _joined(self, by_column: Sequence[Tensor]) -> Tensor:
        """The values of every layer's columns as one value a unit, `[R, units]`."""
        pairs = zip(self.layers, by_column, strict=True)
        return torch.cat([measures.by_unit(layer, values) for layer, values in pairs], dim=1)

    def _worth_now(self, layer: Layer, h: Tensor, center: Tensor) -> Tensor:
        """`[R, units]`: what a layer's units are worth in this step."""
        named = self.net.named_parameters()
        if self.utility == "adaptation":
            return measures.size_in(named[layer.weight]).reciprocal_()
        size_out = measures.size_out(named[layer.out_weight])
        if self.utility == "weight":
            return measures.by_unit(layer, size_out)
        # |w out| mean |h|, averaged over the columns that the unit owns.
        if self.utility == "contribution":
            return measures.by_unit(layer, size_out * measures.mean_size(h))
        distance = measures.mean_distance(h, measures.to_columns(layer, center))
        given = measures.by_unit(layer, size_out * distance)
        if self.utility == "zero_contribution":
            return given
        # A unit with large weights in adapts slowly: worth less.
        return given / measures.size_in(named[layer.weight])

    def _scores(self) -> Tensor:
        """`[R, units]`: those of the lowest are replaced."""
        if self.utility == "random":
            return self.worth
        if self.utility == "accumulated_contribution":
            return self._sizes_out() * self.worth
        return self.worth / self.grown

    def _sizes_out(self) -> Tensor:
        """`[R, units]`: the mean size of the weights out of each unit."""
        named = self.net.named_parameters()
        return self._joined([measures.size_out(named[one.out_weight]) for one in self.layers])

    # ------------------------------------------------------------------ replacement

    def _replace(self, step: Counts) -> None:
        """Replace what is due in this step `[R]`: units of all layers are chosen beforehand."""
        counts = self.schedule.settle(step)
        # `[R, 1]`: the step of each member.
        steps = torch.from_numpy(step).to(self.device)[:, None]
        # Before any layer changes: weights out of one are weights in of the next.
        chosen = self._lowest(steps, torch.from_numpy(counts).to(self.device))
        means = self.mean / self.grown if self.bias_correction == "mean" else None
        for number, (layer, span) in enumerate(zip(self.layers, self.spans, strict=True)):
            if counts[:, number].any():
                restart_units(
                    self.net,
                    layer,
                    chosen[:, span],
                    optimizer=self.optimizer if self.reset_optimizer else None,
                    initial=self.initial,
                    zero_bias=True,
                    mean=None if means is None else means[:, span],
                    keep_first_moment=self.keep_first_moment,
                )
        self._forget(chosen, steps)

    def _forget(self, chosen: Tensor, steps: Tensor) -> None:
        """These units are new ones."""
        # A new unit's age counts from here.
        self.born.copy_(torch.where(chosen, steps, self.born))
        self.mean.masked_fill_(chosen, 0.0)
        # The means of a new unit begin anew, with g = 0.
        self.grown.masked_fill_(chosen, 0.0)
        if self.utility != "accumulated_contribution":
            self.worth.masked_fill_(chosen, 0.0)

    def _lowest(self, steps: Tensor, counts: Tensor) -> Tensor:
        """`[R, units]`: so many eligible units of lowest score in each layer, first of equals."""
        # Older than the maturity threshold.
        eligible = steps - self.born > self.maturity
        # Diverged scores are never the lowest, and yet below inf, which is for who is not eligible.
        finite = self._scores().nan_to_num(nan=LARGEST, posinf=LARGEST)
        scores = torch.where(eligible, finite, torch.inf)
        chosen = []
        for number, span in enumerate(self.spans):
            # The argsort of an argsort is each unit's rank; stable, so that of equals the first
            # goes.
            rank = scores[:, span].argsort(dim=1, stable=True).argsort(dim=1)
            chosen.append(rank < counts[:, number : number + 1])
        return torch.cat(chosen, dim=1) & eligible


@hookimpl
def clbench_strategies() -> list[type]:
    return [CBP]
