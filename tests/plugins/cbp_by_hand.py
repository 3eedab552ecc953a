"""Continual back-propagation of one network, slowly, from the published rules alone (Dohare et al.
2024).
"""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Adam:
    """Adam whose moments and counts of steps belong to single entries."""

    def __init__(self, params: list[nn.Parameter], lr: float) -> None:
        self.params, self.lr = params, lr
        self.first = [torch.zeros_like(p) for p in params]
        self.second = [torch.zeros_like(p) for p in params]
        self.steps = [torch.zeros_like(p, dtype=torch.float64) for p in params]

    def step(self) -> None:
        for p, m, v, steps in zip(self.params, self.first, self.second, self.steps, strict=True):
            steps += 1
            m.mul_(0.9).add_(p.grad, alpha=0.1)
            v.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            m_hat = m / (1 - 0.9**steps)
            v_hat = v / (1 - 0.999**steps)
            p -= (self.lr * m_hat / (v_hat.sqrt() + 1e-8)).float()

    def forget(self, param: Tensor, where: Any, first_moment: bool = True) -> None:
        place = next(k for k, p in enumerate(self.params) if p is param)
        if first_moment:
            self.first[place][where] = 0
        self.second[place][where] = 0
        self.steps[place][where] = 0


class Sgd:
    """SGD with momentum."""

    def __init__(self, params: list[nn.Parameter], lr: float) -> None:
        self.params, self.lr = params, lr
        self.velocity = [torch.zeros_like(p) for p in params]

    def step(self) -> None:
        for p, v in zip(self.params, self.velocity, strict=True):
            v.mul_(0.9).add_(p.grad)
            p -= self.lr * v

    def forget(self, param: Tensor, where: Any, first_moment: bool = True) -> None:
        place = next(k for k, p in enumerate(self.params) if p is param)
        if first_moment:
            self.velocity[place][where] = 0


