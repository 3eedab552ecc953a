"""Entries of a parameter that stand still, against separate parameters without a gradient under
torch's own optimisers.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack import Stateful, Suspension, make_optimizer, restore, save
from clbench.stack.optim import Optimizer
from clbench.stack.stacked import Stacked

CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "sgd": ({"lr": 0.1}, torch.optim.SGD),
    "sgd decay": ({"lr": 0.1, "weight_decay": 0.1}, torch.optim.SGD),
    "sgd momentum": ({"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}, torch.optim.SGD),
    "sgd nesterov": ({"lr": 0.05, "momentum": 0.9, "nesterov": True}, torch.optim.SGD),
    "adam": ({"lr": 0.01}, torch.optim.Adam),
    "adam decay": ({"lr": 0.01, "weight_decay": 0.1}, torch.optim.Adam),
    "adamw": ({"lr": 0.01, "weight_decay": 0.1}, torch.optim.AdamW),
}
FOREIGN: dict[str, dict[str, Any]] = {
    "torch.SGD": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1},
    "torch.RMSprop": {"lr": 0.01, "momentum": 0.5, "weight_decay": 0.1},
}
MEMBERS, ROWS, WIDTH, STEPS = 2, 6, 5, 9


def drawn(number: int) -> Tensor:
    generator = torch.Generator().manual_seed(number)
    return torch.randn(MEMBERS, ROWS, WIDTH, generator=generator, dtype=torch.float64)


def still_in(step: int) -> Tensor:
    """`[R, rows, 1]`: three spells, in which other rows stand still; other ones for each member."""
    where = torch.zeros(MEMBERS, ROWS, 1, dtype=torch.bool)
    for member in range(MEMBERS):
        where[member, (torch.arange(3) + 2 * (step // 3) + member) % ROWS] = True
    return where


def apart(kind: Any, options: dict[str, Any]) -> Tensor:
    """Every row a parameter of its own, which has no gradient where it stands still."""
    rows = []
    for member in drawn(0):
        rows.append([row.clone().requires_grad_() for row in member])
    optimizers = [kind(member, **options) for member in rows]
    for step in range(STEPS):
        grads, still = drawn(1 + step), still_in(step)
        for member, optimizer in enumerate(optimizers):
            for row, param in enumerate(rows[member]):
                param.grad = None if still[member, row] else grads[member, row].clone()
            optimizer.step()
    members = [torch.stack(member).detach() for member in rows]
    return torch.stack(members)


def steps_of(optimizer: Optimizer, steps: range, how: str) -> None:
    """Steps in which rows stand still, frozen or idle; frozen ones have a gradient all the same."""
    (param,) = optimizer.params
    idle = torch.zeros(MEMBERS, ROWS, dtype=torch.bool)
    if how == "idle":
        optimizer.rest_idle([param], idle)
    for step in steps:
        grad, still = drawn(1 + step), still_in(step)
        if how == "idle":
            idle.copy_(still[..., 0])
            grad = grad.masked_fill(still, 0.0)
        else:
            optimizer.freeze_entries(param, still)
        param.grad = grad
        optimizer.step()


def made(case: str) -> Optimizer:
    name = case.split()[0]
    options = CASES[case][0] if case in CASES else FOREIGN[case]
    return make_optimizer({name: options}, [drawn(0).requires_grad_()], MEMBERS)


@pytest.mark.parametrize("how", ["frozen", "idle"])
@pytest.mark.parametrize("case", [*CASES, *FOREIGN])
def test_rows_that_stand_still_are_like_parameters_without_a_gradient(case: str, how: str) -> None:
    optimizer = made(case)
    steps_of(optimizer, range(STEPS), how)
    options = CASES[case][0] if case in CASES else FOREIGN[case]
    kind = CASES[case][1] if case in CASES else getattr(torch.optim, case.removeprefix("torch."))
    torch.testing.assert_close(
        optimizer.params[0].detach(), apart(kind, options), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("case", [*CASES, *FOREIGN])
def test_what_stands_still_keeps_its_bits_and_its_moments(case: str) -> None:
    optimizer = made(case)
    steps_of(optimizer, range(3), "frozen")
    still = still_in(0).expand(MEMBERS, ROWS, WIDTH)
    assert torch.equal(optimizer.params[0].detach()[still], drawn(0)[still])
    for slot in optimizer.slots.values():
        for moment in slot.moments:
            assert not moment[still].any()


@pytest.mark.parametrize("how", ["frozen", "idle"])
@pytest.mark.parametrize("case", list(CASES))
def test_without_fused_kernels_a_step_is_the_same(
    case: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU."""
    monkeypatch.setattr(Stacked, "_fits_fused_rows", lambda self, still: False)
    monkeypatch.setattr(Stacked, "_step_fused", lambda self, grads, still: grads)
    optimizer = made(case)
    steps_of(optimizer, range(STEPS), how)
    options, kind = CASES[case]
    torch.testing.assert_close(
        optimizer.params[0].detach(), apart(kind, options), rtol=1e-12, atol=1e-12
    )


def give_last(optimizer: Optimizer, how: str) -> None:
    """A gradient for the step after four, in which the same rows stand still as in the fourth."""
    grad = drawn(7)
    optimizer.params[0].grad = grad if how == "frozen" else grad.masked_fill(still_in(3), 0.0)


@pytest.mark.parametrize("how", ["frozen", "idle"])
@pytest.mark.parametrize("case", [*CASES, *FOREIGN])
def test_a_look_ahead_does_not_move_what_stands_still(case: str, how: str) -> None:
    optimizer = made(case)
    steps_of(optimizer, range(4), how)
    before = optimizer.params[0].detach().clone()
    give_last(optimizer, how)
    (ahead,) = optimizer.direction()
    assert ahead is not None
    assert not ahead.masked_fill(~still_in(3), 0.0).any()
    assert torch.equal(optimizer.params[0].detach(), before)
    optimizer.step()
    torch.testing.assert_close(before + ahead, optimizer.params[0].detach())


