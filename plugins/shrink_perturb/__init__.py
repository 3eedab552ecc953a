"""Shrink and perturb: weights that are drawn towards zero and shaken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from clbench import Batch, Strategy, Task, hookimpl, split_like


class ShrinkPerturb(Strategy):
    """Shrink and perturb: theta <- (1 - shrink) theta + noise * p, with a fresh p for every entry.

    With `when: step` after every update (p normal: Dohare et al., Nature 632, 2024; p initial:
    Kumar et al. 2023); with `when: task` before every task but the first (Ash & Adams 2020, whose
    lambda is 1 - shrink). All trainable weights and biases take part, also those of outputs that
    otherwise stand still.

    Dohare's values name a weight decay w of SGD at the rate lr: that is shrink = lr * w, or
    `shrink: 0` beside the optimiser's own `weight_decay: w`, which momentum then carries on as it
    does there.
    """

    paper = (
        "Ash & Adams 2020, On warm-starting neural network training,"
        " https://arxiv.org/abs/1910.08475"
    )
    name = "shrink_perturb"
    when: Literal["step", "task"] = "step"  # after every update, or before every later task
    # The share of each weight that is taken off.
    shrink: Annotated[float, Field(ge=0.0, le=1.0)] = 1e-6
    noise: NonNegativeFloat = 1e-5  # how much of p is added
    # What p is: standard normal numbers, or weights of an untrained network.
    perturbation: Literal["normal", "initial"] = "normal"

    def setup(self) -> None:
        super().setup()
        if self.perturbation == "initial":
            self.net.initial_distributions(self._trainable())  # an error that comes now, or never

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if self.when == "task" and task.index:
            self.shrink_and_perturb()

    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        if self.when == "step":
            self.shrink_and_perturb()

    @torch.no_grad()
    def shrink_and_perturb(self) -> None:
        """Move all weights once."""
        params = self._trainable()
        # Shrunk before it is shaken: the noise that is added is not shrunk in the same step.
        if self.shrink:
            for p in params.values():
                p.mul_(1.0 - self.shrink)
        if self.noise:
            self._perturb(params)

    def _perturb(self, params: Mapping[str, Tensor]) -> None:
        for name, drawn in self._perturbation(params).items():
            # Not add_(..., alpha=): it may round the last few numbers of a tensor differently.
            params[name].add_(drawn.mul_(self.noise))

    def _trainable(self) -> dict[str, Tensor]:
        return {name: p for name, p in self.net.named_parameters().items() if p.requires_grad}

    def _perturbation(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A fresh p for each of these."""
        stream = self.rng("perturb")
        if self.perturbation == "initial":
            return self.net.fresh(params, stream)
        tensors = list(params.values())
        # One draw for all: many small ones cost more.
        drawn = stream.fast_normal(sum(p[0].numel() for p in tensors))
        return dict(zip(params, split_like(drawn, tensors), strict=True))


@hookimpl
def clbench_strategies() -> list[type]:
    return [ShrinkPerturb]
