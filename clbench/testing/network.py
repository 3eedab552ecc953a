"""A convolutional network small enough for checks,
whose filters feed several inputs of a dense layer.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from clbench.models.layer import Layer

FILTERS = 6
UNITS = 11  # no multiple of a vector's width: rows of odd lengths find element-wise differences


def kit_convnet(input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """One convolution, pooled to a quarter of the pixels, one dense layer, and the head."""
    return ConvNet(input_shape, classes)


class ConvNet(nn.Sequential):
    """The modules in the order they are run."""

    def __init__(self, input_shape: tuple[int, int, int], classes: int) -> None:
        channels, height, width = input_shape
        # Pooled positions of a filter's map, which flatten lays side by side.
        block = (height // 2) * (width // 2)
        modules: OrderedDict[str, nn.Module] = OrderedDict()
        modules["conv"] = nn.Conv2d(channels, FILTERS, 3, padding=1)
        modules["pool"] = nn.MaxPool2d(2)
        modules["act1"] = nn.ReLU()
        modules["flatten"] = nn.Flatten()
        modules["linear"] = nn.Linear(FILTERS * block, UNITS)
        modules["act2"] = nn.ReLU()
        modules["head"] = nn.Linear(UNITS, classes)
        super().__init__(modules)
        self.block = block

    def layers(self) -> list[Layer]:
        """A filter owns `block` columns of the dense layer."""
        return [
            Layer(
                name="conv",
                read="act1",
                weight="conv.weight",
                bias="conv.bias",
                out_weight="linear.weight",
                out_bias="linear.bias",
                block=self.block,
            ),
            Layer(
                name="linear",
                read="act2",
                weight="linear.weight",
                bias="linear.bias",
                out_weight="head.weight",
                out_bias="head.bias",
            ),
        ]
