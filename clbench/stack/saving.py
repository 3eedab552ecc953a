"""Saving: state as plain data and tensors, which `torch.load(weights_only=True)` reads."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from clbench.errors import StrategyError
from clbench.stack.state import MAPPINGS, PLAIN, SEQUENCES, Reference, Saved, Stateful, class_name


def save(root: Stateful) -> Saved:
    """The state of `root` and of everything it holds."""
    return _Saver().encode(root, type(root).__name__)


class _Saver:
    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.kept: list[Any] = []  # keeps ids from being used twice while the walk goes on

    def encode(self, value: Any, path: str) -> Saved:
        # Exact types: a subclass (a named tuple, an enumeration's member) would come back as
        # something else, or not at all.
        if type(value) in PLAIN:
            return {"kind": "plain", "value": value}
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            # A numpy number becomes Python's: float64 loses nothing.
            return {"kind": "plain", "value": value.item()}
        if isinstance(value, Reference):
            return {"kind": "reference", "value": list(value.address)}
        if type(value) in (*SEQUENCES.values(), torch.Size):
            # Sets in a fixed order, so that equal states are saved as equal bytes.
            items = sorted(value, key=repr) if type(value) is set else value
            kind = "tuple" if type(value) is torch.Size else type(value).__name__
            return {
                "kind": kind,
                "items": [self.encode(item, f"{path}[{i}]") for i, item in enumerate(items)],
            }
        if type(value) in MAPPINGS.values():
            pairs = [
                (self._key(key, path), self.encode(item, f"{path}[{key!r}]"))
                for key, item in value.items()
            ]
            return {"kind": type(value).__name__, "items": pairs}
        # Seen before: an alias, so that two names of one tensor stay one tensor.
        if id(value) in self.seen:
            return {"kind": "alias", "id": self.seen[id(value)]}
        # Before its parts are encoded, which may refer back to it.
        self.seen[id(value)] = len(self.seen)
        self.kept.append(value)
        return {"id": self.seen[id(value)], **self._object(value, path)}

    def _object(self, value: Any, path: str) -> Saved:
        if isinstance(value, Tensor):
            # To the host one by one: a second copy of everything may not find room on a GPU.
            # detach: the values alone; the graph of an unfinished step is not state.
            copied = value.detach().to("cpu", copy=True)
            return {
                "kind": "tensor",
                "value": copied,
                "grad": value.requires_grad,
                "device": value.device.type,
            }
        if isinstance(value, Stateful):
            path = value.known_as(path)
            held = {key: self.encode(item, f"{path}.{key}") for key, item in value.held().items()}
            return {
                "kind": "object",
                "class": class_name(type(value)),
                "held": held,
            }
        if isinstance(value, nn.Module):
            return {
                "kind": "module",
                "value": copy.deepcopy(value.state_dict()),
                "training": value.training,
            }
        if isinstance(value, torch.optim.Optimizer):
            return {"kind": "optimizer", "value": copy.deepcopy(value.state_dict())}
        if isinstance(value, torch.Generator):
            return {"kind": "generator", "value": value.get_state(), "device": str(value.device)}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
            return {"kind": "array", "value": torch.from_numpy(value.copy())}
        if isinstance(value, (torch.dtype, torch.device)):
            # `torch.float32` is saved as `float32`, and looked up in torch again.
            return {"kind": type(value).__name__, "value": str(value).removeprefix("torch.")}
        raise StrategyError(
            f"{path}: a {type(value).__name__} cannot be saved; keep tensors, modules, optimisers,"
            " numbers, strings and containers of them"
        )

    @staticmethod
    def _key(key: Any, path: str) -> Any:
        parts = key if type(key) is tuple else (key,)
        if all(type(part) in PLAIN for part in parts):
            return key
        raise StrategyError(
            f"{path}: a dictionary with a key of type {type(key).__name__} cannot be saved; use"
            " strings or numbers"
        )
