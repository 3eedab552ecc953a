"""Optimisers over stacks: as torch's, member by member, and their choices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench.errors import OptionError
from clbench.optimizers import OPTIMIZERS
from clbench.stack.optim import make_optimizer

from .optimisers import (
    FOREIGN,
    OURS,
    assert_equal,
    choice,
    detached,
    fresh,
    give,
    make,
    numbers,
    rows,
    train,
)

NAMES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}


def solo(case: str, member: int, steps: range, dtype: torch.dtype) -> list[Tensor]:
    params = [tensor[member].clone().requires_grad_() for tensor in numbers(member + 1, 0, dtype)]
    kind = OURS[case][1] if case in OURS else getattr(torch.optim, case.removeprefix("torch."))
    optimizer = kind(params, **choice(case)[case.split()[0]])
    for step in steps:
        for param, grad in zip(params, numbers(member + 1, 1 + step, dtype), strict=True):
            param.grad = grad[member].clone()
        optimizer.step()
    return [param.detach() for param in params]


# ------------------------------------------------------------------------------------------ the
# same as torch's


@pytest.mark.parametrize("case", OURS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_ours_step_as_torchs(case, dtype, tolerance) -> None:
    stacked = train(fresh(case, 2, dtype), range(60))
    for ours, theirs in zip(stacked, solo(case, 1, range(60), dtype), strict=True):
        torch.testing.assert_close(ours[1], theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", OURS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 4e-6)])
def test_the_path_of_accelerators_steps_as_torchs(case, dtype, tolerance) -> None:
    optimizer = fresh(case, 2, dtype)
    for step in range(60):
        optimizer.apply(optimizer.advance(numbers(2, 1 + step, dtype)))
    for ours, theirs in zip(optimizer.params, solo(case, 1, range(60), dtype), strict=True):
        torch.testing.assert_close(ours.detach()[1], theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_adam_agrees_with_torchs_after_thousands_of_steps() -> None:
    ours, theirs = (
        torch.zeros(1, 50, dtype=torch.float64, requires_grad=True),
        torch.zeros(50, dtype=torch.float64, requires_grad=True),
    )
    stacked, alone = (
        make_optimizer({"adam": {"lr": 0.01}}, [ours], 1),
        torch.optim.Adam([theirs], lr=0.01),
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(4000):
        grad = torch.randn(50, generator=generator, dtype=torch.float64)
        ours.grad, theirs.grad = grad[None].clone(), grad.clone()
        stacked.step()
        alone.step()
    torch.testing.assert_close(ours.detach()[0], theirs.detach(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", FOREIGN)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_foreign_optimisers_are_exact(case, dtype) -> None:
    stacked = train(fresh(case, 3, dtype), range(8))
    for member in range(3):
        assert_equal([param[member] for param in stacked], solo(case, member, range(8), dtype))


# ------------------------------------------------------------------------------------------
# independence


@pytest.mark.parametrize("members", [1, 2, 3, 5, 10, 30])
@pytest.mark.parametrize("case", OURS)
def test_a_members_bits_do_not_depend_on_the_stack(case, members) -> None:
    everyone = train(fresh(case, 30), range(4))
    assert_equal([param[:members] for param in everyone], train(fresh(case, members), range(4)))


@pytest.mark.parametrize("case", OURS)
@pytest.mark.parametrize("clip", [None, 0.5])
def test_nor_on_the_place_in_it_nor_on_the_path(case, clip) -> None:
    name, options = next(iter(choice(case).items()))
    for advance in (False, True):
        straight, reverse = [make({name: {**options, "clip": clip}}, 30) for _ in range(2)]
        with torch.no_grad():
            for param in reverse.params:
                param.copy_(param.flip(0))
        for step in range(4):
            grads = numbers(30, 1 + step)
            for optimizer, given in (
                (straight, grads),
                (reverse, [grad.flip(0) for grad in grads]),
            ):
                give(optimizer, given)
                optimizer.apply(optimizer.advance()) if advance else optimizer.step()
        turned = [param.detach().flip(0) for param in straight.params]
        assert_equal(turned, detached(reverse.params))


@pytest.mark.parametrize("case", ["sgd", "sgd momentum", "adam", "adamw", "torch.RMSprop"])
def test_members_have_rates_of_their_own(case) -> None:
    rates = torch.tensor([0.0, 0.003, 0.02])
    optimizer = fresh(case)
    before = [param.detach().clone() for param in optimizer.params]
    optimizer.set_lr(rates)
    stacked = train(optimizer, range(5))
    for member, rate in enumerate(rates.tolist()):
        alone = fresh(case)
        alone.set_lr(rate)
        trained = train(alone, range(5))
        assert_equal(rows(trained, member), rows(stacked, member))
    assert_equal(rows(before, 0), rows(stacked, 0))


def test_the_layout_of_a_parameter_is_kept_and_that_of_a_gradient_does_not_matter() -> None:
    left, right = fresh("adam"), fresh("adam")
    strides = [param.stride() for param in left.params]
    give(left, numbers(3, 1))
    give(right, [grad.contiguous() for grad in numbers(3, 1)])
    left.step()
    right.step()
    assert_equal(detached(left.params), detached(right.params))
    assert [param.stride() for param in left.params] == strides
    assert [slot.moments[0].stride() for slot in left.slots.values()] == strides


# ------------------------------------------------------------------------------------------ choices


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"sgdd": {}}, "sgdd: unknown optimizer; did you mean 'sgd'"),
        ({"sgd": {"lrr": 1}}, "sgd.lrr: unknown option of 'sgd'; did you mean 'lr'"),
        ({"sgd": {"momentum": 2}}, "sgd.momentum: should be less than 1, not 2"),
        ({"sgd": {"nesterov": True}}, "sgd.nesterov: Nesterov's look-ahead needs a momentum"),
        ({"adam": {"betas": 0.9}}, "adam.betas: should be a valid"),
        (
            {"torch.RMSProp": {}},
            "torch.RMSProp: torch has no optimizer 'RMSProp'; did you mean 'RMSprop'",
        ),
        (
            {"torch.SGD": {"momentun": 1}},
            "torch.SGD.momentun: unknown option of torch.SGD; did you mean 'momentum'",
        ),
        ({"torch.SGD": {"lr": -1}}, "torch.SGD: Invalid learning rate"),
        ({"torch.SGD": {"lr": "fast"}}, "torch.SGD: could not convert"),
        ({"torch.LBFGS": {}}, "needs a closure"),
        ({}, "one optimizer with its options"),
    ],
)
def test_a_choice_that_does_not_fit_is_a_sentence(asked, sentence) -> None:
    with pytest.raises(OptionError, match=sentence.replace(".", r"\.").split("(")[0]):
        make(asked, 2)


def test_a_choice_without_options_takes_the_defaults() -> None:
    assert make({"adamw": None}, 2).weight_decay == 0.01
    assert make({"torch.RMSprop": None}, 2).lr.tolist() == [0.01, 0.01]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_option_that_a_suite_may_give_reaches_the_optimiser(name: str) -> None:
    """Declared in one place: as torch's own calls them, and none is left over."""
    other = {"momentum": 0.9, "nesterov": True, "betas": [0.8, 0.99], "eps": 1e-3}
    given = {"lr": 0.03, "weight_decay": 0.2, **other}
    options = {key: given[key] for key in OPTIMIZERS[name]().options}
    ours = make({name: options}, 2, torch.float64)
    params = [row[1].clone().requires_grad_() for row in numbers(2, 0, torch.float64)]
    theirs = getattr(torch.optim, NAMES[name])(params, **options)
    for step in range(4):
        grads = numbers(2, 1 + step, torch.float64)
        give(ours, grads)
        ours.step()
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad[1].clone()
        theirs.step()
    for stacked, param in zip(ours.params, params, strict=True):
        torch.testing.assert_close(stacked[1], param)
