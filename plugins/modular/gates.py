"""What makes the mixture of modules another one for each sample."""

from __future__ import annotations

import torch
from torch import Tensor

from clbench import Stateful

GATES, GATES_OF = "body.gates", "body.gates_of"


class NoGates(Stateful):
    """All samples of a task have its mixture."""

    width = 0

    @property
    def trained(self) -> list[Tensor]:
        """What the optimiser has to know."""
        return []

    def begin(self) -> None:
        """A task begins whose gates are trained."""

    def settle(self, task: int, allowed: Tensor) -> None:
        """The current ones are those of this task, for the modules `[R, M, depth]` it may use."""

    def of_one(self, task: int, is_current: bool) -> dict[str, Tensor]:
        """The network's buffers for samples that are all of one task."""
        return {}

    def of_each(self, tasks: Tensor, last: int, is_current: bool) -> dict[str, Tensor]:
        """The same for samples of tasks `[R, B]`, up to `last`, which may be the current one."""
        return {}


class Gates(NoGates):
    """For each task and depth a linear map from what comes in to a number a module ("soft gating").

    Added to the numbers of the structure, which so are its biases, they begin at 0: as a structure
    does. `finished [R, T, M, depth, width]` are those of finished tasks, `current [R, M, depth,
    width]` is trained.
    """

    def __init__(self, blank: Tensor, tasks: int) -> None:
        """`blank [R, 1, M, depth, width]`: zeros, as the network has them."""
        self.finished = blank.repeat(1, tasks, 1, 1, 1)
        self.current = blank[:, 0].clone().requires_grad_()
        self.width = blank.shape[-1]

    @property
    def trained(self) -> list[Tensor]:
        return [self.current]

    @torch.no_grad()
    def begin(self) -> None:
        self.current.zero_()

    @torch.no_grad()
    def settle(self, task: int, allowed: Tensor) -> None:
        self.finished[:, task] = torch.where(allowed[..., None], self.current, 0.0)

    def of_one(self, task: int, is_current: bool) -> dict[str, Tensor]:
        found = self.current if is_current else self.finished[:, task]
        # `[R, 1, M, depth, width]`: one task, as the buffer has it when nothing is given.
        return {GATES: found[:, None]}

    def of_each(self, tasks: Tensor, last: int, is_current: bool) -> dict[str, Tensor]:
        # `[R, last + 1, M, depth, width]`: a copy for each task, and none for each sample.
        known = self.finished[:, : last + 1]
        if is_current:
            known = torch.cat([known[:, :last], self.current[:, None]], 1)
        return {GATES: known, GATES_OF: tasks}
