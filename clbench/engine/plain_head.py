"""The head of a plain network under an optimiser of torch's own: rows that are idle stand still.

Torch counts the steps of a parameter, not of its rows, and Adam corrects its moments by that count.
So the steps of each row are counted here, in the optimiser's own state, and a row that took part in
fewer steps than its parameter is moved again with its own count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clbench.stack.holding import Held, untouched
from clbench.stack.members import beside

COUNT = "steps_of_output"
Group = dict[str, Any]


def output_parameters(
    module: nn.Module, shapes: Mapping[str, Sequence[int]], classes: int
) -> list[str]:
    """The names of the parameters that have a row for
    each output: those of the head that have so many.

    `shapes` are those of one network's parameters. They are not read off the module: that of a
    stack is bare once it has run.
    """
    head = dict(module.named_children()).get("head")
    # A head of several modules has no single row for each output.
    if head is None or (any(True for _ in head.children()) and not isinstance(head, nn.Linear)):
        return []
    return [
        name
        for name, shape in shapes.items()
        # A row an output: weight `[C, F]`, bias `[C]`.
        if name.startswith("head.") and list(shape[:1]) == [classes]
    ]


class PlainHead:
    """Hooks around the steps of one optimiser.

    `owner.net` is the network, `idle [C]` the engine's own tensor.
    """

    def __init__(self, idle: Tensor, owner: Any) -> None:
        self.idle, self.owner = idle, owner
        self.held: list[tuple[Tensor, Group, Held]] = []

    @torch.no_grad()
    def before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Keep the head as it is."""
        # Asked anew at each step, for the network may have been exchanged.
        names = {id(value) for value in self._head()}
        self.held = []
        for group in optimizer.param_groups:
            for param in group["params"]:
                if id(param) in names and param.grad is not None:
                    self.held.append((param, group, self._hold(optimizer, param)))

    def _head(self) -> list[Tensor]:
        net = vars(self.owner).get("net")
        if not isinstance(net, nn.Module):
            return []
        params = dict(net.named_parameters())
        shapes = {name: value.shape for name, value in params.items()}
        return [params[name] for name in output_parameters(net, shapes, len(self.idle))]

    def _hold(self, optimizer: torch.optim.Optimizer, param: Tensor) -> Held:
        assert param.grad is not None
        still = self.idle & untouched(param.grad, 1)
        return Held(beside(still, param), [param.detach(), *_entries(optimizer, param)])

    @torch.no_grad()
    def after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Put back what stands still, and let young rows move by their own count."""
        for param, group, held in self.held:
            held.put_back()
            known = {id(tensor) for tensor, _ in held.before}
            for value in _entries(optimizer, param):
                if id(value) not in known:  # torch began to keep it in this step
                    value.masked_fill_(held.still, 0.0)
            if isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW):
                _move_young_rows(optimizer, param, group, held)
        self.held = []


def _entries(optimizer: torch.optim.Optimizer, param: Tensor) -> list[Tensor]:
    """What the optimiser keeps for each entry of a parameter."""
    state = optimizer.state.get(param, {})
    found = [value for value in state.values() if isinstance(value, Tensor)]
    return [value for value in found if value.shape == param.shape]


def _move_young_rows(
    optimizer: torch.optim.Optimizer, param: Tensor, group: Group, held: Held
) -> None:
    """Adam's step of rows that took part in fewer steps than
    the parameter: corrected for their own number of steps.
    """
    state, moved = optimizer.state[param], ~held.still
    if COUNT not in state:
        state[COUNT] = torch.zeros(held.still.shape, dtype=torch.float32, device=param.device)
    # `[C, 1, ...]`: steps that each row took part in.
    count = state[COUNT].add_(moved)
    young = moved & (count < float(state["step"]))
    first, second = group["betas"]
    # With amsgrad the largest second moment so far.
    square = state.get("max_exp_avg_sq", state["exp_avg_sq"])
    own = count.clamp(min=1).double()
    # Adam's sqrt(v / (1 - beta2^t)) + eps, with the row's own t.
    deviation = (square / (1.0 - second**own)).sqrt().add_(group["eps"])
    # The value before torch's step, which moved the row by the parameter's own t.
    start = held.before[0][1]
    if isinstance(optimizer, torch.optim.AdamW) or group.get("decoupled_weight_decay"):
        # AdamW decays before it steps (Loshchilov & Hutter 2019); torch's step has been undone.
        start = start * (1.0 - group["lr"] * group["weight_decay"])
    change = group["lr"] * state["exp_avg"] / (1.0 - first**own) / deviation
    torch.where(young, (start - change).to(param.dtype), param, out=param.detach())
