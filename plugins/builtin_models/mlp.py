"""A multi-layer perceptron."""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from torch import nn

from clbench import Layer

from .hidden import activated, layer_of

NORMS = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def mlp(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    hidden: tuple[PositiveInt, ...] = (400, 400),  # units of each hidden layer
    norm: Literal["none", "batch", "layer"] = "none",  # before the activation
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,  # after the activation
    # Of every hidden layer. With `crelu` a unit feeds both relu(z) and relu(-z) to the next layer.
    activation: Literal["relu", "tanh", "crelu"] = "relu",
    # Weights at the start. `default`: torch's, uniform up to sqrt(1 / fan in), biases too. With
    # biases of 0, `xavier`: uniform up to sqrt(6 / (fan in + fan out)), as in Mammoth; `kaiming`:
    # up to gain x sqrt(3 / fan in), with the gain of the activation, and 1 for the head.
    init: Literal["default", "xavier", "kaiming"] = "default",
) -> nn.Module:
    """A multi-layer perceptron: linear, norm, activation, dropout a hidden layer, then the head."""
    model = MLP(math.prod(input_shape), classes, hidden, norm, dropout, activation)
    if init != "default":
        initialise(model, init, "tanh" if activation == "tanh" else "relu")
    return model


def initialise(model: nn.Module, init: str, activation: Literal["relu", "tanh"]) -> None:
    """Draw the weights of the linear layers anew, and set their biases to 0."""
    for name, module in model.named_modules():
        if not isinstance(module, nn.Linear):
            continue
        nn.init.zeros_(module.bias)
        if init == "xavier":
            # Glorot & Bengio 2010.
            nn.init.xavier_uniform_(module.weight)
            continue
        # He et al. 2015; no activation follows the head, so its gain is 1.
        follows = "linear" if name == "head" else activation
        nn.init.kaiming_uniform_(module.weight, nonlinearity=follows)


class MLP(nn.Sequential):
    """The modules in order, each with a name of its own, so that any activation can be read."""

    def __init__(
        self,
        inputs: int,
        classes: int,
        hidden: tuple[int, ...],
        norm: str,
        dropout: float,
        activation: str,
    ) -> None:
        self.block = 2 if activation == "crelu" else 1
        modules: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
        for k, units in enumerate(hidden, start=1):
            modules[f"linear{k}"] = nn.Linear(inputs, units)
            if norm != "none":
                modules[f"norm{k}"] = NORMS[norm](units)
            modules |= activated(k, activation)
            if dropout:
                modules[f"drop{k}"] = nn.Dropout(dropout)
            inputs = units * self.block
        modules["head"] = nn.Linear(inputs, classes)
        super().__init__(modules)
        self.depth, self.normed = len(hidden), norm != "none"

    def layers(self) -> list[Layer]:
        """The hidden layers, first to last."""
        products = [f"linear{k}" for k in range(1, self.depth + 1)]
        pairs = pairwise([*products, "head"])
        return [self._layer(k, *pair) for k, pair in enumerate(pairs, start=1)]

    def _layer(self, k: int, product: str, after: str) -> Layer:
        norm = (f"norm{k}.weight", f"norm{k}.bias") if self.normed else ()
        return layer_of(f"hidden{k}", product, after, read=f"act{k}", norm=norm, block=self.block)
