"""A step of an optimiser whose updates somebody changes before they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack.optimizer import Updates


@torch.no_grad()
def adjusted_step(
    params: Sequence[Tensor], step: Callable[[], Any], adjust: Callable[[Updates], Any]
) -> None:
    """Take `step`, and let `adjust` change what it added to each parameter.

    The step is taken as always, so moments and counts are what they are without `adjust`, and what
    is changed is added after it: where nothing is changed, not a bit is.
    """
    before = [param.detach().clone() for param in params]
    step()
    updates: Updates = [
        None if param.grad is None else param.detach() - old
        for param, old in zip(params, before, strict=True)
    ]
    # Kept, to see afterwards what `adjust` changed.
    own = [None if update is None else update.clone() for update in updates]
    if (answer := adjust(updates)) is not None:
        raise StrategyError(
            f"adjust_updates returned a {type(answer).__name__}; it changes the updates in place"
            " (updates[0].mul_(0.5), or updates[0] = ...) and returns nothing"
        )
    for param, old, update, taken in zip(params, before, updates, own, strict=True):
        if taken is not None:
            # The difference alone: adding 0.0 changes no bit of a parameter.
            param.copy_(old) if update is None else param.add_(update - taken)
