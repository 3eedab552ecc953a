"""What hidden units give out for samples of a split, in the forms that several metrics want."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clbench import Layer, Probe, Undefined


@dataclass(frozen=True)
class Activity:
    """A layer's units over `count [R]` values each (samples, positions), `[R, units]` in float64.

    `magnitude` is the mean of |h|, `firing` the share of values that are not 0.
    """

    magnitude: Tensor
    firing: Tensor


def hidden_layers(probe: Probe) -> list[Layer]:
    """The network's hidden layers, first to last; `Undefined` where there is none."""
    layers: list[Layer] = probe.net.layers()
    if not layers:
        raise Undefined("the network has no hidden layer")
    return layers


def layer_named(probe: Probe, name: str) -> Layer:
    """A hidden layer by its name, or the `last` one."""
    layers = hidden_layers(probe)
    if name == "last":
        return layers[-1]
    named = {layer.name: layer for layer in layers}
    if name not in named:
        raise Undefined(f"the network has no hidden layer {name!r}; it has {', '.join(named)}")
    return named[name]


def nothing_after_the_first_task(probe: Probe, *shape: int) -> Tensor:
    """`[R, *shape]` of NaN, for what looks back at earlier tasks; `Undefined` where none comes
    later.
    """
    if max(probe.tasks("all")) == 0:
        raise Undefined("it needs two tasks")
    return torch.full((len(probe.x), *shape), torch.nan)


@torch.no_grad()
def unit_activity(probe: Probe, split: str, tasks: str, samples: int) -> list[Activity]:
    """Every hidden layer's, over at most so many samples a task."""
    layers = hidden_layers(probe)
    totals = [_Totals() for _ in layers]
    for batch in probe.data(split, tasks, samples):
        # By layer `[R, B, units]`, or `[R, B, channels, h, w]`.
        _, hidden = probe.net(batch.x, trace=True)
        for layer, total in zip(layers, totals, strict=True):
            total.add(_values(hidden[layer.name]), batch.weights)
    return [total.activity() for total in totals]


class _Totals:
    """Sums over a layer's values so far; numbers at first, tensors from the first batch on."""

    def __init__(self) -> None:
        self.sizes: Tensor | float = 0.0
        self.fired: Tensor | float = 0.0
        self.count: Tensor | float = 0.0

    def add(self, values: Tensor, weights: Tensor) -> None:
        """Of a batch, `values [R, B, units, values]` and `weights [R, B]`."""
        valid = weights[..., None, None]
        self.sizes = self.sizes + _sum(values.abs().where(valid, 0.0))
        # `!= 0` and not `> 0`: tanh and leaky units fire below 0, too.
        self.fired = self.fired + _sum((values != 0) & valid)
        # `[R, 1]`: samples times positions, the same for all units of a layer.
        self.count = self.count + weights.sum(1, keepdim=True) * values.shape[3]

    def activity(self) -> Activity:
        """Means of them."""
        return Activity(_ratio(self.sizes, self.count), _ratio(self.fired, self.count))


@torch.no_grad()
def feature_matrices(
    probe: Probe, split: str, task: int, samples: int
) -> tuple[dict[str, Tensor], Tensor]:
    """Each layer's features `[R, samples, features]` by name, and which rows count, `[R, samples]`.

    A filter gives a feature at each of its positions. Rows are filled up with zeros where a member
    has fewer samples: a member's matrix has the same shape, and so the same bits, whatever the
    others have.
    """
    layers = hidden_layers(probe)
    rows: dict[str, list[Tensor]] = {layer.name: [] for layer in layers}
    valid = []
    for batch in probe.data(split, [task], samples):
        _, hidden = probe.net(batch.x, trace=True)
        valid.append(batch.weights)
        for name, parts in rows.items():
            parts.append(hidden[name].flatten(2).where(batch.weights[..., None], 0.0))
    matrices = {name: _exactly(parts, samples) for name, parts in rows.items()}
    return matrices, _exactly(valid, samples)


def _values(hidden: Tensor) -> Tensor:
    """`[R, B, units, values]`: a unit of a linear layer has one, a filter one at each position."""
    return hidden[..., None] if hidden.dim() == 3 else hidden.flatten(3)


def _sum(values: Tensor) -> Tensor:
    """`[R, units]`."""
    # Over samples and positions, in float64: there are many small numbers.
    return values.sum((1, 3), dtype=torch.float64)


def _ratio(total: Tensor | float, count: Tensor | float) -> Tensor:
    """A mean; NaN where nothing was counted."""
    return torch.as_tensor(total) / torch.as_tensor(count)


def _exactly(parts: Sequence[Tensor], samples: int) -> Tensor:
    """The parts `[R, n, ...]` one behind the other, cut or filled up to so many rows."""
    whole = torch.cat(list(parts), dim=1)[:, :samples]
    lacking = samples - whole.shape[1]
    filling = whole.new_zeros(len(whole), lacking, *whole.shape[2:])
    return torch.cat([whole, filling], dim=1)
