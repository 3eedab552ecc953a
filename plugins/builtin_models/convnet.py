"""The small convolutional network of the loss-of-plasticity studies."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from clbench import Layer, errors

CONVOLUTIONS = ((32, 5), (64, 3), (128, 3))  # filters and kernel size
DENSE = 128


def convnet(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Three convolutions without padding, each pooled by 2, two dense layers of 128 units, and the head (Dohare et al. 2024)."""
    return ConvNet(input_shape, classes)


class ConvNet(nn.Sequential):
    """The modules in the order they are run. Pooling before the ReLU gives the same values for a quarter of the work."""

    def __init__(self, input_shape: tuple[int, int, int], classes: int) -> None:
        channels, *sides = input_shape
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        for k, (filters, kernel) in enumerate(CONVOLUTIONS, start=1):
            modules[f"conv{k}"] = nn.Conv2d(channels, filters, kernel)
            modules[f"pool{k}"] = nn.MaxPool2d(2)
            modules[f"act{k}"] = nn.ReLU()
            channels, sides = filters, [(side - kernel + 1) // 2 for side in sides]
        if min(sides) < 1:
            raise errors.UserError(
                f"convnet needs images of at least 24x24 pixels; these are {input_shape[1]}x{input_shape[2]}"
            )
        self.block = sides[0] * sides[1]
        modules["flatten"] = nn.Flatten()
        for k, inputs in ((4, channels * self.block), (5, DENSE)):
            modules[f"linear{k}"] = nn.Linear(inputs, DENSE)
            modules[f"act{k}"] = nn.ReLU()
        modules["head"] = nn.Linear(DENSE, classes)
        super().__init__(modules)

    def layers(self) -> list[Layer]:
        """The hidden layers, first to last; a filter of the last convolution feeds `block` inputs of the dense layer."""
        names = ["conv1", "conv2", "conv3", "linear4", "linear5", "head"]
        return [
            Layer(
                name,
                f"act{k}",
                f"{name}.weight",
                f"{name}.bias",
                f"{after}.weight",
                f"{after}.bias",
                block=self.block if k == 3 else 1,
            )
            for k, (name, after) in enumerate(pairwise(names), start=1)
        ]
