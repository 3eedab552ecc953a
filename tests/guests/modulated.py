"""Plasticity that fades with use: it scales every change of a unit's weights, whichever rule makes
the change.
"""

import torch

from clbench import Strategy, hookimpl


class Modulated(Strategy):
    """Units that were active in tasks that are over learn more slowly, as in methods that gate
    plasticity.
    """

    strength: float = 0.9  # the share of its plasticity that a unit loses at most

    def setup(self):
        super().setup()
        self.plasticity = {
            layer.name: torch.ones_like(
                self.net.named_parameters()[layer.weight].flatten(2)[..., 0]
            )
            for layer in self.net.layers()
        }

    @torch.no_grad()
    def end_task(self, task):
        super().end_task(task)
        batch = next(task.batches("train", 64, 64))
        _, hidden = self.net(batch.x, trace=True)
        for name, plasticity in self.plasticity.items():
            used = (
                hidden[name].abs().flatten(3).mean(3)
                if hidden[name].dim() > 3
                else hidden[name].abs()
            )
            used = (used * batch.weights[..., None]).sum(1)
            plasticity *= 1 - self.strength * used / used.amax(1, keepdim=True).clamp(min=1e-12)

    def adjust_gradients(self, batch):
        super().adjust_gradients(batch)
        named = self.net.named_parameters()
        for layer in self.net.layers():
            for name in (layer.weight, layer.bias):
                if name is not None and named[name].grad is not None:
                    gate = self.plasticity[layer.name]
                    named[name].grad.mul_(gate.view(*gate.shape, *(1,) * (named[name].dim() - 2)))


@hookimpl
def clbench_strategies():
    return [Modulated]
