"""Units that start anew, with all that goes into them, out of them, and is remembered of them."""

from __future__ import annotations

import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.models.layer import Layer
from clbench.stack.members import beside
from clbench.stack.optimizer import Optimizer
from clbench.stack.stack import Stack
from clbench.stack.units import Initial


def layers_to_restart(net: Stack, strategy: str) -> list[Layer]:
    """The hidden layers, of a network that has some.

    For `setup` of a method that restarts units.
    """
    layers = net.layers()
    if not layers:
        raise StrategyError(
            f"{strategy}: the network has no hidden layer, so there are no units to start anew;"
            " give the model one, or leave the strategy out"
        )
    return layers


@torch.no_grad()
def restart_units(
    net: Stack,
    layer: Layer | str,
    due: Tensor,
    *,
    optimizer: Optimizer | None = None,
    initial: Initial = "model",
    zero_bias: bool = False,
    mean: Tensor | None = None,
    keep_first_moment: bool = False,
) -> None:
    """Give the units of a hidden layer that are due, `[R, units]`, a new start.

    What goes in (weights, bias, norms with their running statistics) is drawn as `net.redraw_units`
    does, and what goes out is 0, in all columns that a unit owns. With `mean`, `[R, units]`, the
    next layer's bias first takes over what the units gave it on average. With `optimizer` their
    entries are forgotten: moments, and Adam's counts of steps. `keep_first_moment` leaves the
    momentum of the weights in as it is.
    """
    if isinstance(layer, str):
        layer = {known.name: known for known in net.layers()}[layer]
    params = net.named_parameters()
    weight, out_weight = params[layer.weight], params[layer.out_weight]
    if due.shape != weight.shape[:2]:
        raise StrategyError(
            f"restart_units() wants the units of {layer.name} that are due as"
            f" {list(weight.shape[:2])}, and got {list(due.shape)}"
        )
    # Computed before anything changes, as is the mean's gift to the next layer: it needs the
    # weights out as they were.
    columns = columns_of(layer, due, out_weight)
    if mean is not None and layer.out_bias is not None:
        _hand_over(params[layer.out_bias], out_weight, torch.where(due, mean, 0.0))
    out_weight.masked_fill_(columns, 0.0)
    net.redraw_units(layer, due, initial)
    if zero_bias and layer.bias is not None:
        params[layer.bias].masked_fill_(due, 0.0)
    if optimizer is not None:
        _forget_units(net, layer, due, optimizer, first_moment=not keep_first_moment)


@torch.no_grad()
def expect_restarts(net: Stack, optimizer: Optimizer) -> None:
    """Let an optimiser count the steps of each unit from
    here on, as it does once units have started anew.

    For `begin_task` of a method that restarts units at steps of its own for each member. Adam steps
    entries that have an age of their own by other operations, whose last bits differ. Were it to
    begin with the first restart in the stack, a member's numbers would tell when a neighbour's
    units started anew.
    """
    params = net.named_parameters()
    for layer in net.layers():
        # Resets no entry, and yet makes the ages exist.
        nobody = torch.zeros(params[layer.weight].shape[:2], dtype=torch.bool, device=net.device)
        _forget_units(net, layer, nobody, optimizer)


def _forget_units(
    net: Stack, layer: Layer, due: Tensor, optimizer: Optimizer, first_moment: bool = True
) -> None:
    """Reset all that an optimiser holds of these units."""
    params = net.named_parameters()
    weight, out_weight = params[layer.weight], params[layer.out_weight]
    _forget(optimizer, weight, beside(due, weight), first_moment)
    for name in (layer.bias, *layer.norm):
        # Norms' weight and bias have one entry a unit, `[R, units]`, as the bias has.
        if name is not None:
            _forget(optimizer, params[name], due)
    _forget(optimizer, out_weight, columns_of(layer, due, out_weight))


def columns_of(layer: Layer, due: Tensor, out_weight: Tensor) -> Tensor:
    """The columns of the weights out that these units own, `[R, 1, columns, 1, ...]`."""
    # A unit before a flatten owns `block` columns (the positions of its map).
    return beside(due.repeat_interleave(layer.block, 1)[:, None], out_weight)


def _hand_over(bias: Tensor, out_weight: Tensor, mean: Tensor) -> None:
    """Add to the next layer's bias what units of this mean
    give it: each column, and each place of a window.
    """
    # `[R, out, units]`: the sum over a unit's block of columns and over kernel positions.
    by_unit = out_weight.reshape(*out_weight.shape[:2], mean.shape[1], -1).sum(3)
    # A unit's mean m adds w m to each output, `[R, out]`.
    bias.add_((by_unit * mean[:, None]).sum(2))


def _forget(optimizer: Optimizer, param: Tensor, where: Tensor, first_moment: bool = True) -> None:
    """Reset entries of a parameter, where the optimiser holds it."""
    if any(param is held for held in optimizer.params):
        optimizer.reset_entries(param, where, first_moment=first_moment)
