"""Penalties on weights: decay in the loss, a pull to the initial or to the last task's weights."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import NonNegativeFloat
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from clbench import Strategy, Task, hookimpl

from .distance import Kind, distance

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


def norm_parameters(module: nn.Module) -> frozenset[str]:
    """The names of the parameters that belong to normalisation layers."""
    norms = [path for path, child in module.named_modules() if isinstance(child, NORMS)]
    names = [name for name, _ in module.named_parameters()]
    return frozenset(name for name in names if name.rpartition(".")[0] in norms)


class L2(Strategy):
    """Weight decay in the loss: loss + strength/2 * sum theta^2.

    With plain SGD it is the optimiser's `weight_decay` of the same value. With Adam, too, where the
    decay is part of the gradient; `adamw` decays apart from the gradient, and so differs.
    """

    name = "l2"
    strength: NonNegativeFloat = 1e-4  # lambda
    biases: bool = True  # pull biases too
    norms: bool = True  # pull the weights and biases of normalisation layers too

    def setup(self) -> None:
        super().setup()
        norms = norm_parameters(self.net.module)
        self.chosen = [name for name in self.net.named_parameters() if self._is_pulled(name, norms)]

    def _is_pulled(self, name: str, norms: frozenset[str]) -> bool:
        if name in norms:
            return self.norms
        return self.biases or name.rpartition(".")[2] != "bias"

    def penalty(self) -> Tensor:
        named = self.net.named_parameters()
        params = [named[name] for name in self.chosen if named[name].requires_grad]
        if not params:
            return super().penalty()
        # `distance` has the half: strength/2 * sum theta^2.
        return super().penalty() + self.strength * distance("l2", params, None)


class L2Init(Strategy):
    """L2 Init, a pull towards the initial weights: loss + strength/2 * sum (theta - theta_0)^2.

    Regenerative regularisation (Kumar, Marklund & Van Roy 2023). theta_0 are the weights that the
    network began with, and stay so where a head is reset or weights are redrawn later on; with
    `resample` they are drawn anew from the initial distribution at every step. Parameters of
    normalisation layers are left out. With `distance: l1` the term is strength * sum |theta -
    theta_0|, with `huber` strength * sum huber(theta - theta_0), quadratic up to a distance of 1.
    """

    paper = (
        "Kumar et al. 2023, Maintaining plasticity in continual learning via"
        " regenerative regularization,"
        " https://arxiv.org/abs/2308.11958"
    )
    name = "l2_init"
    strength: NonNegativeFloat = 1e-3  # lambda
    distance: Kind = "l2"  # how the distance is measured
    # Adds this times sum |theta - theta_0|: with `distance: l2` the paper's combination of both.
    l1_strength: NonNegativeFloat = 0.0
    resample: bool = False  # draw the weights to pull to anew at every step

    def setup(self) -> None:
        super().setup()
        norms = norm_parameters(self.net.module)
        named = self.net.named_parameters()
        self.chosen = [name for name in named if name not in norms]
        if self.resample:
            self.net.initial_distributions(self.chosen)  # an error that comes now, or never
        else:
            self.initial = {name: named[name].detach().clone() for name in self.chosen}

    def penalty(self) -> Tensor:
        named = self.net.named_parameters()
        chosen = [name for name in self.chosen if named[name].requires_grad]
        total = super().penalty()
        if not chosen:
            return total
        held = self._anchors(chosen)
        params = [named[name] for name in chosen]
        anchors = [held[name] for name in chosen]
        total = total + self.strength * distance(self.distance, params, anchors)
        if self.l1_strength:
            total = total + self.l1_strength * distance("l1", params, anchors)
        return total

    def _anchors(self, names: Sequence[str]) -> dict[str, Tensor]:
        """The weights to pull to."""
        return self.net.fresh(names, self.rng("initial")) if self.resample else self.initial


class L2Last(Strategy):
    """A pull towards the last task's weights: loss + strength * sum (theta - theta*)^2.

    theta* are the weights at the end of the last task, one set that each task replaces; all trained
    parameters are pulled alike. It is the "L2" of Hsu et al. (2018), and what the code of Kumar et
    al. (2023) does under the name of EWC, without Fisher information (`ewc+l2_init` there is
    `l2_last+l2_init` here).
    """

    name = "l2_last"
    strength: NonNegativeFloat = 1.0  # lambda, without the half that `l2` and `l2_init` have

    def setup(self) -> None:
        super().setup()
        self.anchor: list[Tensor] = []  # theta*, from the end of the first task on

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.anchor:
            return total
        pairs = zip(self.net.parameters(), self.anchor, strict=True)
        pulled = [(p, anchor) for p, anchor in pairs if p.requires_grad]
        if not pulled:
            return total
        params, anchors = zip(*pulled, strict=True)
        # Twice, to undo the half that `distance` has.
        return total + 2.0 * self.strength * distance("l2", params, anchors)

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        # All parameters, in the network's order: `penalty` picks by it.
        self.anchor = [p.detach().clone() for p in self.net.parameters()]


@hookimpl
def clbench_strategies() -> list[type]:
    return [L2, L2Init, L2Last]
