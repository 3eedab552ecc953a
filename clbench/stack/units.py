"""Fresh weights for single units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from clbench.models.layer import Layer
from clbench.stack.state import Stateful

Build = Callable[[int, str, int], Mapping[str, Tensor]]


class FreshUnits(Stateful):
    """Units as a network has them before it is trained, one after the other, for each member and layer.

    They are taken from networks that are built for the purpose under the member's own seed: its first new
    units are the units of the first such network, and so on. Building one costs as much as a few hundred
    steps of a small network, so it is kept until its units are used up. What is counted is state; the
    networks are not, for the count says which one it was.
    """

    wiring: ClassVar[frozenset[str]] = frozenset({"build", "kept"})

    def __init__(self, build: Build, members: int) -> None:
        self.build, self.members = build, members
        self.taken: dict[str, Tensor] = {}  # [R] by layer, on the CPU
        self.kept: dict[tuple[int, str], tuple[int, dict[str, Tensor]]] = {}

    @torch.no_grad()
    def redraw(self, params: Mapping[str, Tensor], layer: Layer, due: Tensor) -> None:
        """Give the units of `layer` that are due, `[R, units]`, fresh weights, biases and norms."""
        where = due.cpu().numpy()  # which is no reading of a value to torch
        if not where.any():
            return
        if layer.name not in self.taken:
            self.taken[layer.name] = torch.zeros(self.members, dtype=torch.int64)
        taken = self.taken[layer.name].cpu().numpy()
        for member, unit in np.argwhere(where).tolist():
            network, row = divmod(int(taken[member]), where.shape[1])
            for name, value in self._network(member, layer, network).items():
                params[name][member, unit] = value[row]
            taken[member] += 1
        self.taken[layer.name].copy_(torch.from_numpy(taken))

    def _network(self, member: int, layer: Layer, number: int) -> dict[str, Tensor]:
        """The layer's parameters in the member's network of this number."""
        held = self.kept.get((member, layer.name))
        if held is None or held[0] != number:
            fresh = self.build(member, f"fresh/{layer.name}", number)
            held = number, {name: fresh[name] for name in own_parameters(layer)}
            self.kept[member, layer.name] = held
        return held[1]


def own_parameters(layer: Layer) -> list[str]:
    """Names of the parameters of which each unit of a layer owns a row or an entry."""
    bias = [] if layer.bias is None else [layer.bias]
    return [layer.weight, *bias, *layer.norm]
