"""What the hidden layers of several models have in common."""

from __future__ import annotations

from torch import nn

from clbench import CReLU, Layer

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "crelu": CReLU}


def activated(k: int, activation: str) -> dict[str, nn.Module]:
    """What follows linear layer k, and its norm."""
    modules: dict[str, nn.Module] = {f"act{k}": ACTIVATIONS[activation]()}
    if activation == "crelu":
        # `[B, units, 2]` to `[B, 2 units]`: the halves of a unit side by side.
        modules[f"join{k}"] = nn.Flatten(1, 2)
    return modules


def layer_of(
    name: str, product: str, after: str, *, read: str, norm: tuple[str, ...] = (), block: int = 1
) -> Layer:
    """The layer whose units the module `product` computes, and which the module `after` sees.

    `read` is the module behind which its activations are read, `block` how many inputs of `after` a
    unit feeds.
    """
    return Layer(
        name,
        read,
        f"{product}.weight",
        f"{product}.bias",
        f"{after}.weight",
        f"{after}.bias",
        norm,
        block,
    )
