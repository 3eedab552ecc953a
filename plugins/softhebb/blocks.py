"""Networks of Hebbian blocks: batch-norm without parameters, a product, an activation, pooling."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from clbench import Layer, errors

from .rule import Competition

Activation = Literal["triangle", "repu", "softmax"]
Shape = tuple[int, ...]  # of what goes from block to block: channels and sides, or numbers alone


@dataclass(frozen=True)
class BlockSpec:
    """What a block is, and how it learns: a line of the table of presets."""

    units: int
    kernel: int  # 0: a dense block
    temperature: float
    rate: float
    exponent: float = 0.5
    activation: Activation = "triangle"
    power: float = 1.0  # of triangle and repu; the inverse temperature of softmax
    pool: str = "none"  # such as "max 4/2/1": size, stride, padding
    competition: Competition = "soft_krotov"
    norm: bool = True
    pre_triangle: bool = False
    bias: bool = False
    radius: float = 25.0


class Triangle(nn.Module):
    """max(0, u - mean of the units at the same position), to a power."""

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.power = power

    def forward(self, u: Tensor) -> Tensor:
        return raised((u - u.mean(1, keepdim=True)).relu(), self.power)


class RePU(nn.Module):
    """max(0, u), to a power."""

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self.power = power

    def forward(self, u: Tensor) -> Tensor:
        return raised(u.relu(), self.power)


class Softmax(nn.Module):
    """The soft-max over the units, with an inverse temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, u: Tensor) -> Tensor:
        return (u * self.temperature).softmax(1)


def raised(a: Tensor, power: float) -> Tensor:
    """`a` to a power; a power of 1 costs nothing."""
    return a if power == 1.0 else a**power


ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "triangle": Triangle,
    "repu": RePU,
    "softmax": Softmax,
}


POOLS = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class HebbianBlock(nn.Sequential):
    """norm, flatten (dense), pad (convolution), conv or linear, pre, act, pool: what it has."""

    def __init__(self, spec: BlockSpec, given: Shape) -> None:
        modules = OrderedDict(norm_and_product(spec, given))
        if spec.pre_triangle:
            modules["pre"] = Triangle()
        modules["act"] = ACTIVATIONS[spec.activation](spec.power)
        # The padding keeps height and width.
        shape: Shape = (spec.units, *given[1:]) if spec.kernel else (spec.units,)
        if spec.pool != "none":
            modules["pool"], shape = pooling(spec.pool, shape)
        super().__init__(modules)
        self.spec = spec
        self.shape = shape
        self.product = "conv" if spec.kernel else "linear"
        self.last = "act" if spec.pool == "none" else "pool"
        # In the constructor, as PyTorch's modules do: a member's weights follow from its seed.
        begin(self.get_submodule(self.product), spec)


def norm_and_product(spec: BlockSpec, given: Shape) -> dict[str, nn.Module]:
    """What comes before the activation: the norm, where there is one, and the product."""
    modules: dict[str, nn.Module] = {}
    if spec.norm:
        # A dense block behind a convolution is normalised by channel, before it is flattened.
        norm = nn.BatchNorm2d if len(given) == 3 else nn.BatchNorm1d
        modules["norm"] = norm(given[0], affine=False)
    return modules | (convolution(spec, given) if spec.kernel else dense(spec, given))


def convolution(spec: BlockSpec, given: Shape) -> dict[str, nn.Module]:
    """As many pixels come out as go in; the border is a reflection."""
    if len(given) != 3:
        raise errors.UserError("a convolution behind a dense block: kernels of 0 come last")
    pad = spec.kernel // 2
    if spec.kernel % 2 == 0 or min(given[1:]) <= pad:
        raise errors.UserError(
            f"a kernel of {spec.kernel} does not fit {given[1]}x{given[2]} pixels with a reflected"
            " border: kernels are odd, and half of one is less than the picture"
        )
    conv = nn.Conv2d(given[0], spec.units, spec.kernel, bias=spec.bias)
    return {"pad": nn.ReflectionPad2d(pad), "conv": conv}


