from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from clbench.errors import OptionError, StrategyError
from clbench.optimizers import OPTIMIZERS
from clbench.stack import Stateful, restore, save
from clbench.stack.optim import Optimizer, make_optimizer
from clbench.stack.suspension import Suspension

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
NAMES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
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


def solo(case: str, member: int, steps: range, dtype: torch.dtype) -> list[Tensor]:
    params = [tensor[member].clone().requires_grad_() for tensor in numbers(member + 1, 0, dtype)]
    kind = OURS[case][1] if case in OURS else getattr(torch.optim, case.removeprefix("torch."))
    optimizer = kind(params, **choice(case)[case.split()[0]])
    for step in steps:
        for param, grad in zip(params, numbers(member + 1, 1 + step, dtype), strict=True):
            param.grad = grad[member].clone()
        optimizer.step()
    return [param.detach() for param in params]


def detached(params: list[Tensor]) -> list[Tensor]:
    return [param.detach() for param in params]


def rows(params: list[Tensor], chosen: int | list[int]) -> list[Tensor]:
    """Of these members alone."""
    return [param[chosen] for param in params]


def assert_equal(left: list[Tensor], right: list[Tensor]) -> None:
    for one, other in zip(left, right, strict=True):
        assert torch.equal(one, other)


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


# ------------------------------------------------------------------------------------------ parts
# of a step


@pytest.mark.parametrize("case", [*OURS, *FOREIGN])
def test_direction_says_what_a_step_adds_and_changes_nothing(case) -> None:
    optimizer, twin = fresh(case), fresh(case)
    train(optimizer, range(3))
    train(twin, range(3))
    before = [param.detach().clone() for param in optimizer.params]
    grads = numbers(3, 9)
    said = optimizer.direction(grads)
    assert_equal([param.detach() for param in optimizer.params], before)
    give(optimizer, grads)
    optimizer.step()
    for param, old, update in zip(optimizer.params, before, said, strict=True):
        torch.testing.assert_close(param.detach(), old + update, rtol=1e-6, atol=1e-6)
    give(twin, grads)
    twin.step()
    assert_equal(train(optimizer, range(10, 12)), train(twin, range(10, 12)))


