"""What a solo strategy holds: the tensors that it trains, and what it carries beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from clbench.stack import Stateful

if TYPE_CHECKING:
    from clbench.engine.solo import SoloStrategy

NOT_CARRIED = frozenset(
    {"net", "optimizer", "noise"}
)  # what a stacked strategy does not count either


def leaves(value: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """Every tensor, array, module and optimiser in a value, once each."""
    seen = set() if seen is None else seen
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, (Tensor, np.ndarray, nn.Module, torch.optim.Optimizer)):
        yield value
        return
    for item in _items(value):
        yield from leaves(item, seen)


def tensors_of(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value: in containers, modules (parameters and buffers) and optimisers."""
    for leaf in leaves(value):
        if isinstance(leaf, Tensor):
            yield leaf
        elif isinstance(leaf, nn.Module):
            yield from leaf.parameters()
            yield from leaf.buffers()
        elif isinstance(leaf, torch.optim.Optimizer):
            yield from tensors_of(leaf.state)


def trained(solo: SoloStrategy) -> list[Tensor]:
    """What the method trains: the parameters of `net` and of every optimiser.

    A method that has neither may still learn by hand: then it is its modules and the tensors with gradients.
    """
    held = list(leaves(solo.held()))
    found = _parameters(vars(solo).get("net"))
    for leaf in held:
        if isinstance(leaf, torch.optim.Optimizer):
            found += [tensor for group in leaf.param_groups for tensor in group["params"]]
    if not found:
        for leaf in held:
            found += _parameters(leaf)
    return list({id(tensor): tensor for tensor in found}.values())


def parameter_count(solo: SoloStrategy) -> int:
    """How many numbers the method trains."""
    return sum(tensor.numel() for tensor in trained(solo))


def carried_bytes(solo: SoloStrategy) -> int:
    """What the method carries beside its network and its optimiser: buffers, old models, arrays."""
    network = {id(tensor) for tensor in trained(solo)}
    beside = {name: item for name, item in solo.held().items() if name not in NOT_CARRIED}
    tensors = {id(tensor): tensor for tensor in tensors_of(beside)}
    arrays = [leaf for leaf in leaves(beside) if isinstance(leaf, np.ndarray)]
    in_tensors = sum(
        tensor.numel() * tensor.element_size()
        for which, tensor in tensors.items()
        if which not in network
    )
    return in_tensors + sum(array.nbytes for array in arrays)


def _parameters(value: Any) -> list[Tensor]:
    """The parameters of a module; a tensor that has a gradient is one itself."""
    if isinstance(value, nn.Module):
        return list(value.parameters())
    return [value] if isinstance(value, Tensor) and value.requires_grad else []


def _items(value: Any) -> list[Any]:
    if isinstance(value, Stateful):
        return list(value.held().values())
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple, set)):
        return list(value)
    return []
