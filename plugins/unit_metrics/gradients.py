"""Gradients that vanish, and gradients that work against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor


class DeadGradients(ProbeMetric):
    """The share of hidden units whose gradient is exactly 0: rows of weights that do not learn.

    Over training samples of the task, of the cross-entropy in evaluation mode; nothing cancels
    between samples or positions. A row (or entry) is dead only if it was so each time that this
    metric measured in the task: with `when: epoch_end` those that stayed so at the end of every
    epoch, with `when: step` after every step. All hidden layers together come first, where they
    count by their size, and are what tables show; then each.
    """

    higher_is_better = False
    unit = "fraction"
    limits = (0.0, 1.0)
    count: Literal["rows", "entries"] = "rows"  # of each hidden layer's weight
    samples: PositiveInt = 100  # at most so many training samples of the task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        sizes = self._gradient_sizes(probe)
        learning = [self._that_learn(layer) for layer in sizes]
        if probe.memory.get("task") == probe.task.index:
            before = zip(learning, probe.memory["learning"], strict=True)
            # Dead is what never learnt in this task: one time of learning is enough to be alive.
            learning = [now | then for now, then in before]
        probe.memory.update(task=probe.task.index, learning=learning)
        dead = [(~layer).flatten(1).double() for layer in learning]
        layers = torch.stack([layer.mean(1) for layer in dead], dim=1)
        shares = torch.cat([torch.cat(dead, dim=1).mean(1, keepdim=True), layers], dim=1)
        # NaN != 0 would count as learning.
        diverged = torch.stack([layer.flatten(1).isnan().any(1) for layer in sizes]).any(0)
        return shares.where(~diverged[:, None], torch.nan)

    def _gradient_sizes(self, probe: Probe) -> list[Tensor]:
        """What makes up each hidden layer's gradient, `[R, *weight]`; 0 of members that sit out."""
        from clbench import beside

        from .backward import gradient_sizes

        found = probe.once(gradient_sizes, "train", self.samples)
        if self.when != "step":
            return found
        # Between two steps the rows of a member that sits out mean nothing.
        active = probe.strategy.active
        return [sizes.where(beside(active, sizes), 0.0) for sizes in found]

    def _that_learn(self, sizes: Tensor) -> Tensor:
        """`[R, rows]`, or `[R, *weight]`."""
        return (sizes != 0).flatten(2).any(2) if self.count == "rows" else sizes != 0


class GradientInterference(ProbeMetric):
    """The cosine between the gradients of the loss on the new task and on the old ones; below 0
    they work against each other.

    Each is the gradient of the mean cross-entropy on training samples, in evaluation mode, over all
    parameters (Lopez-Paz & Ranzato 2017 constrain this product, Riemer et al. 2019 call it
    interference). After the first task there is none. At the end of a task its own gradient is
    small; `when: epoch_end` looks while it is learnt.
    """

    limits = (-1.0, 1.0)
    tasks: PositiveInt = 10  # at most so many old tasks, the latest
    samples: PositiveInt = 100  # at most so many training samples a task

    def measure(self, probe: Probe) -> Tensor:
        from .backward import cosine, loss_gradients
        from .features import nothing_after_the_first_task

        now = probe.task.index
        # A tuple, which `once` can keep the result by.
        old = tuple(range(max(0, now - self.tasks), now))
        if not old:
            return nothing_after_the_first_task(probe)
        new = probe.once(loss_gradients, (now,), self.samples)
        return cosine(new, probe.once(loss_gradients, old, self.samples))
