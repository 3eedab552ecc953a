"""How a model names its hidden units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One hidden layer: where its activation is read, which parameters go in and out of its units.

    Names are those of `named_modules()` and `named_parameters()`. Unit k owns row k of `weight`,
    entry k of `bias` and of every parameter in `norm`, and columns `k*block .. (k+1)*block` of
    `out_weight`'s second dimension (`block` > 1 where a filter is flattened into several inputs of
    a linear layer, or a unit has two halves, as with crelu). What is read is `[B, units, ...]`:
    whatever comes behind the units (positions of a filter, halves) are several values of one unit.
    """

    name: str
    read: str
    weight: str
    bias: str | None
    out_weight: str
    out_bias: str | None
    norm: tuple[str, ...] = ()
    block: int = 1
    kind: str = ""
    """What `weight` is the weight of: "linear", "conv", or a module's class; `net.layers()` fills
    it in.
    """
