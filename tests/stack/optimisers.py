"""Optimisers over stacks, and the numbers that they are fed."""

from __future__ import annotations

import torch
from torch import Tensor

from clbench.stack.optim import Optimizer, make_optimizer

OURS = {
    "sgd": ({"lr": 0.1}, torch.optim.SGD),
    "sgd decay": ({"lr": 0.1, "weight_decay": 0.02}, torch.optim.SGD),
    "sgd momentum": ({"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01}, torch.optim.SGD),
    "sgd nesterov": ({"lr": 0.02, "momentum": 0.9, "nesterov": True}, torch.optim.SGD),
    "adam": ({"lr": 0.01}, torch.optim.Adam),
    "adam decay": (
        {"lr": 0.01, "weight_decay": 0.1, "betas": [0.8, 0.99], "eps": 1e-6},
        torch.optim.Adam,
    ),
    "adamw": ({"lr": 0.01}, torch.optim.AdamW),
}


FOREIGN = {
    "torch.RMSprop": {"lr": 0.01, "momentum": 0.5},
    "torch.Adagrad": {"lr": 0.1},
    "torch.NAdam": {},
    "torch.SGD": {"lr": 0.1, "momentum": 0.9},
}


SHAPES = [(5, 7), (7,), (3, 2, 3, 3), (1,), ()]


def numbers(members: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Tensors of which a member's rows depend on its number alone; the matrix stored transposed."""
    rows = []
    for member in range(members):
        generator = torch.Generator().manual_seed(1000 * seed + member)
        rows.append([torch.randn(shape, generator=generator, dtype=dtype) for shape in SHAPES])
    stacked = [torch.stack(list(parts)) for parts in zip(*rows, strict=True)]
    return [stacked[0].transpose(1, 2).contiguous().transpose(1, 2), *stacked[1:]]


def make(
    choice: dict[str, dict[str, object]], members: int, dtype: torch.dtype = torch.float32
) -> Optimizer:
    return make_optimizer(
        choice, [tensor.requires_grad_() for tensor in numbers(members, 0, dtype)], members
    )


def give(optimizer: Optimizer, grads: list[Tensor]) -> None:
    for param, grad in zip(optimizer.params, grads, strict=True):
        param.grad = grad


def train(optimizer: Optimizer, steps: range) -> list[Tensor]:
    for step in steps:
        give(optimizer, numbers(optimizer.members, 1 + step, optimizer.params[0].dtype))
        optimizer.step()
    return [param.detach().clone() for param in optimizer.params]


def choice(case: str) -> dict[str, dict[str, object]]:
    return {case.split()[0]: OURS[case][0] if case in OURS else FOREIGN[case]}


def fresh(case: str, members: int = 3, dtype: torch.dtype = torch.float32) -> Optimizer:
    return make(choice(case), members, dtype)


def with_weights_of(optimizer: Optimizer, case: str) -> Optimizer:
    """A new optimiser of weights that stand where those of another one do."""
    twin = fresh(case)
    with torch.no_grad():
        for param, other in zip(twin.params, optimizer.params, strict=True):
            param.copy_(other)
    return twin


def detached(params: list[Tensor]) -> list[Tensor]:
    return [param.detach() for param in params]


def rows(params: list[Tensor], chosen: int | list[int]) -> list[Tensor]:
    """Of these members alone."""
    return [param[chosen] for param in params]


def assert_equal(left: list[Tensor], right: list[Tensor]) -> None:
    for one, other in zip(left, right, strict=True):
        assert torch.equal(one, other)
