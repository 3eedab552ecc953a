from __future__ import annotations

from typing import Any

import pytest
import torch

from clbench.stack import Noise, Stateful, Suspension, make_optimizer, member_tables


class Holder(Stateful):
    shared_state = frozenset({"shared"})

    def __init__(self, **held: Any) -> None:
        for key, value in held.items():
            setattr(self, key, value)


class Apart(Stateful):
    """Keeps its members' state in a form of its own."""

    wiring = frozenset({"values"})

    def __init__(self, members: int) -> None:
        self.values = [0] * members

    def member_state(self, member: int) -> int:
        return self.values[member]

    def set_member_state(self, member: int, state: int) -> None:
        self.values[member] = state


def test_rows_come_back_as_they_were() -> None:
    state = Holder(
        a=torch.zeros(4, 2),
        b=[torch.zeros(4)],
        c={"k": torch.zeros(4, dtype=torch.int64)},
        flags=torch.zeros(4, dtype=torch.bool),
    )
    suspension = Suspension(state, 4)
    suspension.set_active({0, 3})
    assert suspension.active == [0, 3]
    for tensor in (state.a, state.b[0], state.c["k"]):
        tensor += 1
    state.flags |= True
    suspension.set_active({0, 1, 2, 3})
    assert suspension.active == [0, 1, 2, 3]
    for tensor in (state.a[:, 0], state.b[0], state.c["k"], state.flags):
        assert tensor.tolist() == [1, 0, 0, 1]


def test_members_leave_and_return_one_by_one() -> None:
    state = Holder(steps=torch.zeros(4))
    suspension = Suspension(state, 4)
    for active in ({0, 1, 2, 3}, {1, 2}, {0, 2}, {3}, {0, 1, 2, 3}, {1}):
        suspension.set_active(active)
        assert suspension.active == sorted(active)
        state.steps += 1
    suspension.set_active({0, 1, 2, 3})
    assert state.steps.tolist() == [3, 4, 4, 3]


def test_rows_find_a_tensor_that_was_replaced() -> None:
    state = Holder(anchor=torch.tensor([1.0, 2.0, 3.0]))
    suspension = Suspension(state, 3)
    suspension.set_active({0, 1})
    state.anchor = state.anchor * 10
    suspension.set_active({0, 1, 2})
    assert state.anchor.tolist() == [10, 20, 3]


def test_a_tensor_that_is_gone_or_new_is_left_alone() -> None:
    state = Holder(old=torch.ones(3))
    suspension = Suspension(state, 3)
    suspension.set_active({0})
    del state.old
    state.new = torch.full((3,), 7.0)
    suspension.set_active({0, 1, 2})
    assert state.new.tolist() == [7, 7, 7]


def test_tensors_without_members_are_left_alone() -> None:
    state = Holder(shared=torch.zeros(3), scalar=torch.tensor(0.0))
    suspension = Suspension(state, 3)
    suspension.set_active({1})
    state.shared += 1
    state.scalar += 1
    suspension.set_active({0, 1, 2})
    assert state.shared.tolist() == [1] * 3
    assert state.scalar == 1


def test_parameters_are_put_back_under_autograd() -> None:
    state = Holder(p=torch.zeros(2, 3, requires_grad=True))
    suspension = Suspension(state, 2)
    suspension.set_active({0})
    with torch.no_grad():
        state.p += 1
    suspension.set_active({0, 1})
    assert state.p.detach()[:, 0].tolist() == [1, 0]
    assert state.p.requires_grad
    assert state.p.is_leaf


def test_objects_that_keep_members_apart_are_asked() -> None:
    state = Holder(inner=[Apart(3)], again=None)
    state.again = state.inner[0]
    suspension = Suspension(state, 3)
    suspension.set_active({0})
    state.inner[0].values = [1, 1, 1]
    suspension.set_active({0, 2})
    assert state.inner[0].values == [1, 1, 0]


@pytest.mark.parametrize("kind", ["adam", "torch.Adam"])
def test_an_optimiser_and_noise_take_exactly_the_steps_of_each_member(kind: str) -> None:
    def run(members: list[int], steps: dict[int, int]) -> list[torch.Tensor]:
        param = torch.stack([torch.full((3,), float(m)) for m in members]).requires_grad_()
        state = Holder(
            param=param,
            opt=make_optimizer({kind: {"lr": 0.1}}, [param], len(members)),
            noise=Noise([(m, 0) for m in members]),
        )
        suspension = Suspension(state, len(members))
        for step in range(max(steps.values())):
            suspension.set_active({row for row, m in enumerate(members) if steps[m] > step})
            param.grad = state.noise.uniform(3) + param.detach()
            state.opt.step()
        suspension.set_active(set(range(len(members))))
        return [row.clone() for row in param.detach()]

    steps = {0: 3, 1: 5, 2: 1}
    together = run([0, 1, 2], steps)
    for member in steps:
        assert torch.equal(together[member], run([member], steps)[0])


def test_the_two_rates_of_adam_are_not_those_of_two_members() -> None:
    param = torch.zeros(2, 3, requires_grad=True)
    optimizer = make_optimizer({"adam": {"lr": 0.1}}, [param], members=2)
    paths = {path for path, _ in member_tables(optimizer, members=2)}
    assert ".lr" in paths
    assert ".betas" not in paths
