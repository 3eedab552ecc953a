"""The structures of tasks: numbers whose softmax over the modules mixes them at each depth."""

from __future__ import annotations

import torch
from torch import Tensor

NEVER = -torch.inf  # the number of a module that a task does not use


def modules_in_turn(modules: int, tasks: int, depth: int) -> Tensor:
    """`[tasks, depth]`: task t uses module t at all depths, and begins anew after the last one."""
    return (torch.arange(tasks)[:, None] % modules).expand(tasks, depth)


def equal_numbers(allowed: Tensor, depth: int) -> Tensor:
    """`allowed [R, M]` to `[R, 1, M, depth]`: the modules that are allowed, all alike."""
    return _numbers(allowed[:, None, :, None].expand(-1, 1, -1, depth))


def one_module_each(chosen: Tensor, modules: int) -> Tensor:
    """`chosen [R, T, depth]` to `[R, T, M, depth]`: one module at each depth."""
    numbers = torch.arange(modules, device=chosen.device)
    return _numbers(numbers[:, None] == chosen[:, :, None])


def _numbers(allowed: Tensor) -> Tensor:
    # Equal numbers: their softmax is the mean of the modules that are allowed.
    return torch.ones_like(allowed, dtype=torch.float32).masked_fill(~allowed, NEVER)
