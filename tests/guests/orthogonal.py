"""Orthogonal projection of the gradient, as in OGD (Farajtabar et al. 2020)."""

import torch

from clbench import Strategy, hookimpl


class Orthogonal(Strategy):
    """Steps leave the true-class outputs of remembered samples as they are, to first order."""

    memory: int = 10  # directions a task

    def setup(self):
        super().setup()
        self.basis = torch.zeros(
            self.members, sum(p[0].numel() for p in self.net.parameters()), 0, device=self.device
        )

    def directions(self, params, x, y):
        def output(inner, sample, label):
            return self.net.one(inner, sample[None])[0].gather(0, label)

        gradients = torch.func.vmap(
            torch.func.grad(lambda *a: output(*a).sum()), in_dims=(None, 0, 0)
        )(params, x, y[:, None])
        return torch.cat([g.flatten(1) for g in gradients.values()], dim=1)

    def end_task(self, task):
        super().end_task(task)
        batch = next(task.batches("train", self.memory, self.memory))
        found = self.net.map(self.directions, batch.x, batch.y).detach().transpose(1, 2)
        self.basis = torch.linalg.qr(torch.cat([self.basis, found], dim=2))[0]

    def adjust_gradients(self, batch):
        super().adjust_gradients(batch)
        flat = torch.cat([p.grad.flatten(1) for p in self.net.parameters()], dim=1)
        flat = flat - (self.basis * (self.basis * flat[..., None]).sum(1, keepdim=True)).sum(2)
        for p, part in zip(
            self.net.parameters(),
            flat.split([p[0].numel() for p in self.net.parameters()], dim=1),
            strict=True,
        ):
            p.grad.copy_(part.view(p.shape))


@hookimpl
def clbench_strategies():
    return [Orthogonal]
