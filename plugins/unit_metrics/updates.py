"""How far weights move, measured by their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor

LEAST = 1e-12  # added to the norm of the weights
PUBLISHED = 1e12  # what is added in the code of the study that asks for this metric


class RelativeUpdate(ProbeMetric):
    """||change of W|| / (||W|| + 1e-12), Frobenius norms, of all weight matrices, then of each.

    The change is the real one since this metric measured before, whatever the optimiser made of the
    gradient, and W what it was then: `when: step` gives that of each step, `epoch_end` and
    `task_end` that over an epoch or a task. What is reset between tasks counts. The first
    measurement has nothing before it.

    `of: gradient` takes ||rate * g|| for the change, with g the gradient of the mean cross-entropy
    on training samples of the task: the step of plain gradient descent, which is not that of Adam,
    nor of momentum.
    """

    higher_is_better = False
    empty = (
        "it compares with the measurement before, and there was one alone; `when: step` has more"
    )
    when: Literal["step", "epoch_end", "task_end"] = "epoch_end"  # what a change is measured over
    of: Literal["update", "gradient"] = "update"  # the real change, or the rate times the gradient
    # Of `gradient`: + 1e+12 in place of + 1e-12, a slip in published code, under which every value
    # is next to 0.
    as_published: bool = False
    samples: PositiveInt = 100  # of `gradient`: at most so many training samples of the task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        weights = _matrices(probe)
        if self.of == "gradient":
            changes = self._rate_times_gradient(probe, list(weights))
            sizes = {name: weights[name] for name in changes}
        else:
            sizes = self._weights_before(probe, weights)
            changes = {name: weights[name] - before for name, before in sizes.items()}
        if not sizes:
            return torch.full((len(probe.x), 1 + len(weights)), torch.nan)
        change, size = (_norms(tensors) for tensors in (changes, sizes))
        return change / (size + (PUBLISHED if self.as_published else LEAST))

    def _weights_before(self, probe: Probe, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights at the measurement before; these are kept for the next one."""
        before: dict[str, Tensor] = probe.memory.get("weights", {})
        kept = {name: value.clone() for name, value in weights.items()}
        if self.when == "step" and before:
            kept = {name: self._of_active(probe, kept[name], before[name]) for name in kept}
        probe.memory["weights"] = kept
        return before

    def _of_active(self, probe: Probe, new: Tensor, old: Tensor) -> Tensor:
        """Of a member that sits out what it had: between two steps its rows mean nothing."""
        from clbench import beside

        return new.where(beside(probe.strategy.active, new), old)

    def _rate_times_gradient(self, probe: Probe, names: list[str]) -> dict[str, Tensor]:
        from clbench import beside

        from .backward import loss_gradients

        rate = probe.strategy.optimizer.lr
        found = probe.once(loss_gradients, (probe.task.index,), self.samples)
        trained = [name for name in names if name in found]
        return {name: found[name] * beside(rate, found[name]) for name in trained}


def _matrices(probe: Probe) -> dict[str, Tensor]:
    """The weights of linear layers and convolutions, `[R, out, in, ...]`."""
    named = probe.net.named_parameters()
    # The members are a dimension: biases and the scales of normalisation have 2.
    return {name: value.detach() for name, value in named.items() if value.dim() >= 3}


def _norms(tensors: dict[str, Tensor]) -> Tensor:
    """`[R, 1 + matrices]`: of all together, then of each."""
    import torch

    from .backward import norm

    each = torch.stack([norm(value) for value in tensors.values()], dim=1)
    # The Frobenius norm of all matrices as one.
    return torch.cat([each.square().sum(1, keepdim=True).sqrt(), each], dim=1)
