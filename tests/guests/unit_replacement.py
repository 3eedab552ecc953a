"""Unit replacement, as in continual back-propagation (Dohare et al. 2024), optimiser moments
included.
"""

import torch

from clbench import Strategy, hookimpl, per_member


class UnitReplacement(Strategy):
    """Every so often the least useful mature unit of a layer starts anew."""

    replacement_rate: float = 0.002  # of the mature units, a step
    maturity: int = 20  # steps a new unit is left alone

    def setup(self):
        super().setup()
        self.net.keep_hidden, params, layers = True, self.net.named_parameters(), self.net.layers()
        self.state = {
            layer.name: params[layer.weight]
            .detach()
            .new_zeros(3, *params[layer.weight].shape[:2])
            .unbind()
            for layer in layers
        }
        self.counter = {
            layer.name: torch.zeros(self.members, device=self.device) for layer in layers
        }

    @torch.no_grad()
    def after_step(self, batch):
        super().after_step(batch)
        params = self.net.named_parameters()
        for layer in self.net.layers():
            h = self.net.hidden[layer.name].movedim(2, -1).flatten(1, -2)  # positions are samples
            w_in, w_out = params[layer.weight], params[layer.out_weight]
            by_unit = w_out.reshape(*w_out.shape[:2], h.shape[2], -1)  # its columns, or its window
            (age, mean, utility), counter = self.state[layer.name], self.counter[layer.name]
            age += 1
            grown = per_member(lambda count: 1 - 0.99**count, age)  # a power: other bits in a stack
            f = mean.lerp_(h.mean(1), 0.01) / grown
            reach = by_unit.abs().mean((1, 3)) / w_in.abs().flatten(2).mean(2)
            utility.lerp_(reach * (h - f[:, None]).abs().mean(1), 0.01)
            score = torch.where(age > self.maturity, utility / grown, torch.inf)
            counter += self.replacement_rate * score.isfinite().sum(1)
            due = score.argsort(stable=True).argsort() < counter.floor()[:, None]
            counter -= counter.floor()
            params[layer.out_bias] += (by_unit.sum(3) * (f * due)[:, None]).sum(2)
            bound = (6 / w_in[0, 0].numel()) ** 0.5
            fresh = (self.rng("fresh").uniform(*w_in.shape[1:], where=due) * 2 - 1) * bound
            rows, columns = due, due.repeat_interleave(layer.block, 1)[:, None]
            for p, where, value in (
                (w_in, rows, fresh),
                (params[layer.bias], rows, 0.0),
                (w_out, columns, 0.0),
            ):
                where = where.reshape(*where.shape, *[1] * (p.dim() - where.dim()))
                p.copy_(torch.where(where, value, p))
                self.optimizer.reset_entries(p, where)
            for kept in (age, mean, utility):
                kept.masked_fill_(due, 0)


clbench_strategies = hookimpl(lambda: [UnitReplacement], specname="clbench_strategies")
