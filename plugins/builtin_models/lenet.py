"""The first well-known convolutional network."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from clbench import Layer, errors

from .hidden import layer_of

CONVOLUTIONS = (6, 16)  # filters of 5x5
DENSE = (120, 84)
SMALLEST = 12  # pixels a side that leave something after both convolutions
PADDED = 32  # smaller images get a border of 2, as the 28x28 digits had it


def lenet(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """LeNet-5 (LeCun et al. 1998) as it is built today: 6 and 16 filters of 5x5, each pooled by 2,
    120 and 84 units, ReLU, max-pooling.

    Images smaller than 32x32 get a border of 2 zeros, as the 28x28 digits had it: 61,706 parameters
    for ten classes.
    """
    return LeNet(input_shape, classes)


class LeNet(nn.Sequential):
    """The modules in order; pooling before the ReLU gives the same for a quarter of the work."""

    def __init__(self, input_shape: tuple[int, int, int], classes: int) -> None:
        channels, *sides = input_shape
        _check_sides(*sides)
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        padding = 2 if min(sides) < PADDED else 0
        for k, filters in enumerate(CONVOLUTIONS, start=1):
            modules |= _convolution(k, channels, filters, padding)
            # A 5x5 kernel takes 4 pixels of a side; pooling halves the rest.
            channels, sides, padding = filters, [(side + 2 * padding - 4) // 2 for side in sides], 0
        self.block = sides[0] * sides[1]
        modules["flatten"] = nn.Flatten()
        for k, (before, units) in enumerate(pairwise((channels * self.block, *DENSE)), start=3):
            modules[f"linear{k}"] = nn.Linear(before, units)
            modules[f"act{k}"] = nn.ReLU()
        modules["head"] = nn.Linear(DENSE[-1], classes)
        super().__init__(modules)

    def layers(self) -> list[Layer]:
        """The hidden layers, first to last; a filter of the second convolution feeds `block` inputs
        of the dense layer.
        """
        names = ["conv1", "conv2", "linear3", "linear4", "head"]
        return [
            layer_of(name, name, after, read=f"act{k}", block=self.block if k == 2 else 1)
            for k, (name, after) in enumerate(pairwise(names), start=1)
        ]


def _check_sides(height: int, width: int) -> None:
    if min(height, width) < SMALLEST:
        raise errors.UserError(
            f"lenet needs images of at least {SMALLEST}x{SMALLEST} pixels; these are "
            f"{height}x{width}"
        )


def _convolution(k: int, channels: int, filters: int, padding: int) -> dict[str, nn.Module]:
    return {
        f"conv{k}": nn.Conv2d(channels, filters, 5, padding=padding),
        f"pool{k}": nn.MaxPool2d(2),
        f"act{k}": nn.ReLU(),
    }
