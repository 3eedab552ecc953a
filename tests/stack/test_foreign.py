"""Optimisers of torch over stacked parameters, beside the same ones alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from clbench.errors import OptionError
from clbench.stack.foreign import TorchOptimizer, check_optimizer

OPTIONS: dict[str, dict[str, Any]] = {
    "RMSprop": {"lr": 0.01, "momentum": 0.5},
    "Adagrad": {"lr": 0.1},
    "NAdam": {"lr": 0.01, "betas": [0.8, 0.9]},
}
CASES = pytest.mark.parametrize("name", OPTIONS)
MEMBERS = 3


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((MEMBERS, 4, 2), (MEMBERS, 4))
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]


def gradients(step: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(p.shape, generator=generator) for p in parameters()]


def give(params: list[Tensor], step: int) -> None:
    for param, grad in zip(params, gradients(step), strict=True):
        param.grad = grad


def made(name: str, params: list[Tensor]) -> TorchOptimizer:
    return TorchOptimizer(params, MEMBERS, name=name, options=OPTIONS[name])


def alone(name: str, member: int, steps: int) -> list[Tensor]:
    """The member's rows after so many steps of torch's own."""
    rows = [p.detach()[member].clone().requires_grad_() for p in parameters()]
    options = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in OPTIONS[name].items()
    }
    optimizer = getattr(torch.optim, name)(rows, **options)
    for step in range(steps):
        for row, grad in zip(rows, gradients(step), strict=True):
            row.grad = grad[member]
        optimizer.step()
    return rows


@CASES
def test_every_member_steps_as_it_would_alone(name: str) -> None:
    params = parameters()
    optimizer = made(name, params)
    for step in range(4):
        give(params, step)
        optimizer.step()
    for member in range(MEMBERS):
        for param, row in zip(params, alone(name, member, 4), strict=True):
            assert torch.equal(param[member], row)


@CASES
def test_a_direction_is_asked_without_a_step(name: str) -> None:
    params = parameters()
    optimizer = made(name, params)
    give(params, 0)
    before = [p.detach().clone() for p in params]
    first, again = optimizer.direction(), optimizer.direction()
    for param, old in zip(params, before, strict=True):
        assert torch.equal(param, old)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one, other)
    optimizer.step()
    for param, old, update in zip(params, before, first, strict=True):
        torch.testing.assert_close(param.detach() - old, update)


@CASES
def test_an_advance_moves_the_moments_and_not_the_parameters(name: str) -> None:
    params = parameters()
    optimizer = made(name, params)
    give(params, 0)
    first = optimizer.advance()
    second = optimizer.advance()
    assert torch.equal(params[0], parameters()[0])
    assert not torch.equal(first[0], second[0])


@CASES
def test_members_that_begin_anew_have_no_moments(name: str) -> None:
    params = parameters()
    optimizer = made(name, params)
    for step in range(3):
        give(params, step)
        optimizer.step()
    optimizer.reset(torch.tensor([True, False, False]))
    new = made(name, params)
    give(params, 9)
    found, fresh = optimizer.direction(), new.direction()
    for one, other in zip(found, fresh, strict=True):
        assert torch.equal(one[0], other[0])
        assert not torch.equal(one[1], other[1])


@CASES
def test_a_member_may_be_taken_out_and_put_back(name: str) -> None:
    params = parameters()
    optimizer = made(name, params)
    give(params, 0)
    optimizer.step()
    state = optimizer.member_state(1)
    expected = optimizer.direction(gradients(5))
    give(params, 1)
    optimizer.advance()
    optimizer.set_member_state(1, state)
    found = optimizer.direction(gradients(5))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one[1], other[1])
        assert not torch.equal(one[0], other[0])


def test_a_state_that_was_taken_out_is_a_copy() -> None:
    params = parameters()
    optimizer = made("Adagrad", params)
    give(params, 0)
    optimizer.step()
    state = optimizer.member_state(0)
    before = {key: value["sum"].clone() for key, value in state["rows"].items()}
    optimizer.step()
    assert all(torch.equal(state["rows"][key]["sum"], value) for key, value in before.items())


def test_parameters_that_were_exchanged_are_bound_anew() -> None:
    params = parameters()
    optimizer = made("RMSprop", params)
    give(params, 0)
    optimizer.step()
    params[0].data = torch.zeros_like(params[0])
    give(params, 1)
    optimizer.step()
    # The new memory has been stepped, with the moments of before.
    assert params[0].detach().abs().sum() > 0
    assert optimizer.member_state(0)["rows"]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("RMSprop", {"moment": 0.5}, "moment: unknown option of torch.RMSprop; did you mean"),
        ("Adagrad", {"lr": -1.0}, "Invalid learning rate"),
        ("RMSprop", {"lr": "fast"}, "could not convert"),
        ("LBFGS", {}, "LBFGS"),
        ("Nothing", {}, "Nothing"),
    ],
)
def test_what_torch_would_refuse_is_refused_before_anything_runs(name, options, sentence) -> None:
    with pytest.raises(OptionError, match=sentence):
        check_optimizer(name, options)


@CASES
def test_what_can_step_passes(name: str) -> None:
    check_optimizer(name, OPTIONS[name])
