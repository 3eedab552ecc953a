"""Networks of interchangeable modules: soft layer ordering (Meyerson & Miikkulainen 2018; Mendez &
Eaton 2021).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from clbench import Layer, Wired, beside, errors

Rate = Annotated[float, Field(ge=0, lt=1)]
Run = Callable[[nn.Module, Tensor], Tensor]


def soft_ordering_mlp(  # noqa: PLR0913 (each is an option)
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    components: PositiveInt = 4,  # modules that a network begins with
    depth: PositiveInt = 4,  # layers, each a mixture of modules
    width: PositiveInt = 64,  # units of a module
    dropout: Rate = 0.0,  # behind each module
    dense_first: NonNegativeInt = 0,  # so many of the first modules have no dropout
    room: NonNegativeInt = 0,  # places for modules to come; a method that adds some sees to it
    gated: bool = False,  # with places for gates; a method that has some sees to it
) -> nn.Module:
    """Dense modules of equal size behind a frozen random projection of the image, and a head.

    At each depth the modules' outputs are mixed, by weights that the method says for each task.
    Where it says nothing, layer j is module j: an ordinary network.
    """
    projection = nn.Linear(math.prod(input_shape), width).requires_grad_(False)
    encoder = nn.Sequential(nn.Flatten(), projection)

    def component(number: int) -> nn.Module:
        linear = nn.Linear(width, width)
        return nn.Sequential(linear, nn.ReLU(), *_dropout(dropout, number < dense_first))

    body = SoftOrdering(encoder, component, components, room, depth)
    if gated:
        body.add_gates(width)
    return SoftOrderingNet(body, width, classes)


def soft_ordering_cnn(  # noqa: PLR0913 (each is an option)
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    components: PositiveInt = 4,  # modules that a network begins with
    depth: PositiveInt = 4,  # layers, each a mixture of modules; each halves height and width
    # channels of a module, and of the image, which is filled up with zeros
    width: PositiveInt = 50,
    dropout: Rate = 0.5,  # behind each module
    dense_first: NonNegativeInt = 0,  # so many of the first modules have no dropout
    room: NonNegativeInt = 0,  # places for modules to come; a method that adds some sees to it
    gated: bool = False,  # with places for gates; a method that has some sees to it
) -> nn.Module:
    """Convolutional modules (3x3, pooled by 2) on an image padded to their channels, and a head.

    At each depth the modules' outputs are mixed, by weights that the method says for each task.
    Where it says nothing, layer j is module j: an ordinary network.
    """
    planes, height, columns = input_shape
    encoder = nn.ZeroPad3d((0, 0, 0, 0, 0, width - planes))

    def component(number: int) -> nn.Module:
        convolution = nn.Conv2d(width, width, 3, padding=1)
        silent = _dropout(dropout, number < dense_first)
        return nn.Sequential(convolution, nn.MaxPool2d(2), nn.ReLU(), *silent)

    body = SoftOrdering(encoder, component, components, room, depth)
    if gated:
        body.add_gates(width)
    positions = (height // 2**depth) * (columns // 2**depth)
    if not positions:
        raise errors.UserError(
            f"soft_ordering_cnn: {depth} layers that halve an image of {height}x{columns} leave"
            f" nothing; give {{depth: {min(height, columns).bit_length() - 1}}} or fewer"
        )
    return SoftOrderingNet(body, width, classes, positions)


def _dropout(rate: float, is_dense: bool) -> list[nn.Module]:
    return [] if is_dense or not rate else [nn.Dropout(rate)]


def check_has_modules(model: nn.Module) -> None:
    """Refuse a model that is not one of these."""
    if "body.components" not in dict(model.named_modules()):
        raise errors.UserError(
            "modular: the model has no modules to be mixed; use soft_ordering_mlp or"
            " soft_ordering_cnn (or one of your own with the same parts)"
        )


class SoftOrderingNet(nn.Sequential):
    """The mixed modules, and the head behind them."""

    def __init__(self, body: SoftOrdering, units: int, classes: int, positions: int = 1) -> None:
        head = nn.Linear(units * positions, classes)
        super().__init__(OrderedDict(body=body, flatten=nn.Flatten(), head=head))
        self.positions = positions

    def layers(self) -> list[Layer]:
        """What each depth gives out. Its weights are those of module j at depth j, which is there
        where nothing else is said.
        """
        body = self.body
        assert isinstance(body, SoftOrdering)
        # `.0`: in a component the linear layer or convolution comes first.
        names = [f"body.components.{number}.0" for number in body.in_turn]
        after = [*names[1:], "head"]
        last = len(names) - 1
        return [
            Layer(
                f"depth{j + 1}",
                f"body.mixed.{j}",
                f"{names[j]}.weight",
                f"{names[j]}.bias",
                f"{after[j]}.weight",
                f"{after[j]}.bias",
                block=self.positions if j == last else 1,
            )
            for j in range(len(names))
        ]


class SoftOrdering(Wired):
    """Modules in a mixture at each depth, behind an encoder.

    `mixture [1 or B, modules, depth]` are the weights, of all samples or of each. `used` names the
    modules that are run at each depth; all others have a weight of 0 there.

    With gates a sample's weights are mixture_i exp(g_i) / sum_k mixture_k exp(g_k), where g = G x
    is a linear map of what comes in at this depth (of its mean over positions): the softmax of
    structure and gates. `gates [tasks, modules, depth, width]` are those of some tasks, and
    `gates_of [1 or B]` says which of them each sample has.
    """

    mixture: Tensor
    gates: Tensor
    gates_of: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        component: Callable[[int], nn.Module],
        components: int,
        room: int,
        depth: int,
    ) -> None:
        super().__init__()
        total = components + room
        self.encoder = encoder
        self.components = nn.ModuleList(component(number) for number in range(total))
        # Names of their own for what each depth gives out, so that it can be read.
        self.mixed = nn.ModuleList(nn.Identity() for _ in range(depth))
        self.depth = depth
        self.in_turn = [layer % components for layer in range(depth)]
        mixture = torch.zeros(1, total, depth)
        for layer, number in enumerate(self.in_turn):
            mixture[0, number, layer] = 1.0
        self.register_buffer("mixture", mixture)
        self.used: Sequence[Sequence[int]] = [[number] for number in self.in_turn]
        self.is_gated = False

    def add_gates(self, width: int) -> None:
        """Of one task, and all 0: they change nothing."""
        self.is_gated = True
        self.register_buffer("gates", torch.zeros(*self.mixture.shape, width))
        self.register_buffer("gates_of", torch.zeros(1, dtype=torch.int64))

    def wire(self, x: Tensor, run: Run) -> Tensor:
        # `run` calls a submodule with the stack's weights; the wiring itself has none.
        x = run(self.encoder, x)
        for layer, mixed in enumerate(self.mixed):
            x = run(mixed, self._mixture_of(x, layer, run))
        return x

    def _mixture_of(self, x: Tensor, layer: int, run: Run) -> Tensor:
        """Added up module by module: what has no weight changes no bit of the others."""
        # `[..., 1 or B, modules]`; in a stack the members come before.
        weights = self.mixture[..., layer]
        if self.is_gated:
            weights = self._gated(weights, x, layer)
        total: Tensor | None = None
        for number in self.used[layer]:
            given = run(self.components[number], x)
            weight = weights[..., number]
            # The weight beside channels and positions, of which a dense module's output has none.
            part = given * beside(weight, given)
            total = part if total is None else total + part
        assert total is not None, "a network has at least one module"
        return total

    def _gated(self, weights: Tensor, x: Tensor, layer: int) -> Tensor:
        """`[..., 1 or B, modules]` to the weights of each sample, `[..., B, modules]`."""
        # Of what has no weight no exponential: it is not to be the largest, by which the others are
        # divided.
        numbers = self._numbers(x, layer).masked_fill(weights == 0, -torch.inf)
        shares = weights * (numbers - numbers.detach().amax(-1, keepdim=True)).exp()
        return shares / shares.sum(-1, keepdim=True)

    def _numbers(self, x: Tensor, layer: int) -> Tensor:
        """`[..., B, modules]`: what each sample's own gates say.

        What the gates of all these tasks say is little beside a copy of its gates for each sample.
        """
        first_position = self.mixture.dim() - 1
        if x.dim() > first_position:
            # Global average pooling: a gate sees channels, whatever the picture's size at this
            # depth.
            x = x.flatten(first_position).mean(-1)
        gates = self.gates[..., layer, :]  # [..., tasks, modules, width]
        # `[..., B, tasks * modules]`: one product for the gates of all tasks.
        of_tasks = x @ gates.flatten(-3, -2).transpose(-1, -2)
        of_tasks = of_tasks.unflatten(-1, gates.shape[-3:-1])
        own = self.gates_of[..., None, None].expand(*x.shape[:-1], 1, gates.shape[-2])
        taken: Tensor = of_tasks.gather(-2, own)
        return taken.squeeze(-2)