@pytest.mark.parametrize("how", ["frozen", "idle"])
@pytest.mark.parametrize("case", ["sgd momentum", "adam", "adamw"])
def test_a_step_in_two_halves_does_not_move_what_stands_still(case: str, how: str) -> None:
    one, other = made(case), made(case)
    for optimizer in (one, other):
        steps_of(optimizer, range(4), how)
        give_last(optimizer, how)
    one.step()
    other.apply(other.advance())
    for _ in range(2):
        torch.testing.assert_close(one.params[0].detach(), other.params[0].detach())
        for mine, theirs in zip(one.slots[0].moments, other.slots[0].moments, strict=True):
            torch.testing.assert_close(mine, theirs)
        one.step()  # ages went on alike, too
        other.step()


def test_idle_rows_with_a_gradient_move() -> None:
    optimizer = made("adam")
    optimizer.rest_idle(optimizer.params, torch.ones(MEMBERS, ROWS, dtype=torch.bool))
    grad = torch.zeros(MEMBERS, ROWS, WIDTH, dtype=torch.float64)
    grad[0, 2, 3] = 1.0
    optimizer.params[0].grad = grad
    optimizer.step()
    moved = (optimizer.params[0].detach() != drawn(0)).any(2)
    assert moved.nonzero().tolist() == [[0, 2]]


def test_entries_move_again_when_nothing_is_frozen_any_more() -> None:
    optimizer = made("sgd")
    (param,) = optimizer.params
    optimizer.freeze_entries(param, torch.ones(MEMBERS, 1, 1, dtype=torch.bool))
    optimizer.freeze_entries(param, None)
    param.grad = torch.ones_like(param)
    optimizer.step()
    assert (param.detach() != drawn(0)).all()


def test_a_mask_of_another_shape_is_refused() -> None:
    optimizer = made("sgd")
    with pytest.raises(StrategyError, match="only later sizes may be 1"):
        optimizer.freeze_entries(optimizer.params[0], torch.ones(ROWS, dtype=torch.bool))


class Holder(Stateful):
    """State to save."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer


@pytest.mark.parametrize("how", ["frozen", "idle"])
@pytest.mark.parametrize("case", ["sgd momentum", "adam", "torch.RMSprop"])
def test_what_stands_still_is_saved_and_suspended(case: str, how: str) -> None:
    straight, left = made(case), Holder(made(case))
    steps_of(straight, range(5), how)
    steps_of(left.optimizer, range(2), how)
    resumed = Holder(made(case))
    restore(resumed, save(left))
    suspension = Suspension(resumed, MEMBERS)
    suspension.set_active({0})
    steps_of(resumed.optimizer, range(2, 5), how)
    assert torch.equal(resumed.optimizer.params[0].detach()[0], straight.params[0].detach()[0])
    suspension.set_active({0, 1})
    steps_of(left.optimizer, range(2, 5), how)
    assert not torch.equal(resumed.optimizer.params[0].detach()[1], straight.params[0].detach()[1])
    assert torch.equal(left.optimizer.params[0].detach(), straight.params[0].detach())


@pytest.mark.parametrize("case", ["adam", "sgd momentum"])
def test_a_member_steps_alike_alone_and_in_a_stack(case: str) -> None:
    optimizer = made(case)
    steps_of(optimizer, range(STEPS), "frozen")
    options = CASES[case][0]
    for member in range(MEMBERS):
        own = slice(member, member + 1)
        alone = make_optimizer({case.split()[0]: options}, [drawn(0)[own].requires_grad_()], 1)
        for step in range(STEPS):
            alone.freeze_entries(alone.params[0], still_in(step)[own])
            alone.params[0].grad = drawn(1 + step)[own]
            alone.step()
        assert torch.equal(alone.params[0].detach()[0], optimizer.params[0].detach()[member])


@pytest.mark.parametrize("how", ["frozen", "idle"])
def test_a_reset_of_columns_counts_steps_in_which_the_entry_took_part(how: str) -> None:
    """Units of the layer below start anew while rows of the head stand still."""
    options = CASES["adam"][0]
    optimizer = made("adam")
    entries = [
        drawn(0)[0, row, column].clone().requires_grad_() for row in (0, 1) for column in (0, 1)
    ]
    torch_own = torch.optim.Adam(entries, **options)
    for step in range(6):
        still = torch.zeros(MEMBERS, ROWS, 1, dtype=torch.bool)
        still[:, step % 2] = True
        if how == "frozen":
            optimizer.freeze_entries(optimizer.params[0], still)
        else:
            optimizer.rest_idle(optimizer.params, still[..., 0])
        if step == 3:
            columns = torch.zeros(MEMBERS, 1, WIDTH, dtype=torch.bool)
            columns[..., 1] = True
            optimizer.reset_entries(optimizer.params[0], columns)
            for entry in (entries[1], entries[3]):
                torch_own.state.pop(entry)
        grad = drawn(1 + step).masked_fill(still, 0.0)
        optimizer.params[0].grad = grad
        for number, entry in enumerate(entries):
            row, column = divmod(number, 2)
            entry.grad = None if row == step % 2 else grad[0, row, column].clone()
        optimizer.step()
        torch_own.step()
    found = optimizer.params[0].detach()[0, :2, :2].flatten()
    torch.testing.assert_close(
        found, torch.stack([entry.detach() for entry in entries]), rtol=1e-9, atol=1e-12
    )
