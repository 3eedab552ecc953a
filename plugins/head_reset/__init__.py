"""A new last layer for every task."""

from __future__ import annotations

from typing import Literal

import torch

from clbench import Strategy, Task, errors, hookimpl


class HeadReset(Strategy):
    """Reset the last layer before every task but the first, and what the optimiser remembers of it.

    The protocol's `head_reset` does the same for all methods of a suite, and leaves the optimiser's
    moments as they are (here `moments: false`). With zeros it is the reset of continual ImageNet, with
    fresh weights the head resetting of Dohare et al. (Nature 632, 2024).
    """

    to: Literal["zero", "init"] = "init"  # zeros, or weights of an untrained network
    moments: bool = True  # forget the optimiser's moments of the last layer, too

    def setup(self) -> None:
        super().setup()
        if self.protocol.head == "multi":
            raise errors.StrategyError(
                "head_reset: each task has a fresh last layer with `head: multi`, and those of earlier"
                " tasks must last; leave head_reset out, or set `head: single`"
            )
        self.net.part("head")  # an error that comes now, or never

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if not task.index:
            return
        self.reset_head(self.to, task.index)
        if self.moments:
            self._forget()

    def _forget(self) -> None:
        """The optimiser steps the last layer as a new one."""
        stepped = {id(param) for param in self.optimizer.params}
        for param in self.net.part("head").parameters():
            if id(param) in stepped:
                shape = (self.members, *(1,) * (param.dim() - 1))
                everything = torch.ones(shape, dtype=torch.bool, device=self.device)
                self.optimizer.reset_entries(param, everything)


@hookimpl
def clbench_strategies() -> list[type]:
    return [HeadReset]
