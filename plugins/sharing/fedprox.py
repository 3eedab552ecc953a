"""FedProx: federated averaging whose local training stays near the last mean."""

from __future__ import annotations

import functools

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from .fedavg import FedAvg


class FedProx(FedAvg):
    """Federated averaging with a pull, in local training, to the last round's mean (Li et al. 2020).

    loss + mu/2 sum (w - w_last)^2 over the shared parameters alone; w_last are the agent's after the last
    round that it took part in, and before the first one those it had then. With `mu: 0` it is `fedavg`, bit for
    bit. In tasks that are the same for all agents there are no rounds, and no pull.
    """

    name = "fedprox"

    mu: NonNegativeFloat = 0.1  # how hard; 0 is plain averaging

    def keeps_aggregate(self) -> bool:
        return self.mu > 0 or super().keeps_aggregate()

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.mu or not self.aggregate:
            return total
        named = self.net.named_parameters()
        drifts = [
            (named[name] - last).square().flatten(1).sum(1)
            for name, last in self.aggregate.items()
            if named[name].requires_grad
        ]
        if not drifts:
            return total
        return total + self.mu / 2 * functools.reduce(torch.add, drifts)
