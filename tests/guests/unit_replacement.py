"""Unit replacement, as in continual back-propagation (Dohare et al. 2024), optimiser moments included."""

import torch

from clbench import Strategy, hookimpl


class UnitReplacement(Strategy):
    """Every so often the least useful mature unit of a layer starts anew."""

    replacement_rate: float = 0.002  # of the mature units, a step
    maturity: int = 20  # steps a new unit is left alone
    decay: float = 0.99  # of the running means

    def setup(self):
        super().setup()
        self.net.keep_hidden, params = True, self.net.named_parameters()
        zeros = {layer.name: params[layer.weight].new_zeros(params[layer.weight].shape[:2]) for layer in self.net.layers()}
        self.age, self.mean, self.utility = ({name: value.clone() for name, value in zeros.items()} for _ in range(3))
        self.counter = {name: value.new_zeros(self.members) for name, value in zeros.items()}

    @torch.no_grad()
    def after_step(self, batch):
        super().after_step(batch)
        params = self.net.named_parameters()
        for layer in self.net.layers():
            name, h, w_in, w_out = layer.name, self.net.hidden[layer.name], params[layer.weight], params[layer.out_weight]
            self.age[name] += 1
            corrected = 1 - self.decay ** self.age[name]
            self.mean[name].lerp_(h.mean(1), 1 - self.decay)
            f = self.mean[name] / corrected
            useful = w_out.abs().mean(1) * (h - f[:, None]).abs().mean(1) / w_in.abs().mean(2)
            self.utility[name].lerp_(useful, 1 - self.decay)
            score = torch.where(self.age[name] > self.maturity, self.utility[name] / corrected, torch.inf)
            self.counter[name] += self.replacement_rate * score.isfinite().sum(1)
            due = score.argsort(1).argsort(1) < self.counter[name].floor()[:, None]
            self.counter[name] -= self.counter[name].floor()
            params[layer.out_bias] += (w_out * (f * due)[:, None]).sum(2)
            fresh = (self.rng("fresh").uniform(*w_in.shape[1:]) * 2 - 1) * (6 / w_in.shape[2]) ** 0.5
            for p, where, value in ((w_in, due[..., None], fresh), (params[layer.bias], due, 0.0), (w_out, due[:, None], 0.0)):
                p.copy_(torch.where(where, value, p)), self.optimizer.reset_entries(p, where)
            for state in (self.age, self.mean, self.utility):
                state[name].masked_fill_(due, 0.0)


clbench_strategies = hookimpl(lambda: [UnitReplacement], specname="clbench_strategies")
