"""Unit replacement, as in continual back-propagation (Dohare et al. 2024), optimiser moments included."""

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
            h, w_in, w_out = (
                self.net.hidden[layer.name],
                params[layer.weight],
                params[layer.out_weight],
            )
            (age, mean, utility), counter = self.state[layer.name], self.counter[layer.name]
            age += 1
            grown = per_member(lambda count: 1 - 0.99**count, age)  # a power: other bits in a stack
            f = mean.lerp_(h.mean(1), 0.01) / grown
            utility.lerp_(
                w_out.abs().mean(1) * (h - f[:, None]).abs().mean(1) / w_in.abs().mean(2), 0.01
            )
            score = torch.where(age > self.maturity, utility / grown, torch.inf)
            due = (
                score.argsort(stable=True).argsort()
                < counter.add_(self.replacement_rate * score.isfinite().sum(1)).floor()[:, None]
            )
            counter -= counter.floor()
            params[layer.out_bias] += (w_out * (f * due)[:, None]).sum(2)
            fresh = (self.rng("fresh").uniform(*w_in.shape[1:]) * 2 - 1) * (
                6 / w_in.shape[2]
            ) ** 0.5
            for p, where, value in (
                (w_in, due[..., None], fresh),
                (params[layer.bias], due, 0.0),
                (w_out, due[:, None], 0.0),
            ):
                p.copy_(torch.where(where, value, p)), self.optimizer.reset_entries(p, where)
            age.masked_fill_(due, 0), mean.masked_fill_(due, 0), utility.masked_fill_(due, 0)


clbench_strategies = hookimpl(lambda: [UnitReplacement], specname="clbench_strategies")
