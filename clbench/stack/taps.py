"""What goes in and out of the modules of a stack, with the gradients of what goes out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def widen(tensor: Tensor) -> Tensor:
    """Back to fp32."""
    return tensor.float() if tensor.dtype is torch.bfloat16 else tensor


class Taps:
    """What went in and out of the modules of a stack in one
    forward: `inputs[name]`, `outputs[name]`, `[R, B, ...]` each.

    Of a module that was called several times (its name is in `repeated`) they show the last.
    """

    def __init__(
        self,
        seen: dict[str, tuple[Tensor, Tensor]],
        graph: dict[str, Any],
        repeated: frozenset[str],
    ) -> None:
        self.repeated = repeated
        # Values only. Gradients are asked for through `_graph`, whose nodes stay in the graph.
        self.inputs = {site: pair[0].detach() for site, pair in seen.items()}
        self.outputs = {site: pair[1].detach() for site, pair in seen.items()}
        self._graph = graph

    def deltas(self, value: Tensor, retain_graph: bool = True) -> dict[str, Tensor]:
        """The gradient of a scalar with respect to each output.

        With the inputs these are every example's own gradient of a linear layer, as a pair of
        factors.
        """
        # Loop form: a list with a node a member, None where the member is not computed.
        nodes = [
            node
            for held in self._graph.values()
            for node in (held if isinstance(held, list) else [held])
            if node is not None
        ]
        gradients = iter(
            # Zeros, not None, for a module that the value does not depend on.
            torch.autograd.grad(value, nodes, retain_graph=retain_graph, materialize_grads=True)
        )
        found = {}
        for site, held in self._graph.items():
            if isinstance(held, list):
                # In the order in which `nodes` were collected: the iterator is shared by all sites.
                rows = [None if node is None else widen(next(gradients)) for node in held]
                blank = torch.zeros_like(next(row for row in rows if row is not None))
                found[site] = torch.stack([blank if row is None else row for row in rows])
            else:
                found[site] = widen(next(gradients))
        return found
