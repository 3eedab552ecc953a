"""The training loss as a function of a vector: of all weights, or of an image's pixels.

What is estimated of a Hessian needs two things of a loss, its gradient somewhere and products H v,
for vectors `[R, N, D]`: each member has N functions of D numbers. In the weights N is 1; in the
images it is their number. Vectors are float64; the network computes in its own type.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from clbench import Batch, Probe, Stack, Undefined, side_by_side, split_like

# Pixels of a batch: the graph of a second derivative holds every activation of it several times.
MOST_PIXELS = 2**17
MOST_ROWS = 100

Losses = Callable[[Tensor, Batch], Tensor]


class Loss(ABC):
    """N functions a member of D numbers each."""

    members: int
    functions: int  # N
    size: int  # D
    device: torch.device

    @abstractmethod
    def gradient(self, shift: Tensor | None = None) -> Tensor:
        """`[R, N, D]`: the gradients, where everything is moved by `shift [R, N, D]`."""

    @abstractmethod
    def product(self, vectors: Tensor) -> Tensor:
        """`[R, N, D]`: H v of every function."""

    @abstractmethod
    def mean(self, values: Tensor) -> Tensor:
        """`[..., R, N]` -> `[..., R]`: each member's mean over its functions."""

    @property
    @abstractmethod
    def averaged_over(self) -> Tensor | float:
        """`[R]`, or a number: a member's function is so many times as large as its part of the mean
        over images.
        """

    def signs(self, rng: Any, draws: int) -> Iterator[Tensor]:
        """Random vectors of entries -1 and 1, one draw after the other."""
        for _ in range(draws):
            yield 1.0 - 2.0 * (rng.uniform(self.functions, self.size) < 0.5).double()

    def directions(self, rng: Any) -> Tensor:
        """Random vectors of length 1, every direction alike."""
        drawn: Tensor = rng.normal(self.functions, self.size).double()
        length: Tensor = drawn.norm(dim=2, keepdim=True)
        # A normal vector has no preferred direction.
        return drawn / length


class WeightLoss(Loss):
    """The mean over the images, as a function of all trainable parameters in the model's order."""

    functions = 1
    averaged_over = 1.0

    def __init__(self, net: Stack, batches: Sequence[Batch], losses: Losses) -> None:
        self.net, self.batches, self.losses = net, batches, losses
        self.params = net.named_parameters()
        self.moving = {name: p for name, p in self.params.items() if p.requires_grad}
        self.members, self.device = net.members, net.device
        self.size = sum(p[0].numel() for p in self.moving.values())
        # `[R]`: images of all batches, so a batch's part is its share of the mean.
        self.count = sum(batch.weights.sum(1) for batch in batches)

    def gradient(self, shift: Tensor | None = None) -> Tensor:
        moved = self._moved(shift)
        return self._over_batches(lambda batch: self._gradients(moved, batch, keep=False))

    def product(self, vectors: Tensor) -> Tensor:
        parts, moved = self._parts(vectors), self._moved(None)

        def image(batch: Batch) -> list[Tensor]:
            gradients = self._gradients(moved, batch, keep=True)
            # Double back-propagation (Pearlmutter 1994): d/dtheta of g'v is H v.
            return derivative(gradients, parts, list(moved.values()))

        return self._over_batches(image)

    def mean(self, values: Tensor) -> Tensor:
        return values.squeeze(-1)

    def _over_batches(self, parts: Callable[[Batch], Sequence[Tensor]]) -> Tensor:
        """The sum of what the batches contribute, one number after the other."""
        total = self._joined(parts(self.batches[0]))
        for batch in self.batches[1:]:
            # In the batches' order, always.
            total = total + self._joined(parts(batch))
        return total

    def _moved(self, shift: Tensor | None) -> dict[str, Tensor]:
        if shift is None:
            return {name: p.detach().requires_grad_() for name, p in self.moving.items()}
        values = zip(self.moving.values(), self._parts(shift), strict=True)
        # theta + h z as leaves of their own.
        moved = [(p.detach() + part).requires_grad_() for p, part in values]
        return dict(zip(self.moving, moved, strict=True))

    def _gradients(self, moved: dict[str, Tensor], batch: Batch, keep: bool) -> list[Tensor]:
        """Those of a batch's part of the mean."""
        # Frozen parameters stay as they are.
        logits = self.net.call({**self.params, **moved}, batch.x)
        part = self.losses(logits, batch).sum(1) / self.count
        return gradients_of(part.sum(), list(moved.values()), keep)

    def _parts(self, vectors: Tensor) -> list[Tensor]:
        flat = vectors.squeeze(1).to(self.batches[0].x.dtype)
        return split_like(flat, list(self.moving.values()))

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        return side_by_side(parts).unsqueeze(1).double()


