"""Fresh weights for single units."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from clbench import randomness
from clbench.models.layer import Layer
from clbench.stack.noise import Noise
from clbench.stack.state import Stateful
from clbench.typing import Member

Build = Callable[[int, str, int], Mapping[str, Tensor]]
Initial = Literal["model", "kaiming", "kaiming_normal", "default", "xavier"]


class FreshUnits(Stateful):
    """Units as a network has them before it is trained,
    one after the other, for each member and layer.

    They are taken from networks that are built for the purpose under the member's own seed: its
    first new units are the units of the first such network, and so on. Building one costs as much
    as a few hundred steps of a small network, so it is kept until its units are used up. Weights of
    a named distribution are drawn by the same count, and norms alone come from a network then. What
    is counted is state; the networks are not, for the count says which one it was.
    """

    wiring: ClassVar[frozenset[str]] = frozenset({"build", "seeds", "stream", "kept"})

    def __init__(self, build: Build, seeds: Sequence[Member], stream: str) -> None:
        """`build(member, stream, number)` gives an untrained network's parameters and buffers."""
        self.build, self.seeds, self.stream = build, tuple(seeds), stream
        self.taken: dict[str, Tensor] = {}  # [R] by layer, on the CPU
        self.kept: dict[tuple[int, str], tuple[int, dict[str, Tensor]]] = {}

    def member_state(self, member: int) -> dict[str, Tensor]:
        """What a member that is about to sit out has taken of each layer.

        Kept apart from the tables: a layer's is made with its first new unit, maybe while the
        member sits out.
        """
        return {layer: taken[member].clone() for layer, taken in self.taken.items()}

    def set_member_state(self, member: int, state: Mapping[str, Tensor]) -> None:
        """Count on from there, and from 0 in a layer of which the member had taken none."""
        for layer, taken in self.taken.items():
            taken[member] = state.get(layer, 0)

    @torch.no_grad()
    def redraw(
        self,
        own: Mapping[str, Tensor],
        layer: Layer,
        due: Tensor,
        initial: Initial = "model",
        gain: float = 1.0,
    ) -> None:
        """Give the units of `layer` that are due, `[R, units]`, fresh values in `own`.

        `own` are parameters and buffers, `[R, ...]` by name; `gain` is that of the layer's
        activation.
        """
        where = due.cpu().numpy()  # which is no reading of a value to torch
        if not where.any():
            return
        if layer.name not in self.taken:
            self.taken[layer.name] = torch.zeros(len(self.seeds), dtype=torch.int64)
        taken = self.taken[layer.name].cpu().numpy()
        norms = norm_names(layer, own)
        for member, unit in np.argwhere(where).tolist():
            # The host's numbers: fresh units are drawn here, one by one, and seldom.
            count = int(taken[member])
            if initial == "model":
                fresh = self._built(member, layer, count, [*incoming_names(layer), *norms], own)
            else:
                fresh = self._built(member, layer, count, norms, own)
                shape = own[layer.weight].shape[1:]
                fresh[layer.weight] = self._drawn(member, layer, count, shape, initial, gain)
                if layer.bias is not None:
                    # A scalar, broadcast on assignment: one unit has one bias.
                    fresh[layer.bias] = torch.zeros(())
            for name, value in fresh.items():
                own[name][member, unit] = value
            taken[member] += 1
        self.taken[layer.name].copy_(torch.from_numpy(taken))

    def _built(
        self,
        member: int,
        layer: Layer,
        count: int,
        names: Sequence[str],
        own: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """What the member's unit of this count has under these names in an untrained network."""
        if not names:
            return {}
        # The count's network, and the unit in it: networks are used up unit by unit.
        number, row = divmod(count, own[layer.weight].shape[1])
        held = self.kept.get((member, layer.name))
        if held is None or held[0] != number or any(name not in held[1] for name in names):
            network = self.build(member, f"fresh/{layer.name}", number)
            held = number, {name: network[name] for name in names}
            self.kept[member, layer.name] = held
        return {name: held[1][name][row] for name in names}

    def _drawn(
        self,
        member: int,
        layer: Layer,
        count: int,
        shape: Sequence[int],
        initial: Initial,
        gain: float,
    ) -> Tensor:
        """The weights in of the member's unit of this count, from a named distribution."""
        stream = f"{self.stream}/fresh/{layer.name}/{initial}"
        # A stream of one member for one draw: the key holds the count, and so nothing is state.
        noise = Noise([randomness.key(*self.seeds[member], stream, count)])
        units, *row = shape
        if initial == "kaiming_normal":
            # He et al. 2015: variance gain^2 / fan-in.
            return noise.normal(*row)[0] * (gain / math.sqrt(math.prod(row)))
        bound = uniform_bound(initial, units, row, gain)
        # [0, 1) to [-bound, bound).
        return (noise.uniform(*row)[0] * 2 - 1) * bound


def uniform_bound(initial: str, units: int, row: Sequence[int], gain: float) -> float:
    """How far from 0 a named uniform distribution reaches, for `units` rows of this shape."""
    fan_in = math.prod(row)
    if initial == "kaiming":  # He et al. 2015
        # A uniform distribution on [-b, b] has variance b^2 / 3; wanted is gain^2 / fan-in.
        return gain * math.sqrt(3 / fan_in)
    if initial == "xavier":  # Glorot & Bengio 2010
        # Outputs times the kernel's area: each input reaches that many weights.
        fan_out = units * math.prod(row[1:])
        return math.sqrt(6 / (fan_in + fan_out))
    # `kaiming_uniform_(a=sqrt(5))` of torch's `reset_parameters` comes to just this.
    return math.sqrt(1 / fan_in)  # as torch's own layers begin


def incoming_names(layer: Layer) -> list[str]:
    """The parameters that go into a layer's units: a row or an entry each."""
    return [layer.weight] if layer.bias is None else [layer.weight, layer.bias]


def norm_names(layer: Layer, own: Mapping[str, Tensor]) -> list[str]:
    """The parameters of a layer's norms, and those of their buffers that have an entry a unit."""
    modules = {name.rpartition(".")[0] for name in layer.norm}
    units = own[layer.weight].shape[1]
    statistics = [
        name
        for name, value in own.items()
        if name.rpartition(".")[0] in modules and name not in layer.norm
        # `[R, units]`; `num_batches_tracked` is `[R]`, and is left alone.
        if value.dim() > 1 and value.shape[1] == units
    ]
    return [*layer.norm, *statistics]