class ByHand:
    """A network, its optimiser, and for each hidden layer u, f, a and the fractional counter."""

    def __init__(self, module: nn.Module, optimizer: str, lr: float, **options: Any) -> None:
        self.net = copy.deepcopy(module).train()
        params = list(self.net.parameters())
        self.optimizer = Adam(params, lr) if optimizer == "adam" else Sgd(params, lr)
        self.layers = self.net.layers()
        self.options = options
        self.rate = Fraction(str(options["replacement_rate"]))
        self.named = dict(self.net.named_parameters())
        self.u, self.f, self.a, self.counter = {}, {}, {}, {}
        for layer in self.layers:
            units = len(self.named[layer.weight])
            self.u[layer.name] = [0.0] * units
            self.f[layer.name] = [0.0] * units
            self.a[layer.name] = [0] * units
            self.counter[layer.name] = Fraction(0)

    def step(self, x: Tensor, y: Tensor) -> dict[str, list[int]]:
        """One step of training; the units of each layer to be replaced. `replace` has to follow."""
        seen: dict[str, Tensor] = {}
        hooks = []
        for layer in self.layers:
            site = self.net.get_submodule(layer.read)
            hooks.append(
                site.register_forward_hook(
                    lambda _, __, out, name=layer.name: seen.__setitem__(name, out.detach())
                )
            )
        self.net.zero_grad()
        F.cross_entropy(self.net(x), y).backward()
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            self.optimizer.step()
            return {layer.name: self._test(layer, seen[layer.name]) for layer in self.layers}

    def _test(self, layer: Any, h: Tensor) -> list[int]:
        """Ages, means, utilities; then the units that have to go."""
        maturity, ages = self.options["maturity"], self.a[layer.name]
        score = [self._score(layer, h, k) for k in range(len(ages))]
        eligible = [k for k, age in enumerate(ages) if age > maturity]
        if not eligible:
            return []
        counted = len(ages) if self.options.get("count_all") else len(eligible)
        self.counter[layer.name] += self.rate * counted
        number = int(self.counter[layer.name])
        self.counter[layer.name] -= number
        return sorted(sorted(eligible, key=lambda k: score[k])[:number])

    def _score(self, layer: Any, h: Tensor, k: int) -> float:
        """A unit is a step older, and worth so much."""
        decay, rule = self.options["decay"], self.options["utility"]
        u, f, a = self.u[layer.name], self.f[layer.name], self.a[layer.name]
        a[k] += 1
        f[k] = decay * f[k] + (1 - decay) * float(h[:, k].mean())
        y = self._worth_now(layer, h, k)
        if rule == "accumulated_contribution":
            u[k] += (1 - decay) * y
            return float(self._size_out(layer, k).mean()) * u[k]
        u[k] = decay * u[k] + (1 - decay) * y
        return u[k] / (1 - decay ** a[k])

    def _size_out(self, layer: Any, k: int) -> Tensor:
        """The mean size of the weights out in each column that belongs to the unit."""
        columns = slice(k * layer.block, (k + 1) * layer.block)
        out = self.named[layer.out_weight][:, columns].abs()
        return out.transpose(0, 1).reshape(layer.block, -1).mean(1)

    def _worth_now(self, layer: Any, h: Tensor, k: int) -> float:
        """What the step alone says of a unit, by the rule."""
        rule = self.options["utility"]
        size_out, size_in = (
            self._size_out(layer, k),
            float(self.named[layer.weight][k].abs().mean()),
        )
        # One value for each column of the weights out that belongs to the unit.
        columns = h[:, k].reshape(len(h), layer.block, -1)
        f_hat = self.f[layer.name][k] / (1 - self.options["decay"] ** self.a[layer.name][k])
        plain = float((size_out * columns.abs().mean((0, 2))).mean())
        centered = float((size_out * (columns - f_hat).abs().mean((0, 2))).mean())
        by_rule = {
            "contribution": plain,
            "zero_contribution": centered,
            "adaptable_contribution": centered / size_in,
            "weight": float(size_out.mean()),
            "adaptation": 1 / size_in,
            "accumulated_contribution": float(h[:, k].abs().mean()),
        }
        return by_rule[rule]

    @torch.no_grad()
    def replace(self, chosen: dict[str, list[int]], fresh: dict[str, Tensor]) -> None:
        """New units, with these weights in (by parameter, whole tensors of which rows are
        taken).
        """
        for layer in self.layers:
            for k in chosen[layer.name]:
                columns = slice(k * layer.block, (k + 1) * layer.block)
                if self.options.get("bias_correction", "mean") == "mean" and layer.out_bias:
                    self._correct_bias(layer, k, columns)
                self.named[layer.out_weight][:, columns] = 0
                self.named[layer.weight][k] = fresh[layer.weight][k]
                self._begin_anew(layer, k)
                if self.options.get("reset_optimizer", True):
                    self._forget_moments(layer, k, columns)

    def _correct_bias(self, layer: Any, k: int, columns: slice) -> None:
        """What the unit gave on average goes into the biases behind it."""
        f_hat = self.f[layer.name][k] / (1 - self.options["decay"] ** self.a[layer.name][k])
        w_out = self.named[layer.out_weight]
        given = w_out[:, columns].reshape(len(w_out), -1).sum(1)
        self.named[layer.out_bias] += given * f_hat

    def _begin_anew(self, layer: Any, k: int) -> None:
        """Bias, normalisation, utility, mean activation and age."""
        buffers = dict(self.net.named_buffers())
        if layer.bias:
            self.named[layer.bias][k] = 0
        for name in layer.norm:
            self.named[name][k] = 1 if name.endswith("weight") else 0
            path = name.rpartition(".")[0]
            if f"{path}.running_mean" in buffers:
                buffers[f"{path}.running_mean"][k] = 0
                buffers[f"{path}.running_var"][k] = 1
        if self.options["utility"] != "accumulated_contribution":
            self.u[layer.name][k] = 0.0
        self.f[layer.name][k], self.a[layer.name][k] = 0.0, 0

    def _forget_moments(self, layer: Any, k: int, columns: slice) -> None:
        keep = self.options.get("keep_first_moment", False)
        self.optimizer.forget(self.named[layer.weight], k, first_moment=not keep)
        for name in filter(None, (layer.bias, *layer.norm)):
            self.optimizer.forget(self.named[name], k)
        self.optimizer.forget(self.named[layer.out_weight], (slice(None), columns))