class InputLoss(Loss):
    """Each image's own loss as a function of its pixels; in evaluation mode none sees another."""

    def __init__(self, net: Stack, batches: Sequence[Batch], losses: Losses) -> None:
        # Of the weights no gradient is wanted: the graph stays small.
        self.net, self.batches, self.losses = net.requires_grad_(False), batches, losses
        self.members, self.device = net.members, net.device
        self.rows = [batch.size for batch in batches]
        self.functions = sum(self.rows)
        self.size = math.prod(batches[0].x.shape[2:])
        self.counted = torch.cat([batch.weights for batch in batches], dim=1)

    def gradient(self, shift: Tensor | None = None) -> Tensor:
        found = []
        for batch, part in zip(self.batches, self._shifts(shift), strict=True):
            # An image's loss depends on its own pixels alone, so the gradient of the sum holds
            # each.
            found += self._gradient(batch, self._moved(batch, part), keep=False)
        return self._joined(found)

    def product(self, vectors: Tensor) -> Tensor:
        found = []
        for batch, part in zip(self.batches, self._shifts(vectors), strict=True):
            x = self._moved(batch, None)
            gradient = self._gradient(batch, x, keep=True)
            assert part is not None
            found += derivative(gradient, [part.reshape(x.shape)], [x])
        return self._joined(found)

    def mean(self, values: Tensor) -> Tensor:
        counted = torch.where(self.counted, values, 0.0)
        # Rows that do not count are 0, and out of the mean.
        return counted.sum(-1) / self.counted.sum(1)

    @property
    def averaged_over(self) -> Tensor:
        return self.counted.sum(1)

    def _shifts(self, vectors: Tensor | None) -> Sequence[Tensor | None]:
        if vectors is None:
            return [None] * len(self.rows)
        parts: Sequence[Tensor] = vectors.to(self.batches[0].x.dtype).split(self.rows, dim=1)
        return parts

    def _moved(self, batch: Batch, shift: Tensor | None) -> Tensor:
        x = batch.x if shift is None else batch.x + shift.reshape(batch.x.shape)
        return x.detach().requires_grad_()

    def _gradient(self, batch: Batch, x: Tensor, keep: bool) -> list[Tensor]:
        losses = self.losses(self.net(x), batch)
        return gradients_of(losses.sum(), [x], keep)

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part.flatten(2) for part in parts], dim=1).double()


PRECISIONS = {"float64": torch.float64, "float32": torch.float32}
LOSSES = {"input": InputLoss, "weight": WeightLoss}


def loss_of(probe: Probe, space: str, samples: int, precision: str = "float64") -> Loss:
    """The loss of a fixed choice of the task's training images, computed in this precision."""
    pixels = math.prod(probe.x.shape[2:])
    # As many batches of equal size as keep within both bounds.
    number = math.ceil(samples / max(1, min(MOST_ROWS, MOST_PIXELS // pixels)))
    batches = list(probe.task.batches("train", math.ceil(samples / number), samples))
    dtype = PRECISIONS[precision]
    net = probe.net.spawn(dtype)
    converted = [replace(batch, x=batch.x.to(dtype)) for batch in batches]
    _check_that_it_computes(net, converted[0].x)
    made: Loss = LOSSES[space](net, converted, probe.losses)
    return made


def gradients_of(value: Tensor, of: Sequence[Tensor], keep: bool) -> list[Tensor]:
    """Zeros for what the value does not depend on; with `keep` they can be differentiated again."""
    found = torch.autograd.grad(
        value, of, create_graph=keep, allow_unused=True, materialize_grads=True
    )
    return list(found)


def derivative(
    gradients: Sequence[Tensor], along: Sequence[Tensor], of: Sequence[Tensor]
) -> list[Tensor]:
    """H v: the derivative of the gradients' product with v."""
    pairs = zip(gradients, along, strict=True)
    # g'v, a number; over all tensors.
    product = torch.stack([(gradient * part).sum() for gradient, part in pairs]).sum()
    if not product.requires_grad:  # a loss that is linear here
        return [torch.zeros_like(tensor) for tensor in of]
    return gradients_of(product, of, keep=False)


def _check_that_it_computes(net: Stack, x: Tensor) -> None:
    """A stranger's model may make float32 numbers of its own."""
    try:
        with torch.no_grad():
            net(x[:, :2])
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise Undefined(
            f"the network does not compute in {x.dtype} (`precision: float32` may do): {reason}"
        ) from error
