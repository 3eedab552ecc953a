"""A hypernetwork with look-ahead that generates the network's weights (von Oswald et al. 2020)."""

from torch import autograd, nn

from clbench import Strategy, hookimpl


class LookaheadHypernet(Strategy):
    """Weights come from a task's code; what old codes generate is held where the next step would
    take it.
    """

    replaces = frozenset({"begin_task", "task_loss", "adjust_gradients"})
    beta: float = 0.01  # weight of the regulariser

    def setup(self):
        super().setup()
        self.codes, self.sizes = [], [p[0].numel() for p in self.net.parameters()]
        self.hyper = self.stack(
            lambda: nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, sum(self.sizes))),
            "hyper",
        )

    def begin_task(self, task):
        self.targets = [self.hyper(code).detach() for code in self.codes]
        self.codes = [code.detach() for code in self.codes] + [
            self.rng("code").normal(1, 16).requires_grad_()
        ]
        self.optimizer, self.code_optimizer = (
            self.make_optimizer(self.hyper.parameters()),
            self.make_optimizer(self.codes[-1:]),
        )

    def generated(self, code):
        flat = self.hyper(code)[:, 0].split(self.sizes, dim=1)
        return [part.view(p.shape) for part, p in zip(flat, self.net.parameters(), strict=True)]

    def predict(self, x, task=None):
        if not self.codes:
            return super().predict(x, task)
        known = self.codes[-1 if task is None else min(task.index, len(self.codes) - 1)]
        return self.net.call(self.generated(known), x)

    def shown_net(self):
        shown = super().shown_net().spawn()
        for p, value in zip(
            shown.parameters(),
            self.generated(self.codes[-1]) if self.codes else (),
            strict=False,
        ):
            p.detach().copy_(value.detach())
        return shown

    def end_task(self, task):
        super().end_task(task)
        self.cost("parameters", sum(v[0].numel() for v in [*self.hyper.parameters(), *self.codes]))

    def task_loss(self, batch):
        return self.cross_entropy(self.predict(batch.x), batch)

    def adjust_gradients(self, batch):
        ahead = [
            (p + step).detach().requires_grad_()
            for p, step in zip(self.hyper.parameters(), self.optimizer.direction(), strict=True)
        ]
        drift = sum(
            (self.hyper.call(ahead, code) - goal).square().sum()
            for code, goal in zip(self.codes, self.targets, strict=False)
        )
        for p, gradient in zip(
            self.hyper.parameters(),
            autograd.grad(drift, ahead) if self.targets else (),
            strict=False,
        ):
            p.grad += self.beta / len(self.targets) * gradient
        self.code_optimizer.step(), self.code_optimizer.zero_grad()


clbench_strategies = hookimpl(lambda: [LookaheadHypernet], specname="clbench_strategies")
