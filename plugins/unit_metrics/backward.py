"""Gradients of the loss on samples, for metrics: of copies that share the weights, so that nothing is left in the network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clbench import Probe, absolute_gradients

Gradients = dict[str, Tensor]


def gradient_sizes(probe: Probe, split: str, samples: int) -> Gradients:
    """The sum over samples of |d loss / d p| of every parameter, by its name."""
    total: dict[str, Any] = dict.fromkeys(probe.net.named_parameters(), 0.0)
    for batch in probe.data(split, "current", samples):
        counted = batch.weights.to(batch.x.dtype)[..., None]

        def losses(logits: Tensor, batch: Any = batch) -> Tensor:
            return probe.losses(logits, batch)[..., None]

        sizes = absolute_gradients(probe.net, batch.x, losses, counted)
        total = {name: total[name] + size for name, size in zip(total, sizes, strict=True)}
    return {name: size.detach() for name, size in total.items()}


def loss_gradients(probe: Probe, tasks: tuple[int, ...], samples: int) -> Gradients:
    """The gradient of the mean cross-entropy on training samples of these tasks, of every parameter that is trained."""
    named = probe.net.named_parameters()
    trained = {
        name: value.detach().requires_grad_()
        for name, value in named.items()
        if value.requires_grad
    }
    total, count = [torch.zeros_like(value) for value in trained.values()], 0
    for batch in probe.data("train", tasks, samples):
        logits = probe.net.call({**named, **trained}, batch.x)
        loss = probe.losses(logits, batch).sum()
        found = torch.autograd.grad(loss, list(trained.values()), materialize_grads=True)
        total = [before + more for before, more in zip(total, found, strict=True)]
        count = count + batch.weights.sum(1)
    return {name: _divided(value, count) for name, value in zip(trained, total, strict=True)}


def cosine(one: Gradients, other: Gradients) -> Tensor:
    """`[R]`; NaN where one of them is 0."""
    product = _dot(one, other)
    return product / (_dot(one, one) * _dot(other, other)).sqrt()


def norm(value: Tensor) -> Tensor:
    """`[R, ...]` to `[R]`, in float64."""
    return value.detach().double().square().flatten(1).sum(1).sqrt()


def _dot(one: Gradients, other: Gradients) -> Tensor:
    parts = [(one[name].double() * other[name].double()).flatten(1).sum(1) for name in one]
    return torch.stack(parts, dim=1).sum(1)


def _divided(value: Tensor, count: Any) -> Tensor:
    return value / torch.as_tensor(count).view(-1, *(1,) * (value.dim() - 1))
