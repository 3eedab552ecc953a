"""Utility-based perturbed gradient descent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor

from clbench import Batch, Strategy, hookimpl, per_member, side_by_side, split_like

SMALLEST = torch.finfo(torch.float32).tiny


class UPGD(Strategy):
    """Utility-based perturbed gradient descent (Elsayed & Mahmood, ICLR 2024), first-order utility.

    Every weight has a utility, by how much the loss would grow without it: U = -g theta to first
    order, as a running mean u <- decay * u + (1 - decay) * U. With s = sigmoid(u / max u), the
    maximum over all weights of a network, the optimiser is given (g + noise * xi) (1 - s), xi
    standard normal, in place of the gradient g: what is of use stands nearly still, what is not is
    perturbed. Meant for plain SGD, whose `weight_decay` makes it UPGD-W. Other optimisers take the
    gated gradient into their moments.

    The bias correction of u is the same for all weights and cancels. Where no utility is above 0, u
    is divided by max |u|, so that the least useful weights are still those that move most.
    """

    paper = (
        "Elsayed & Mahmood 2024, Addressing loss of plasticity and catastrophic"
        " forgetting in continual learning,"
        " https://arxiv.org/abs/2404.00781"
    )
    name = "upgd"
    decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999  # beta, of the running utility
    noise: NonNegativeFloat = 0.001  # sigma, the deviation of what is added to the gradient
    # What a utility is divided by: the largest of all weights, or the norm of its row in its layer.
    scaling: Literal["global", "local"] = "global"
    protect: bool = True  # false: the noise alone is gated, and the gradient stays whole
    # Times the gated gradient: the authors' code takes 2, so that a utility of 0 gets the whole
    # step.
    step: PositiveFloat = 1.0
    # Divide the bias-corrected utility by the maximum of the uncorrected one, as the authors' code
    # does: weights are told apart more sharply for the first 1 / (1 - decay) steps.
    uncorrected_maximum: bool = False

    def setup(self) -> None:
        super().setup()
        sizes = [p[0].numel() for p in self.net.parameters()]
        # Of g theta, which is minus the utility, of all weights side by side.
        self.trace = torch.zeros(self.members, sum(sizes), device=self.device)
        self.age = torch.ones(self.members, device=self.device)  # decay^t

    @torch.no_grad()
    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        self.age.mul_(self.decay)
        # Before the noise is added: the utility is of the true gradient.
        self.trace.lerp_(self._products(), 1.0 - self.decay)
        params = self.net.parameters()
        gates = split_like(gate(self.trace, self._scale()), params)
        for p, gated, xi in zip(params, gates, self._noise(), strict=True):
            if p.grad is not None:
                self._perturb(p.grad, gated, xi)

    def _products(self) -> Tensor:
        """Gradient times weight, 0 of what has no gradient."""
        products, params = torch.empty_like(self.trace), self.net.parameters()
        for p, place in zip(params, split_like(products, params), strict=True):
            if p.grad is None:
                place.zero_()
            else:
                torch.mul(p.grad, p, out=place)
        return products

    def _perturb(self, grad: Tensor, gated: Tensor, xi: Tensor | None) -> None:
        """Write the perturbed gradient over the plain one."""
        if self.protect:
            # (g + noise * xi) (1 - s): noise is gated with the gradient.
            if xi is not None:
                grad.add_(xi)
            grad.mul_(gated)
        elif xi is not None:
            grad.add_(xi.mul_(gated))
        if self.step != 1.0:
            grad.mul_(self.step)

    def _scale(self) -> Tensor:
        """What utilities are divided by, `[R, 1]` or `[R, N]`."""
        if self.scaling == "local":
            return self._norms_of_rows().clamp_(min=SMALLEST)
        # With the sign of the trace: the largest utility is minus its least.
        least, most = self.trace.amin(1, keepdim=True), self.trace.amax(1, keepdim=True)
        scale = torch.where(least < 0.0, -least, most)
        if self.uncorrected_maximum:
            # u / (1 - decay^t) over max u is u over max u (1 - decay^t).
            scale = scale * (1.0 - self.age[:, None])
        # Where all utilities are 0 every gate is sigmoid(0).
        return scale.clamp(min=SMALLEST)

    def _norms_of_rows(self) -> Tensor:
        """`[R, N]`: for each weight the norm of its row's utilities.

        A row is what goes into one unit, or one row of a kernel: the authors normalise along the
        last dimension.
        """
        parts = split_like(self.trace, self.net.parameters())
        norms = [torch.linalg.vector_norm(part, dim=-1, keepdim=True) for part in parts]
        pairs = zip(norms, parts, strict=True)
        return side_by_side(norm.expand_as(part) for norm, part in pairs)

    def _noise(self) -> Sequence[Tensor | None]:
        """What is added to each gradient."""
        params = self.net.parameters()
        if not self.noise:
            return [None] * len(params)
        drawn = self.rng("perturb").fast_normal(self.trace.shape[1])
        return split_like(drawn.mul_(self.noise), params)


def gate(trace: Tensor, scale: Tensor) -> Tensor:
    """1 - sigmoid(u / scale) of the utilities u = -trace, which is sigmoid(trace / scale)."""
    gated: Tensor = per_member(torch.sigmoid, trace / scale)
    return gated


@hookimpl
def clbench_strategies() -> list[type]:
    return [UPGD]