@pytest.mark.parametrize("case", [*OURS, *FOREIGN])
def test_advance_then_apply_is_a_step(case) -> None:
    stepped, applied = fresh(case), fresh(case)
    train(stepped, range(4))
    for step in range(4):
        applied.apply(applied.advance(numbers(3, 1 + step)))
    for one, other in zip(stepped.params, applied.params, strict=True):
        torch.testing.assert_close(one.detach(), other.detach(), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("case", [*OURS, *FOREIGN])
def test_a_parameter_without_gradient_does_not_move(case) -> None:
    optimizer, late = fresh(case), fresh(case)
    train(optimizer, range(3))
    grads = numbers(3, 7)
    optimizer.params[1].grad = None
    kept = optimizer.params[1].detach().clone()
    for param, grad in itertools.islice(zip(optimizer.params, grads, strict=True), 2, None):
        param.grad = grad
    optimizer.step()
    assert torch.equal(optimizer.params[1].detach(), kept)
    assert optimizer.direction([None] * len(SHAPES)) == [None] * len(SHAPES)
    # A parameter that joins later is as young as if it were new.
    for step in range(3):
        give(late, numbers(3, 1 + step))
        late.params[0].grad = None if step == 0 else late.params[0].grad
        late.step()
    joined = make(choice(case), 3)
    train(joined, range(1, 3))
    torch.testing.assert_close(
        late.params[0].detach(), joined.params[0].detach(), rtol=1e-6, atol=1e-6
    )


def test_gradients_are_clipped_to_each_members_norm() -> None:
    optimizer = make({"sgd": {"lr": 1.0, "clip": 0.5}}, 3)
    grads = numbers(3, 1)
    grads = [
        grad * torch.tensor([1e-3, 1.0, 10.0]).view(-1, *(1,) * (grad.dim() - 1)) for grad in grads
    ]
    updates = optimizer.direction(grads)
    for member in range(3):
        params = [torch.zeros_like(grad[member]).requires_grad_() for grad in grads]
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad[member].clone()
        torch.nn.utils.clip_grad_norm_(params, 0.5)
        for param, update in zip(params, updates, strict=True):
            torch.testing.assert_close(update[member], -param.grad)


@pytest.mark.parametrize("members", [1, 2, 3, 10])
def test_the_norm_of_many_parameters_does_not_depend_on_the_stack(members) -> None:
    generator = torch.Generator().manual_seed(0)
    grads = [torch.randn(30, 13, generator=generator) for _ in range(12)]

    def clipped(rows: int) -> list[Tensor]:
        params = [torch.zeros(rows, 13, requires_grad=True) for _ in grads]
        return make_optimizer({"sgd": {"lr": 1.0, "clip": 0.5}}, params, rows).direction(
            [grad[:rows].clone() for grad in grads]
        )

    assert_equal(clipped(members), [update[:members] for update in clipped(30)])


def test_zero_grad_and_mismatched_gradients() -> None:
    optimizer = fresh("adam")
    give(optimizer, numbers(3, 1))
    optimizer.zero_grad()
    assert all(param.grad is None for param in optimizer.params)
    with pytest.raises(StrategyError, match="5 parameters, and was given 1 gradients"):
        optimizer.direction([None])


# ------------------------------------------------------------------------------------------
# forgetting


@pytest.mark.parametrize("case", ["sgd momentum", "adam", "torch.RMSprop", "torch.Adagrad"])
def test_reset_makes_members_new(case) -> None:
    optimizer = fresh(case)
    train(optimizer, range(3))
    optimizer.reset(torch.tensor([False, True, False]))
    twin = fresh(case)
    with torch.no_grad():
        for param, other in zip(twin.params, optimizer.params, strict=True):
            param.copy_(other)
    after, anew, on = (
        train(optimizer, range(3, 6)),
        train(twin, range(3, 6)),
        train(fresh(case), range(6)),
    )
    assert_equal(rows(after, 1), rows(anew, 1))
    assert_equal(rows(after, [0, 2]), rows(on, [0, 2]))
    optimizer.reset()
    for slot in optimizer.slots.values():
        assert not any(moment.any() for moment in slot.moments)


@pytest.mark.parametrize("case", ["sgd nesterov", "adam", "adamw"])
def test_reset_entries_makes_entries_new_and_leaves_the_rest(case) -> None:
    optimizer = fresh(case)
    train(optimizer, range(3))
    out, inputs = torch.zeros(3, 5, 1, dtype=torch.bool), torch.zeros(3, 1, 7, dtype=torch.bool)
    out[1, 2] = inputs[1, 0, 4] = True
    weight = optimizer.params[0]
    optimizer.reset_entries(weight, out)
    train(optimizer, range(3, 5))
    optimizer.reset_entries(weight, inputs)
    optimizer.reset_entries(weight, torch.zeros_like(out))
    start = weight.detach().clone()
    after = train(optimizer, range(5, 8))[0]

    def twin(steps: range) -> Tensor:
        """From the same weights at step 5, with moments from `steps` only."""
        other = fresh(case)
        train(other, steps)
        with torch.no_grad():
            other.params[0].copy_(start)
        return train(other, range(5, 8))[0]

    old, middle, new = twin(range(5)), twin(range(3, 5)), twin(range(0))
    where = (out | inputs).expand_as(weight)
    torch.testing.assert_close(after[~where], old[~where], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        after[inputs.expand_as(weight)], new[inputs.expand_as(weight)], rtol=1e-6, atol=1e-6
    )
    only_out = out & ~inputs
    torch.testing.assert_close(after[only_out], middle[only_out], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", ["sgd nesterov", "adam", "adamw"])
def test_a_parameter_that_is_reset_whole_steps_as_a_new_one_and_as_fast(case) -> None:
    """For some of the members: their moments and age, and no ages of entries that every step would
    walk over.
    """
    optimizer = fresh(case)
    train(optimizer, range(3))
    chosen = torch.tensor([False, True, False])
    optimizer.reset_entries(optimizer.params[0], chosen.view(3, 1, 1))
    assert not any(slot.ages for slot in optimizer.slots.values())
    twin = fresh(case)
    with torch.no_grad():
        for param, other in zip(twin.params, optimizer.params, strict=True):
            param.copy_(other)
    after, anew, on = (
        train(optimizer, range(3, 6)),
        train(twin, range(3, 6)),
        train(fresh(case), range(6)),
    )
    assert torch.equal(after[0][1], anew[0][1])
    assert torch.equal(after[0][[0, 2]], on[0][[0, 2]])
    assert_equal(after[1:], on[1:])


def test_reset_entries_says_what_does_not_fit() -> None:
    optimizer = fresh("adam")
    with pytest.raises(StrategyError, match="does not hold that parameter"):
        optimizer.reset_entries(torch.zeros(3, 5, 7), torch.zeros(3, 5, 1, dtype=torch.bool))
    with pytest.raises(StrategyError, match="where has shape"):
        optimizer.reset_entries(optimizer.params[0], torch.zeros(5, 7, dtype=torch.bool))


def test_foreign_moments_of_entries_are_zeroed() -> None:
    optimizer = fresh("torch.SGD")
    train(optimizer, range(3))
    where = torch.zeros(3, 5, 1, dtype=torch.bool)
    where[1, 2] = True
    optimizer.reset_entries(optimizer.params[0], where)
    for member, inner in enumerate(optimizer.optimizers):
        momentum = inner.state[inner.param_groups[0]["params"][0]]["momentum_buffer"]
        for unit, row in enumerate(momentum):
            assert bool(row.any()) == (member != 1 or unit != 2)


# ------------------------------------------------------------------------------------------
# parameters that come and go, state


@pytest.mark.parametrize("case", ["sgd momentum", "adam", "torch.NAdam"])
def test_parameters_come_and_go(case) -> None:
    optimizer, extra = fresh(case), numbers(3, 50)[0].requires_grad_()
    train(optimizer, range(2))
    optimizer.add_param(extra)
    assert optimizer.params[-1] is extra
    give(optimizer, [*numbers(3, 3), numbers(3, 4)[0]])
    optimizer.step()
    assert not torch.equal(extra, numbers(3, 50)[0])
    optimizer.remove_param(optimizer.params[0])
    optimizer.remove_param(extra)
    assert_equal(train_rest(optimizer), train(fresh(case), range(4))[1:])


def train_rest(optimizer: Optimizer) -> list[Tensor]:
    give(optimizer, numbers(3, 4)[1:])
    optimizer.step()
    return [param.detach() for param in optimizer.params]


class Learner(Stateful):
    def __init__(self, case: str) -> None:
        self.optimizer = fresh(case)


@pytest.mark.parametrize("case", [*OURS, *FOREIGN])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(case, tmp_path) -> None:
    learner = Learner(case)
    train(learner.optimizer, range(3))
    learner.optimizer.reset_entries(
        learner.optimizer.params[0], torch.arange(15).view(3, 5, 1) % 4 == 0
    )
    learner.optimizer.add_param(numbers(3, 60)[1].requires_grad_())
    learner.optimizer.remove_param(learner.optimizer.params[1])
    torch.save(save(learner), tmp_path / "state")
    other = Learner(case)
    restore(other, torch.load(tmp_path / "state", weights_only=True))
    for step in range(2):
        for held in (learner, other):
            grads = numbers(3, 20 + step)
            give(held.optimizer, [grads[0], *grads[2:], grads[1]])
            held.optimizer.step()
    assert_equal(detached(learner.optimizer.params), detached(other.optimizer.params))


@pytest.mark.parametrize("case", ["sgd momentum", "adam", "torch.NAdam"])
def test_a_suspended_member_takes_no_part(case) -> None:
    learner, alone = Learner(case), fresh(case)
    suspension = Suspension(learner, 3)
    train(learner.optimizer, range(2))
    suspension.set_active({0, 2})
    train(learner.optimizer, range(2, 3))
    learner.optimizer.reset_entries(
        learner.optimizer.params[0], torch.zeros(3, 5, 1, dtype=torch.bool)
    )
    train(learner.optimizer, range(3, 5))
    suspension.set_active({0, 1, 2})
    after = train(learner.optimizer, range(5, 7))
    train(alone, range(2))
    lone = train(alone, range(5, 7))
    for one, other in zip(after, lone, strict=True):
        torch.testing.assert_close(one[1], other[1], rtol=1e-6, atol=1e-6)


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
