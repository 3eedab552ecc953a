"""What the metrics of linear probes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from clbench import Probe, ProbeMetric, Undefined

if TYPE_CHECKING:
    from torch import Tensor

    from .fit import Fit
    from .samples import Features


class LinearProbe(ProbeMetric):
    """Features of a hidden layer, of images that the network has not trained on, by class."""

    when: Literal["task_end", "epoch_end", "run_end"] = "task_end"  # task_end, epoch_end or run_end
    classes: Literal["seen", "unseen", "all"] = "seen"  # of the tasks so far, of others, or both
    layer: str = "last"  # the hidden layer whose features are looked at: its name, or `last`
    samples: Annotated[int, Field(ge=20)] = 1000  # images in all, spread evenly over tasks

    def measure(self, probe: Probe) -> Tensor:
        import torch

        from .samples import features_of

        features: Features = probe.once(features_of, *self._asked)
        # `[R]`: a classifier needs two classes.
        enough = features.has_classes(2)
        if not enough.any():
            return self._nothing(probe, features)
        values = self.values(probe, features)
        probe.memory["measured"] = True
        return torch.where(enough[:, None], values, torch.nan)

    def values(self, probe: Probe, features: Features) -> Tensor:
        """`[R, 1 + classes]`: overall, and of each class; NaN where there is none."""
        raise NotImplementedError

    def fit(self, probe: Probe) -> Fit:
        """The linear probe; metrics that ask for the same one at the same time share it."""
        from .fit import fit_of

        found: Fit = probe.once(fit_of, *self._asked)
        return found

    @property
    def _asked(self) -> tuple[str, str, int]:
        return self.layer, self.classes, self.samples

    def _nothing(self, probe: Probe, features: Features) -> Tensor:
        """No numbers at this time; where there were none before and never will be, the reason."""
        over = len(probe.tasks("unseen")) == 0
        if (over or self.classes == "unseen") and "measured" not in probe.memory:
            raise Undefined(self._reason(probe))
        return features.x.new_full((len(features.x), 1 + features.classes), float("nan"))

    def _reason(self, probe: Probe) -> str:
        if self.classes != "unseen":
            return f"a linear probe needs two classes, and here are fewer ({self.classes})"
        if len(probe.tasks("unseen")) == 0:
            return "there are no unseen classes after the last task"
        return (
            "there are fewer than two unseen classes: the tasks to come have those of tasks so far"
        )
