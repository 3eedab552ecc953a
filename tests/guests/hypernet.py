"""A hypernetwork with look-ahead that generates the network's weights (von Oswald et al. 2020)."""

import torch

from clbench import Strategy, hookimpl


class LookaheadHypernet(Strategy):
    """Weights come from a task's code; what old codes generate is held where the next step would take it."""

    beta: float = 0.01  # weight of the regulariser
    width: int = 16  # hidden units, and entries of a code

    def setup(self):
        super().setup()
        total = sum(p[0].numel() for p in self.net.parameters())
        layers = lambda: torch.nn.Sequential(torch.nn.Linear(self.width, self.width), torch.nn.ReLU(), torch.nn.Linear(self.width, total))  # noqa: E731
        self.hyper, self.codes = self.stack(layers, "hyper"), []

    def begin_task(self, task):
        super().begin_task(task)
        self.targets = [self.hyper(code).detach() for code in self.codes]
        self.codes = [code.detach() for code in self.codes] + [self.rng("code").normal(1, self.width).requires_grad_()]
        self.optimizer, self.code_optimizer = self.make_optimizer(self.hyper.parameters()), self.make_optimizer(self.codes[-1:])

    def run(self, x, code):
        flat = self.hyper(code)[:, 0].split([p[0].numel() for p in self.net.parameters()], dim=1)
        return self.net.call([part.view(p.shape) for part, p in zip(flat, self.net.parameters(), strict=True)], x)

    def task_loss(self, batch):
        return self.cross_entropy(self.run(batch.x, self.codes[-1]), batch)

    def adjust_gradients(self, batch):
        super().adjust_gradients(batch)
        ahead = [(p + step).detach().requires_grad_() for p, step in zip(self.hyper.parameters(), self.optimizer.direction(), strict=True)]
        if self.targets:
            drift = sum((self.hyper.call(ahead, code) - target).square().sum() for code, target in zip(self.codes, self.targets, strict=False))
            for p, gradient in zip(self.hyper.parameters(), torch.autograd.grad(drift, ahead), strict=True):
                p.grad += self.beta / len(self.targets) * gradient
        self.code_optimizer.step(), self.code_optimizer.zero_grad()

    def predict(self, x, task=None):
        known = len(self.codes) - 1
        return self.run(x, self.codes[min(task.index, known) if task else known]) if self.codes else super().predict(x, task)


@hookimpl
def clbench_strategies():
    return [LookaheadHypernet]
