"""Small networks, stacked and alone."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from clbench import Layer

FORMS = pytest.mark.parametrize("form", ["loop", "vmap"])


class Net(nn.Sequential):
    """Two named hidden layers."""

    def __init__(self, dropout: float = 0.0) -> None:
        modules = {
            "a": nn.Linear(4, 6),
            "act_a": nn.ReLU(),
            "drop": nn.Dropout(dropout),
            "b": nn.Linear(6, 5),
            "act_b": nn.Tanh(),
        }
        super().__init__(OrderedDict(modules, head=nn.Linear(5, 3)))

    def layers(self) -> list[Layer]:
        return [
            Layer("one", "act_a", "a.weight", "a.bias", "b.weight", "b.bias"),
            Layer("two", "act_b", "b.weight", "b.bias", "head.weight", "head.bias"),
        ]


def inputs(members: int = 3, size: int = 5) -> Tensor:
    return torch.randn(members, size, 4, generator=torch.Generator().manual_seed(0))
