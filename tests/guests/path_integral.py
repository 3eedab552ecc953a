"""A path integral, as in synaptic intelligence (Zenke et al. 2017)."""

import torch

from clbench import Strategy, hookimpl


class PathIntegral(Strategy):
    """Credit every weight for the fall of the task's loss along its path, and hold the credited
    ones.
    """

    strength: float = 1.0  # c
    xi: float = 0.1  # damping

    def setup(self):
        super().setup()
        zeros = (self.zeros() for _ in range(4))
        self.path, self.importance, self.gradient, self.before = zeros
        self.anchor = [p.detach().clone() for p in self.net.parameters()]

    def zeros(self):
        return [torch.zeros_like(p) for p in self.net.parameters()]

    def penalty(self):
        terms = zip(self.importance, self.net.parameters(), self.anchor, strict=True)
        return super().penalty() + self.strength * sum(
            (o * (p - a).square()).flatten(1).sum(1) for o, p, a in terms
        )

    def data_gradients(self, batch):
        super().data_gradients(batch)
        [
            (g.copy_(p.grad), b.copy_(p.detach()))
            for g, b, p in zip(self.gradient, self.before, self.net.parameters(), strict=True)
        ]

    def after_step(self, batch):
        super().after_step(batch)
        for path, p, gradient, before in zip(
            self.path, self.net.parameters(), self.gradient, self.before, strict=True
        ):
            path -= gradient * (p.detach() - before)

    def end_task(self, task):
        super().end_task(task)
        for importance, path, p, anchor in zip(
            self.importance, self.path, self.net.parameters(), self.anchor, strict=True
        ):
            importance += path / ((p.detach() - anchor).square() + self.xi)
            path.zero_(), anchor.copy_(p.detach())


clbench_strategies = hookimpl(lambda: [PathIntegral], specname="clbench_strategies")
