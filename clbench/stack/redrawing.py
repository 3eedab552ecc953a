"""A stack's weights drawn anew: all of them, some parameters, or single units."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.models.layer import Layer
from clbench.stack.initial import Distribution, distributions_of, draw, known
from clbench.stack.members import beside
from clbench.stack.modules import Factory, build
from clbench.stack.noise import Noise
from clbench.stack.units import FreshUnits, Initial
from clbench.typing import Member


class Redrawing:
    """What a stack offers to those who begin with untrained weights again.

    Each member's are drawn under the seed it began with, so they depend on nobody else's.
    """

    factory: Factory
    stream: str
    seeds: tuple[Member, ...]
    starts: tuple[Member, ...]
    device: torch.device
    module: nn.Module
    params: dict[str, Tensor]
    buffers: dict[str, Tensor]
    fresh_units: FreshUnits
    distributions: dict[str, Distribution] | None

    @property
    @abstractmethod
    def members(self) -> int:
        """R."""

    @abstractmethod
    def layers(self) -> Sequence[Layer]:
        """The hidden layers, as the model names them."""

    @torch.no_grad()
    def redraw(self, names: Iterable[str], stream: str, *step: int) -> None:
        """Draw these parameters again from the model's initial
        distribution, each member under the seed it began with.
        """
        chosen = list(names)  # gone through once a member
        for row, (member, start) in enumerate(zip(self.seeds, self.starts, strict=True)):
            # The whole network is built, on the host, and only these parameters are taken: an
            # initialiser may draw in the order of the modules.
            module = build(self.factory, member, stream, *step, start=start)
            fresh = dict(module.named_parameters())
            for name in chosen:
                self.params[name][row] = fresh[name].to(self.device)

    @torch.no_grad()
    def restart(self, stream: str) -> None:
        """Begin with an untrained network, running statistics and dropout's noise included.

        Each member's is drawn under the seed it began with and this name; another name is another
        network.
        """
        for row, (member, start) in enumerate(zip(self.seeds, self.starts, strict=True)):
            # Another stream than `init`, so other numbers; `self.stream` keeps two networks apart.
            module = build(self.factory, member, f"{self.stream}/{stream}", start=start)
            for name, parameter in module.named_parameters():
                self.params[name][row] = parameter.to(self.device)
            for name, buffer in module.named_buffers():
                self.buffers[name][row] = buffer.to(self.device)

    def fresh(self, names: Iterable[str], noise: Noise) -> dict[str, Tensor]:
        """These parameters as a new network would have them,
        `[R, ...]`, drawn by `noise` (`self.rng(name)`).

        Cheap enough for every step, and nothing but numbers of the members' own. The model has to
        draw each by one call (`uniform_`, `normal_`, a constant), as torch's layers do:
        `initial_distributions(names)` gives what was found, or an error that names the parameter.
        """
        like = {name: self.params[name] for name in names}
        return draw(self.initial_distributions(like), like, noise)

    def initial_distributions(self, names: Iterable[str]) -> dict[str, Distribution]:
        """What a new network draws these parameters from."""
        if self.distributions is None:
            self.distributions = distributions_of(self.factory)
        return known(self.distributions, list(names))

    def redraw_units(self, layer: Layer | str, due: Tensor, initial: Initial = "model") -> None:
        """Give the units that are due, `[R, units]`, the
        weights in, biases and norms of an untrained network.

        With norms go their running statistics. `initial` names another distribution of the weights
        than the model's, with biases of 0. Numbers are drawn only where somebody is due, and for a
        member by its own seed and count. What goes out of a unit is left to the caller
        (`clbench.restart_units` sees to it). On a GPU the host waits for `due`, so a step that
        calls this cannot be captured in a device graph.
        """
        chosen = self._layer_named(layer) if isinstance(layer, str) else layer
        own = {**self.params, **self.buffers}
        self.fresh_units.redraw(own, chosen, due, initial, self._gain(chosen))

    def _layer_named(self, name: str) -> Layer:
        return {layer.name: layer for layer in self.layers()}[name]

    def _gain(self, layer: Layer) -> float:
        """By how much the weights into a layer are larger
        than with no activation, as torch counts it.
        """
        activation = self.module.get_submodule(layer.read)
        return nn.init.calculate_gain("tanh" if isinstance(activation, nn.Tanh) else "relu")

    def _fresh(self, member: int, stream: str, number: int) -> dict[str, Tensor]:
        """The parameters and buffers of an untrained network of this member."""
        module = build(self.factory, self.seeds[member], f"{self.stream}/{stream}", number)
        own = [*module.named_parameters(), *module.named_buffers()]
        return {name: value.detach() for name, value in own}

    @torch.no_grad()
    def take(self, other: Self, where: Tensor) -> None:
        """Copy the parameters and buffers of the members
        `where` `[R]` from another stack of this model.

        For a member's best weights: `best = net.spawn()`, `best.take(net, accuracy > record)`, and
        back.
        """
        if other.members != self.members or where.shape != (self.members,):
            raise StrategyError(
                f"take() wants a stack of {self.members} members and where [{self.members}], and"
                f" got {other.members} and {list(where.shape)}"
            )
        for mine, theirs in ((self.params, other.params), (self.buffers, other.buffers)):
            for name, value in mine.items():
                # `[R]` to `[R, 1, ...]`.
                chosen = beside(where, value)
                value.copy_(torch.where(chosen, theirs[name], value))
