"""The published networks as models, and one for networks of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import nn

from clbench import errors

from .blocks import Activation, BlockSpec, HebbianNet
from .rule import Competition

Dropout = Annotated[float, Field(ge=0, lt=1)]
Pool = Annotated[str, Field(pattern=r"^(none|(max|avg) \d+/\d+/\d+)$")]
ImageShape = tuple[int, int, int]

POOL = "max 4/2/1"


def softhebb_mnist(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 2000,  # units
    radius: PositiveFloat = 35.0,  # norm of a unit's weights at the start
    dropout: Dropout = 0.0,  # before the head
) -> nn.Module:
    """SoftHebb's dense network for MNIST: one block without batch-norm, soft winner-take-all."""
    block = BlockSpec(
        width,
        kernel=0,
        temperature=12.0,
        rate=0.045,
        exponent=0.2,
        activation="softmax",
        power=5.0,
        competition="soft",
        norm=False,
        radius=radius,
    )
    return HebbianNet(input_shape, classes, [block], dropout)


def softhebb_cifar1(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 96,  # kernels
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """SoftHebb's network of one convolution for CIFAR."""
    block = BlockSpec(width, 5, 1.0, 0.08, power=0.7, pool="avg 4/2/1")
    return HebbianNet(input_shape, classes, [block], dropout)


def softhebb_cifar2(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 96,  # kernels of the first block
    widening: PositiveInt = 4,  # times as many in each block behind
    # The second block's competition sees a triangle of its pre-activations.
    pre_triangle: bool = True,
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """SoftHebb's network of two convolutions for CIFAR."""
    blocks = [
        BlockSpec(96, 5, 1.0, 0.08, power=0.7, pool="avg 4/2/1"),
        BlockSpec(384, 3, 0.65, 0.005, power=1.4, pool=POOL, pre_triangle=pre_triangle),
    ]
    return HebbianNet(input_shape, classes, widened(blocks, width, widening), dropout)


def softhebb_cifar3(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 96,  # kernels of the first block
    widening: PositiveInt = 4,  # times as many in each block behind
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """SoftHebb's network of three convolutions for CIFAR-10 and CIFAR-100."""
    blocks = [
        BlockSpec(96, 5, 1.0, 0.08, power=0.7, pool=POOL),
        BlockSpec(384, 3, 0.65, 0.005, power=1.4, pool=POOL),
        BlockSpec(1536, 3, 0.25, 0.01, pool="avg 2/2/0"),
    ]
    return HebbianNet(input_shape, classes, widened(blocks, width, widening), dropout)


def softhebb_stl4(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 96,  # kernels of the first block
    widening: PositiveInt = 4,  # times as many in each block behind
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """SoftHebb's network of four convolutions for STL-10."""
    blocks = [
        BlockSpec(96, 5, 1.0, 0.08, power=0.7, pool="avg 4/2/1"),
        BlockSpec(384, 3, 0.65, 0.005, power=0.7, pool=POOL),
        BlockSpec(1536, 3, 0.45, 0.01, power=1.4, pool="avg 4/2/1"),
        BlockSpec(6144, 3, 0.25, 0.01, pool="avg 2/2/0"),
    ]
    return HebbianNet(input_shape, classes, widened(blocks, width, widening), dropout)


def softhebb_imagenette5(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 48,  # kernels of the first block
    widening: PositiveInt = 4,  # times as many in each block behind
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """SoftHebb's network of five convolutions for ImageNette, of images of 160 pixels."""
    blocks = [
        BlockSpec(48, 5, 1.1, 0.08, 0.75, power=0.7, pool=POOL),
        BlockSpec(192, 3, 0.7, 0.01, 0.75, power=0.7, pool=POOL),
        BlockSpec(768, 3, 0.5, 0.01, 0.75, power=0.7, pool=POOL),
        BlockSpec(3072, 3, 0.4, 0.01, 0.75, power=1.4, pool=POOL),
        BlockSpec(12288, 3, 0.25, 0.01, 0.75, pool="avg 2/2/0"),
    ]
    return HebbianNet(input_shape, classes, widened(blocks, width, widening), dropout)


def softhebb_s000(
    input_shape: ImageShape,
    classes: int,
    *,
    width: PositiveInt = 96,  # kernels of the first block
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """Five convolutions, the network of the study of kernel plasticity and swapped heads (S000).

    The second and third block have 4 and 16 times as many kernels as the first, the last two
    about 27 times as many (2,560 for 96).
    """
    last = width * 80 // 3
    blocks = [
        BlockSpec(width, 5, 1.0, 0.08, power=0.7, pool=POOL),
        BlockSpec(width * 4, 3, 0.65, 0.005, power=1.4, pool=POOL),
        BlockSpec(width * 16, 3, 0.25, 0.01, pool="avg 2/2/0"),
        BlockSpec(last, 3, 0.25, 0.01, pool="avg 2/2/0"),
        BlockSpec(last, 3, 0.25, 0.01, pool="avg 2/2/0"),
    ]
    return HebbianNet(input_shape, classes, blocks, dropout)


def hebbian(  # noqa: PLR0913 (each is an option)
    input_shape: ImageShape,
    classes: int,
    *,
    units: tuple[PositiveInt, ...] = (96, 384),  # of each block: kernels, or units of a dense one
    # Every following option has a value for each block, or one value for all.
    kernel: tuple[NonNegativeInt, ...] = (5, 3),  # pixels of a side, odd; 0: a dense block
    temperature: tuple[PositiveFloat, ...] = (1.0, 0.65),  # inverse, of the competition
    rate: tuple[NonNegativeFloat, ...] = (0.08, 0.005),  # of the layer's largest change
    exponent: tuple[NonNegativeFloat, ...] = (0.5,),  # of the norm's distance from 1 in the rate
    competition: tuple[Competition, ...] = ("soft_krotov",),  # see `softhebb`
    activation: tuple[Activation, ...] = ("triangle",),
    power: tuple[PositiveFloat, ...] = (0.7, 1.4),  # of triangle and repu; softmax: its temperature
    pool: tuple[Pool, ...] = ("max 4/2/1",),  # "max" or "avg" size/stride/padding, or "none"
    norm: tuple[bool, ...] = (True,),  # batch-norm of what comes in, without affine parameters
    # The competition sees a triangle of the pre-activations.
    pre_triangle: tuple[bool, ...] = (False,),
    bias: tuple[bool, ...] = (False,),  # priors of the units
    radius: tuple[PositiveFloat, ...] = (25.0,),  # norm of a unit's weights at the start
    dropout: Dropout = 0.5,  # before the head
) -> nn.Module:
    """Hebbian blocks of one's own for `softhebb`: convolutions, dense blocks, the head."""
    given: dict[str, Sequence[Any]] = {
        "kernel": kernel,
        "temperature": temperature,
        "rate": rate,
        "exponent": exponent,
        "competition": competition,
        "activation": activation,
        "power": power,
        "pool": pool,
        "norm": norm,
        "pre_triangle": pre_triangle,
        "bias": bias,
        "radius": radius,
    }
    columns = {name: for_each_block(name, values, len(units)) for name, values in given.items()}
    specs = []
    for number, count in enumerate(units):
        own = {name: values[number] for name, values in columns.items()}
        specs.append(BlockSpec(units=count, **own))
    return HebbianNet(input_shape, classes, specs, dropout)


def for_each_block(name: str, values: Sequence[Any], blocks: int) -> Sequence[Any]:
    """A value for each block, where one may stand for all."""
    if len(values) == 1:
        return list(values) * blocks
    if len(values) != blocks:
        raise errors.UserError(
            f"{name} has {len(values)} values, and there are {blocks} blocks:"
            " one for all, or one for each"
        )
    return values


def widened(blocks: Sequence[BlockSpec], width: int, widening: int) -> list[BlockSpec]:
    """The blocks with `width` kernels in the first, and `widening` times as many in each behind."""
    return [replace(block, units=width * widening**number) for number, block in enumerate(blocks)]


MODELS: dict[str, Callable[..., nn.Module]] = {
    model.__name__: model
    for model in (
        softhebb_mnist,
        softhebb_cifar1,
        softhebb_cifar2,
        softhebb_cifar3,
        softhebb_stl4,
        softhebb_imagenette5,
        softhebb_s000,
        hebbian,
    )
}
