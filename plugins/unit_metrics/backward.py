"""Gradients of the loss on samples. Nothing is left behind in the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clbench import Probe, Stack, Undefined, beside, weight_gradient

from .features import hidden_layers

Gradients = dict[str, Tensor]


def gradient_sizes(probe: Probe, split: str, samples: int) -> list[Tensor]:
    """`[R, *weight]` of each hidden layer: the sum over samples and positions of |delta| |input|.

    The gradient of the weight is the sum of delta * input; here nothing cancels.
    """
    net = _differentiable(probe.net)
    sites = [layer.weight.rpartition(".")[0] for layer in hidden_layers(probe)]
    # Numbers at first, `[R, *weight]` from the first batch on.
    total: list[Any] = [0.0] * len(sites)
    for batch in probe.data(split, "current", samples):
        logits, taps = net.tap(batch.x)
        if shared := taps.repeated.intersection(sites):
            raise Undefined(f"the network calls {min(shared)} more than once")
        deltas = taps.deltas(probe.losses(logits, batch).sum(), retain_graph=False)
        for k, site in enumerate(sites):
            # The layer's own weight gradient of magnitudes: a sum of |delta| |input|, in which
            # nothing cancels.
            factors = taps.inputs[site].abs(), deltas[site].abs()
            total[k] = total[k] + weight_gradient(net, site, *factors).detach()
    return total


def loss_gradients(probe: Probe, tasks: tuple[int, ...], samples: int) -> Gradients:
    """The gradient of the mean cross-entropy on training samples of these tasks, by parameter."""
    named = probe.net.named_parameters()
    trained = {
        name: value.detach().requires_grad_()
        for name, value in named.items()
        if value.requires_grad
    }
    if not trained:
        raise Undefined("no parameter of the network is trained")
    total, count = [torch.zeros_like(value) for value in trained.values()], 0
    for batch in probe.data("train", tasks, samples):
        logits = probe.net.call({**named, **trained}, batch.x)
        # `[R, B]`, summed over members too: a member's loss has no slope by another's weights.
        loss = probe.losses(logits, batch).sum()
        found = torch.autograd.grad(loss, list(trained.values()), materialize_grads=True)
        total = [before + more for before, more in zip(total, found, strict=True)]
        count = count + batch.weights.sum(1)
    return {name: _divided(value, count) for name, value in zip(trained, total, strict=True)}


def cosine(one: Gradients, other: Gradients) -> Tensor:
    """`[R]`; NaN where one of them is 0."""
    product = _dot(one, other)
    # 0 / 0 where a gradient is 0: NaN, and no number for an angle that is none.
    return product / (_dot(one, one) * _dot(other, other)).sqrt()


def norm(value: Tensor) -> Tensor:
    """`[R, ...]` to `[R]`, in float64."""
    rows = value.detach().flatten(1)
    found: Tensor = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64)
    return found


def _differentiable(net: Stack) -> Stack:
    """The network, or a copy in which no layer is frozen: deltas reach the first layer of it."""
    if all(value.requires_grad for value in net.parameters()):
        return net
    return net.spawn().requires_grad_()


def _dot(one: Gradients, other: Gradients) -> Tensor:
    parts = [(one[name].double() * other[name].double()).flatten(1).sum(1) for name in one]
    return torch.stack(parts, dim=1).sum(1)


def _divided(value: Tensor, count: Any) -> Tensor:
    return value / beside(torch.as_tensor(count), value)
