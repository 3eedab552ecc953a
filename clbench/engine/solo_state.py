"""What a solo strategy holds: the tensors that it trains, and what it carries beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from clbench.stack import walk
from clbench.stack.tree import every_tensor

if TYPE_CHECKING:
    from clbench.engine.solo import SoloStrategy

NOT_CARRIED = frozenset({"net", "optimizer", "noise"})  # nor does a stacked strategy count them


def optimizers(solo: SoloStrategy) -> Iterator[torch.optim.Optimizer]:
    """Every optimiser that a member holds."""
    for value in _held(solo):
        if isinstance(value, torch.optim.Optimizer):
            yield value


def trained(solo: SoloStrategy) -> list[Tensor]:
    """What the method trains: the parameters of `net` and of every optimiser.

    A method that has neither may still learn by hand: then it is its modules and the tensors with
    gradients.
    """
    found = _parameters(vars(solo).get("net"))
    for optimizer in optimizers(solo):
        for group in optimizer.param_groups:
            found += group["params"]
    if not found:
        for value in _held(solo):
            found += _parameters(value)
    # Tied parameters, or one in two optimisers, once, in their order.
    return list({id(tensor): tensor for tensor in found}.values())


def parameter_count(solo: SoloStrategy) -> int:
    """How many numbers the method trains."""
    return sum(tensor.numel() for tensor in trained(solo))


def carried_bytes(solo: SoloStrategy) -> int:
    """What the method carries beside its network and its optimiser: buffers, old models, arrays."""
    network = {id(tensor) for tensor in trained(solo)}
    beside = {name: item for name, item in solo.held().items() if name not in NOT_CARRIED}
    own = [tensor for tensor in every_tensor(beside) if id(tensor) not in network]
    in_tensors = sum(tensor.numel() * tensor.element_size() for tensor in own)
    arrays = [value for value in _held(beside) if isinstance(value, np.ndarray)]
    return in_tensors + sum(array.nbytes for array in arrays)


def _held(root: Any) -> Iterator[Any]:
    """Everything in the state, once."""
    for node in walk(root):
        if not node.again:
            yield node.value


def _parameters(value: Any) -> list[Tensor]:
    """The parameters of a module; a tensor that has a gradient is one itself."""
    if isinstance(value, nn.Module):
        return list(value.parameters())
    return [value] if isinstance(value, Tensor) and value.requires_grad else []
