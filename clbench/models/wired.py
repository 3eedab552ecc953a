"""A module that puts its submodules together in its own way, for one member or for all at once."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

Run = Callable[[nn.Module, Tensor], Tensor]


class Wired(nn.Module):
    """A module whose forward is written once, for one member and for the whole stack.

    `wire(x, run)` calls every submodule as `run(child, x)`, never `child(x)`. Alone, `x` is `[B,
    ...]`. In a stack it is `[R, B, ...]`, the module's own parameters and buffers have the same
    dimension in front, and what is done with them has to hold for both: dimensions are counted from
    the end, and elementwise operations broadcast. Such a model is run for all members at once,
    where another one with a forward of its own is run member by member on a CPU.
    """

    def wire(self, x: Tensor, run: Run) -> Tensor:
        """The forward, in terms of `run`."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """For one member."""
        return self.wire(x, lambda child, given: child(given))
