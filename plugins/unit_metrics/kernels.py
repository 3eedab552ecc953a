"""Which kernels of a layer are important to several tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from clbench import RecordMetric, RunView, Undefined

Array = npt.NDArray[Any]


class KernelOverlap(RecordMetric):
    """How far a task's top kernels are those of earlier tasks, as `kernel_plasticity` stored them.

    With A and B the sets of two tasks in a layer: `jaccard` |A and B| / |A or B|, `share`
    |A and B| / |A|, the share of the later task's A. The mean over layers and over `against`, after
    each task; tables show that of the last one.
    """

    unit = "fraction"
    limits = (0.0, 1.0)
    overlap: Literal["jaccard", "share"] = "jaccard"  # of what the common kernels are a share
    against: Literal["earlier", "previous", "first"] = "earlier"  # tasks that it is compared with
    layer: str = "all"  # a layer by its name, or the mean over `all`

    def value(self, run: RunView) -> Array:
        sets = self._sets(run)
        if run.tasks < 2:
            raise Undefined("it needs two tasks")
        later = [self._mean_overlap(sets, task) for task in range(1, run.tasks)]
        # The first task has none before it.
        return np.array([np.nan, *later])

    def _mean_overlap(self, sets: list[Array], task: int) -> float:
        """Over the layers."""
        return float(np.mean([self._overlap(of_layer, task) for of_layer in sets]))

    def _sets(self, run: RunView) -> list[Array]:
        """Of each layer `[T, K]`, true for the top kernels."""
        stored = run.by_layer("top_kernels")
        if not stored:
            raise Undefined("the strategy stores no top kernels; `softhebb+kernel_plasticity` does")
        return [values > 0 for values in self._asked(stored)]

    def _asked(self, stored: Mapping[str, Array]) -> list[Array]:
        if self.layer == "all":
            return list(stored.values())
        if self.layer not in stored:
            known = ", ".join(stored)
            raise Undefined(f"no top kernels of the layer {self.layer!r}; there are {known}")
        return [stored[self.layer]]

    def _overlap(self, sets: Array, task: int) -> float:
        """`sets [T, K]`, and a task that is not the first."""
        earlier = {"earlier": sets[:task], "previous": sets[task - 1 : task], "first": sets[:1]}
        compared = earlier[self.against]
        # `[tasks compared]`: all at once, K kernels each.
        common = (sets[task] & compared).sum(axis=1)
        either = (sets[task] | compared).sum(axis=1)
        whole = either if self.overlap == "jaccard" else sets[task].sum()
        return float((common / whole).mean())
