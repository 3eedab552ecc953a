"""A Hebbian update of one block: of one member (`learn`), and of all, as other parts see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clbench import Stack, beside

from . import rule
from .blocks import HebbianBlock

Found = dict[str, Tensor]


@dataclass(frozen=True)
class Rule:
    """How a block learns: what its model says, and where the strategy says otherwise, that."""

    temperature: float
    rate: float
    exponent: float
    competition: rule.Competition
    rank: int
    factor: float
    adaptive: bool  # a rate that follows the norm


class HebbianStep:
    """The update of one block that is about to be made, of all members.

    It exists from before `adjust_gradients` until the rates have been applied. The weight's `grad`
    is minus `delta`, as if the rule descended.
    """

    def __init__(
        self, name: str, product: str, net: Stack, found: Found, bias_rate: float = 0.0
    ) -> None:
        self.name = name
        self.weight = f"{product}.weight"
        """The parameter's name."""
        self.rate = found["rate"].contiguous()
        """`[R, K]`: what each unit's change is multiplied by."""
        self.u = found.get("u")
        """`[R, B, K, ...]`, the pre-activations, where somebody set `keep_u`."""
        self._bias_rate = bias_rate  # of a bias, beside the unit's
        named = net.named_parameters()
        self._changes = [(named[self.weight], found["gradient"])]
        if "bias_gradient" in found:
            self._changes.append((named[f"{product}.bias"], found["bias_gradient"]))

    def begin(self) -> None:
        """Put the changes where gradients are."""
        for parameter, gradient in self._changes:
            parameter.grad = gradient

    @property
    def delta(self) -> Tensor:
        """`[R, K, ...]`: the change of the weights before the rate; the layer's largest is 1."""
        grad = self._changes[0][0].grad
        assert grad is not None, "the step is over"
        return -grad

    def modulate(self, multiplier: Tensor) -> None:
        """Multiply the rates by `[R, K]`."""
        self.rate.mul_(multiplier)

    @torch.no_grad()
    def finish(self) -> None:
        """Move the parameters by the rates, and forget the changes."""
        for parameter, _ in self._changes:
            if parameter.grad is not None:  # else somebody wants it to stand still
                self._move(parameter, parameter.grad)
                parameter.grad = None

    def _move(self, parameter: Tensor, grad: Tensor) -> None:
        if parameter.dim() == 2:  # a bias
            grad = grad * self._bias_rate
        parameter.sub_(grad.mul_(beside(self.rate, parameter)))


def learn(
    net: Stack, params: Mapping[str, Tensor], name: str, x: Tensor, how: Rule, left: Tensor
) -> tuple[Found, Tensor]:
    """What the block `body.{name}` of one member learns from `x`, and its pre-activations.

    Only inside `net.map`. What is found: `gradient` in the weight's shape, `rate [K]`, of which
    `left []` is left by a decay, and, where the block has a bias, `bias_gradient`. The
    pre-activations are `[B, K, ...]`.
    """
    block = net.module.get_submodule(f"body.{name}")
    assert isinstance(block, HebbianBlock)
    product = f"body.{name}.{block.product}"
    weight, bias = params[f"{product}.weight"], params.get(f"{product}.bias")
    rows = weight.flatten(1)
    x = run(net, params, name, "flatten", run(net, params, name, "norm", x))
    given = run(net, params, name, "pad", x.transpose(0, 1))
    inputs = rule.patches(given, block.spec.kernel) if block.spec.kernel else given
    u = inputs.t() @ rows.t()
    u = run(net, params, name, "pre", u if bias is None else u + bias)
    y = rule.compete(u, how.temperature, how.competition, how.rank, how.factor)
    change = rule.gradient(rows, inputs, u, y)
    found = {"gradient": change.view_as(weight), "rate": _rate(rows, how, left)}
    if bias is not None:
        found["bias_gradient"] = _bias_gradient(bias, u, how.temperature)
    return found, u.view(x.shape[0], *x.shape[2:], -1).movedim(-1, 1)


def _bias_gradient(bias: Tensor, u: Tensor, temperature: float) -> Tensor:
    share = (u * temperature).softmax(1)
    return rule.bias_gradient(bias, share, temperature)


def labels_win(
    params: Mapping[str, Tensor], x: Tensor, y: Tensor, left: Tensor, *, rate: float
) -> Found:
    """What the head of one member learns from features `x [B, n]`, of which `y [B]` are the labels.

    Supervised: in place of the soft winner y_i of the unsupervised rule stands the label. `u` are
    the head's outputs.
    """
    weight = params["head.weight"]
    u = x @ weight.t()
    winner = torch.zeros_like(u).scatter(1, y[:, None], 1.0)
    change = rule.gradient(weight, x.t(), u, winner)
    return {"gradient": change, "rate": (left * rate).expand(len(weight)), "u": u}


def _rate(rows: Tensor, how: Rule, left: Tensor) -> Tensor:
    """`[K]`: one a unit, by its norm where the rule says so."""
    if how.adaptive:
        return left * rule.adaptive_rate(rows, how.rate, how.exponent)
    return (left * how.rate).expand(len(rows))


def output(net: Stack, params: Mapping[str, Tensor], name: str, u: Tensor) -> Tensor:
    """What a block of one member gives out, from its pre-activations."""
    return run(net, params, name, "pool", run(net, params, name, "act", u))


def run(net: Stack, params: Mapping[str, Tensor], name: str, part: str, x: Tensor) -> Tensor:
    """A part of a block of one member, where the block has it."""
    has = part in net.module.get_submodule(f"body.{name}")._modules
    return net.one(params, x, part=f"body.{name}.{part}") if has else x
