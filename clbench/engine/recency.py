"""Which share of a test set's predictions falls on the classes of the task trained last."""

from __future__ import annotations

import torch
from torch import Tensor

from clbench.engine.task import Batch, Task

NOTE = "recency"  # its name among the notes of a record, and in a metric's `needs`


class Recency:
    """Counts predictions, and samples, of the classes
    of the task trained last: `watch` sees both.
    """

    def __init__(self, last: Task) -> None:
        streams = last.streams
        self.is_recent = streams.owned[:, last.index]  # [R, classes]
        zeros = torch.zeros(len(self.is_recent), dtype=torch.float64, device=streams.device)
        self.predicted, self.there, self.total = zeros, zeros.clone(), zeros.clone()

    def watch(self, chosen: Tensor, batch: Batch) -> None:
        """Classes chosen `[R, B]` for the samples of a batch."""
        counts = batch.weights
        # Looks each chosen class up in the member's own set.
        self.predicted = self.predicted + (self.is_recent.gather(1, chosen) & counts).sum(1)
        self.there = self.there + (self.is_recent.gather(1, batch.y) & counts).sum(1)
        self.total = self.total + counts.sum(1)

    def bias(self) -> Tensor:
        """`[R]`: the share of predictions minus the share of samples; NaN without samples."""
        return (self.predicted - self.there) / torch.where(self.total > 0, self.total, torch.nan)
