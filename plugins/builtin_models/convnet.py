"""The small convolutional network of the loss-of-plasticity studies."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import nn

from clbench import CReLU, Layer, errors

from .hidden import activated, layer_of

CONVOLUTIONS = ((32, 5), (64, 3), (128, 3))  # filters and kernel size
DENSE = 128


def convnet(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    # Of every hidden layer. With `crelu` a unit feeds both relu(z) and relu(-z) to the next layer.
    activation: Literal["relu", "crelu"] = "relu",
) -> nn.Module:
    """Three convolutions without padding, each pooled by 2, two dense layers of 128 units, and the
    head (Dohare et al. 2024).
    """
    return ConvNet(input_shape, classes, activation)


class ConvNet(nn.Sequential):
    """The modules in the order they are run."""

    def __init__(
        self, input_shape: tuple[int, int, int], classes: int, activation: str = "relu"
    ) -> None:
        channels, *sides = input_shape
        self.activation = activation
        self.halves = 2 if activation == "crelu" else 1  # inputs of the next layer a unit feeds
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        for k, (filters, kernel) in enumerate(CONVOLUTIONS, start=1):
            modules[f"conv{k}"] = nn.Conv2d(channels, filters, kernel)
            modules |= self._pooled(k)
            channels = filters * self.halves
        self.pixels = _pixels_left(sides)
        modules["flatten"] = nn.Flatten()
        inputs = channels * self.pixels
        for k in (4, 5):
            modules[f"linear{k}"] = nn.Linear(inputs, DENSE)
            modules |= activated(k, activation)
            inputs = DENSE * self.halves
        modules["head"] = nn.Linear(inputs, classes)
        super().__init__(modules)

    def _pooled(self, k: int) -> dict[str, nn.Module]:
        """What follows a convolution.

        Pooling before the ReLU gives the same values for a quarter of the work. It would not so for
        the half of crelu that is turned over.
        """
        if self.activation == "relu":
            return {f"pool{k}": nn.MaxPool2d(2), f"act{k}": nn.ReLU()}
        # `[B, units, 2, H, W]`: pooled over H and W alone.
        pool = nn.MaxPool3d((1, 2, 2))  # of each half by itself
        return {f"act{k}": CReLU(), f"pool{k}": pool, f"join{k}": nn.Flatten(1, 2)}

    def layers(self) -> list[Layer]:
        """The hidden layers, first to last.

        Convolutions are read when both their activation and their pooling are done. Each pixel of a
        filter of the last one feeds inputs of its own of the dense layer.
        """
        names = ["conv1", "conv2", "conv3", "linear4", "linear5", "head"]
        found = []
        for k, (name, after) in enumerate(pairwise(names), start=1):
            pooled_last = self.activation == "crelu" and k <= len(CONVOLUTIONS)
            read = f"pool{k}" if pooled_last else f"act{k}"
            # Inputs of the next layer that a unit feeds: its halves, at each pixel.
            block = self.halves * (self.pixels if k == len(CONVOLUTIONS) else 1)
            found.append(layer_of(name, name, after, read=read, block=block))
        return found


def _pixels_left(sides: Sequence[int]) -> int:
    """Of an image with these sides, behind the convolutions."""
    left = list(sides)
    for _, kernel in CONVOLUTIONS:
        # Without padding a side loses kernel - 1 pixels; pooling halves what is left, rounded down.
        left = [(side - kernel + 1) // 2 for side in left]
    if min(left) < 1:
        raise errors.UserError(
            f"convnet needs images of at least 24x24 pixels; these are {sides[0]}x{sides[1]}"
        )
    return left[0] * left[1]
