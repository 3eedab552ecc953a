"""What becomes of the features of earlier tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from clbench import Probe, ProbeMetric

if TYPE_CHECKING:
    from torch import Tensor


class FeaturesOfEarlierTasks(ProbeMetric):
    """What the two have in common: features of fixed test samples, kept from their task's end on.

    The mean over earlier tasks comes first, then each of them; after the first task there is none.
    """

    when: Literal["task_end", "epoch_end"] = "task_end"  # the last epoch of a task is its end
    layer: str = "last"  # the hidden layer, by its name, or `last`
    tasks: PositiveInt = 10  # the first so many tasks are followed; their features are kept
    samples: PositiveInt = 100  # at most so many test samples a task

    def measure(self, probe: Probe) -> Tensor:
        import torch

        from .features import nothing_after_the_first_task

        now = probe.task.index
        if now < self.tasks:
            # Kept with the member's state: a run that is resumed still has it.
            probe.memory[str(now)] = self._features(probe, now)[0].clone()
        earlier = [task for task in range(min(now, self.tasks)) if str(task) in probe.memory]
        if not earlier:
            return nothing_after_the_first_task(probe, 1)
        found = torch.stack([self._since(probe, task) for task in earlier], dim=1)
        return torch.cat([found.mean(1, keepdim=True), found], dim=1)

    def compared(self, now: Tensor, then: Tensor, valid: Tensor) -> Tensor:
        """`[R]`, from `[R, samples, features]` in float64, rows `valid [R, samples]` counted.

        The others are 0.
        """
        raise NotImplementedError

    def _since(self, probe: Probe, task: int) -> Tensor:
        """An earlier task's features now and then."""
        now, valid = self._features(probe, task)
        return self.compared(now.double(), probe.memory[str(task)].double(), valid)

    def _features(self, probe: Probe, task: int) -> tuple[Tensor, Tensor]:
        from .features import feature_matrices, layer_named

        matrices, valid = probe.once(feature_matrices, "test", task, self.samples)
        return matrices[layer_named(probe, self.layer).name], valid


class FeatureDrift(FeaturesOfEarlierTasks):
    """How far earlier tasks' features moved: ||Phi_now - Phi_then|| / ||Phi_then|| (Frobenius).

    Phi are a layer's features of fixed test samples of the task, "then" those right after the task
    itself. 0 is no drift. The mean over earlier tasks comes first, and is what tables show; then
    each of them. After the first task there is none.
    """

    higher_is_better = False

    def compared(self, now: Tensor, then: Tensor, valid: Tensor) -> Tensor:
        """The relative distance."""
        from .backward import norm

        return norm(now - then) / norm(then)


class CKA(FeaturesOfEarlierTasks):
    """How alike the features of earlier tasks stayed: linear centred kernel alignment (Kornblith et
    al. 2019).

    ||X'Y||^2 / (||X'X|| ||Y'Y||), Frobenius norms, with X and Y a layer's centred features of fixed
    test samples of the task, now and right after the task itself. 1 where they are the same but for
    a rotation and a scale. The mean over earlier tasks comes first, and is what tables show; then
    each of them. After the first task there is none.
    """

    limits = (0.0, 1.0)

    def compared(self, now: Tensor, then: Tensor, valid: Tensor) -> Tensor:
        """From the inner products between samples, X X' and Y Y', which give the same."""
        one, other = _inner_products(now, valid), _inner_products(then, valid)
        # tr(XX' YY') = ||X'Y||^2: samples are fewer than features, so these matrices are smaller.
        alike = (one * other).sum((1, 2))
        return alike / (one.square().sum((1, 2)) * other.square().sum((1, 2))).sqrt()


def _inner_products(features: Tensor, valid: Tensor) -> Tensor:
    """`[R, samples, samples]` of the centred features; 0 where a row does not count."""
    # `[R, 1, 1]`.
    count = valid.sum(1).view(-1, 1, 1)
    centred = (features - features.sum(1, keepdim=True) / count).where(valid[..., None], 0.0)
    return centred @ centred.transpose(1, 2)