def dense(spec: BlockSpec, given: Shape) -> dict[str, nn.Module]:
    """Every unit sees all numbers."""
    flat: dict[str, nn.Module] = {"flatten": nn.Flatten()} if len(given) == 3 else {}
    return flat | {"linear": nn.Linear(math.prod(given), spec.units, bias=spec.bias)}


def pooling(words: str, given: Shape) -> tuple[nn.Module, Shape]:
    """The module of "max 4/2/1" or "avg 2/2/0", and the shape of what it gives out."""
    kind, sizes = words.split()
    size, stride, pad = map(int, sizes.split("/"))
    # As PyTorch's pooling rounds: what does not fill a window is left out.
    sides = [(side + 2 * pad - size) // stride + 1 for side in given[1:]]
    if min(sides, default=0) < 1:
        pixels = "x".join(map(str, given[1:])) or "a dense block"
        raise errors.UserError(f"pooling of {words!r} leaves nothing of {pixels}")
    return POOLS[kind](size, stride=stride, padding=pad), (given[0], *sides)


@torch.no_grad()
def begin(product: nn.Module, spec: BlockSpec) -> None:
    """Weights of a norm about the radius: normal behind batch-norm, else positive as inputs are.

    Biases begin as the logarithm of equal priors, seen through the temperature.
    """
    weight, bias = product.weight, product.bias
    assert isinstance(weight, Tensor)
    inputs = weight[0].numel()
    if spec.norm:
        # n entries of variance r^2 / n: a squared norm of r^2 in the mean.
        weight.normal_(0.0, spec.radius / math.sqrt(inputs))
    else:
        # Uniform on (0, a) has the second moment a^2 / 3.
        weight.uniform_(0.0, spec.radius * math.sqrt(3.0 / inputs))
    if isinstance(bias, Tensor):
        # log(1 / units) / t.
        bias.fill_(-math.log(spec.units) / spec.temperature)


class HebbianNet(nn.Sequential):
    """`body` (`block1`, `block2`, ..., `flatten`), `drop`, and `head`."""

    def __init__(
        self, input_shape: Shape, classes: int, specs: Sequence[BlockSpec], dropout: float
    ) -> None:
        shape = tuple(input_shape)
        body: OrderedDict[str, nn.Module] = OrderedDict()
        for number, spec in enumerate(specs, start=1):
            block = HebbianBlock(spec, shape)
            body[f"block{number}"] = block
            shape = block.shape
        if len(shape) == 3:
            body["flatten"] = nn.Flatten()
        head = nn.Linear(math.prod(shape), classes)
        super().__init__(OrderedDict(body=nn.Sequential(body), drop=nn.Dropout(dropout), head=head))

    def blocks(self) -> dict[str, HebbianBlock]:
        """By name (`block1`), first to last."""
        body = self.get_submodule("body").named_children()
        return {name: block for name, block in body if isinstance(block, HebbianBlock)}

    def layers(self) -> list[Layer]:
        """The hidden layers: read where a block ends, pooling included."""
        blocks = self.blocks()
        products = {name: f"body.{name}.{block.product}" for name, block in blocks.items()}
        following = [*products.values(), "head"][1:]
        return [
            self._layer(name, blocks[name], product, after)
            for (name, product), after in zip(products.items(), following, strict=True)
        ]

    def _layer(self, name: str, block: HebbianBlock, product: str, after: str) -> Layer:
        # What comes behind sees a unit as so many numbers side by side.
        flattened = not isinstance(self.get_submodule(after), nn.Conv2d)
        return Layer(
            name,
            read=f"body.{name}.{block.last}",
            weight=f"{product}.weight",
            bias=f"{product}.bias" if block.spec.bias else None,
            out_weight=f"{after}.weight",
            out_bias=self._bias_of(after),
            block=math.prod(block.shape[1:]) if flattened else 1,
        )

    def _bias_of(self, product: str) -> str | None:
        held = dict(self.get_submodule(product).named_parameters())
        return f"{product}.bias" if "bias" in held else None
