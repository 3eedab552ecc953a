"""A network trained layer by layer without gradients, as in SoftHebb (Journe et al. 2023), then its
head.
"""

import torch

from clbench import Phase, Strategy, hookimpl


class Layerwise(Strategy):
    """Soft winner-take-all Hebbian layers, one after the other; then the head by
    back-propagation.
    """

    replaces = frozenset({"phases"})
    rate: float = 0.03  # of the layer's largest change

    def setup(self):
        super().setup()
        self.net.requires_grad_(False)
        for p in self.net.part("head").parameters():
            p.requires_grad_()
        self.optimizer = self.make_optimizer(self.net.part("head").parameters())

    def phases(self, task):
        layers = [Phase(name=layer.name, epochs=1) for layer in self.net.layers()]
        return [*layers, Phase("head", frozen_before="head")]

    def observe(self, batch):
        layer = next((layer for layer in self.net.layers() if layer.name == self.phase.name), None)
        if layer is None:
            return super().observe(batch)
        _, taps = self.net.tap(batch.x)
        site = layer.weight.removesuffix(".weight")
        x, u, w = taps.inputs[site], taps.outputs[site], self.net.named_parameters()[layer.weight]
        y = u.softmax(2)
        y = torch.where(u == u.amax(2, keepdim=True), y, -y)
        change = y.transpose(1, 2) @ x - (y * u).sum(1)[..., None] * w
        change = change / (change.abs().amax((1, 2), keepdim=True) + 1e-30)
        rate = self.rate * ((w.norm(dim=2, keepdim=True) - 1).abs() + 1e-10).sqrt()
        # Other parts change and see what is learnt here as they do a gradient.
        self.optimizer.zero_grad()
        w.grad = -change
        self.adjust_gradients(batch)
        w -= rate * w.grad
        w.grad = None
        self.after_step(batch)


@hookimpl
def clbench_strategies():
    return [Layerwise]
