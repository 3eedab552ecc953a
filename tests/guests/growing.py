"""An architecture that grows by masks."""

import torch

from clbench import Strategy, hookimpl


class Growing(Strategy):
    """Every task opens a further share of each hidden layer's units; units not open yet have no
    weights.
    """

    replaces = frozenset({"task_loss", "predict"})

    def setup(self):
        super().setup()
        self.open = 1

    def begin_task(self, task):
        super().begin_task(task)
        self.open = task.index + 1

    def grown(self):
        params = self.net.named_parameters()
        for layer in self.net.layers():
            units = params[layer.weight].shape[1]
            opened = units * self.open // self.scenario.tasks
            rows = torch.arange(units, device=self.device) < opened
            columns = rows.repeat_interleave(layer.block)
            for name, mask in (
                (layer.weight, rows),
                (layer.bias, rows),
                (layer.out_weight, columns[None]),
            ):
                p = params[name]
                params[name] = p * mask.view(*mask.shape, *[1] * (p.dim() - 1 - mask.dim()))
        return params

    def task_loss(self, batch):
        return self.cross_entropy(self.net.call(self.grown(), batch.x), batch)

    def predict(self, x, task=None):
        return self.net.call(self.grown(), x)


@hookimpl
def clbench_strategies():
    return [Growing]
