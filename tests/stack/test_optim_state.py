"""Parts of a step, what optimisers forget, and parameters that come and go."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack import Stateful, restore, save
from clbench.stack.optim import Optimizer, make_optimizer
from clbench.stack.suspension import Suspension

from .optimisers import (
    FOREIGN,
    OURS,
    SHAPES,
    assert_equal,
    choice,
    detached,
    fresh,
    give,
    make,
    numbers,
    rows,
    train,
    with_weights_of,
)

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
    twin = with_weights_of(optimizer, case)
    after, anew = train(optimizer, range(3, 6)), train(twin, range(3, 6))
    on = train(fresh(case), range(6))
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
    twin = with_weights_of(optimizer, case)
    after, anew = train(optimizer, range(3, 6)), train(twin, range(3, 6))
    on = train(fresh(case), range(6))
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
