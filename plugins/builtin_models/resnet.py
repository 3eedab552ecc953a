"""The residual networks of the class-incremental literature."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from clbench import Layer

# Filters of the first of four stages; each has twice as many as the one before. With fewer than 8
# torch's CPU library (oneDNN 3.13, AVX2) writes past its memory in the backward pass of the 1x1
# convolutions with stride 2.
Width = Annotated[int, Field(ge=8)]
STAGES = (
    (1, 1),
    (2, 2),
    (4, 2),
    (8, 2),
)  # of two blocks each: filters in widths, and the stride of the first block


def resnet18(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    # filters of the first of four stages; each has twice as many as the one before
    width: Width = 64,
    # biases in the convolutions, as in Dohare et al. 2024; batch-norm has its own
    bias: bool = False,
) -> nn.Module:
    """ResNet-18 for small images: a 3x3 stem with stride 1, no pooling (11,173,962 parameters)."""
    return ResNet18(input_shape[0], classes, width, bias)


def reduced_resnet18(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    # filters of the first of four stages; each has twice as many as the one before
    width: Width = 20,
) -> nn.Module:
    """The ResNet-18 of GEM and A-GEM: `resnet18` with a third of the filters (1.1 million)."""
    return ResNet18(input_shape[0], classes, width)


class Block(nn.Module):
    """Two convolutions, and a way around them."""

    def __init__(self, before: int, filters: int, stride: int, bias: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, filters, 3, stride, padding=1, bias=bias)
        self.norm1 = nn.BatchNorm2d(filters)
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(filters, filters, 3, padding=1, bias=bias)
        self.norm2 = nn.BatchNorm2d(filters)
        self.around: nn.Module = nn.Identity()
        if stride != 1 or before != filters:
            # A 1x1 convolution where the shape changes (He et al. 2016, option B).
            self.around = nn.Sequential(
                nn.Conv2d(before, filters, 1, stride, bias=bias), nn.BatchNorm2d(filters)
            )
        self.act2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(self.act1(self.norm1(self.conv1(x)))))
        out: Tensor = self.act2(inner + self.around(x))
        return out


class ResNet18(nn.Sequential):
    """Stem, eight blocks, the mean over the image, and the head."""

    def __init__(self, channels: int, classes: int, width: int, bias: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(width)
        self.act = nn.ReLU()
        filters = width
        for k, (widths, stride) in enumerate(STAGES, start=1):
            before, filters = filters, widths * width
            self.add_module(f"block{2 * k - 1}", Block(before, filters, stride, bias))
            self.add_module(f"block{2 * k}", Block(filters, filters, 1, bias))
        # The mean of each filter over the image.
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(filters, classes)

    def layers(self) -> list[Layer]:
        """The units inside each block, and the features under the head.

        What goes past a block has no outgoing columns of its own, for it goes on past the next: it
        is named where that ends.
        """
        blocks = [name for name, child in self.named_children() if isinstance(child, Block)]
        inside = [
            Layer(
                name,
                f"{name}.act1",
                f"{name}.conv1.weight",
                self._bias(f"{name}.conv1"),
                f"{name}.conv2.weight",
                self._bias(f"{name}.conv2"),
                _scale(f"{name}.norm1"),
            )
            for name in blocks
        ]
        last = blocks[-1]
        return [
            *inside,
            Layer(
                "features",
                "pool",
                # The last block's second convolution feeds the sum that the head sees the mean of.
                f"{last}.conv2.weight",
                self._bias(f"{last}.conv2"),
                "head.weight",
                "head.bias",
                _scale(f"{last}.norm2"),
            ),
        ]

    def _bias(self, convolution: str) -> str | None:
        return None if self.conv.bias is None else f"{convolution}.bias"


def _scale(norm: str) -> tuple[str, str]:
    return f"{norm}.weight", f"{norm}.bias"
