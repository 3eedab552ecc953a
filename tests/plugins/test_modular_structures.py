"""The numbers whose soft-max mixes modules, and how many numbers a network has."""

from __future__ import annotations

import math

import torch

from clbench_plugins.modular.counting import numbers_of, structure_numbers
from clbench_plugins.modular.gates import GATES, GATES_OF, Gates, NoGates
from clbench_plugins.modular.structures import (
    NEVER,
    equal_numbers,
    modules_in_turn,
    one_module_each,
)

# ---------------------------------------------------------------------- structures


def test_modules_that_are_allowed_weigh_alike_at_every_depth() -> None:
    allowed = torch.tensor([[True, True, False], [True, False, False]])
    numbers = equal_numbers(allowed, depth=2)
    assert numbers.shape == (2, 1, 3, 2)
    mixed = numbers.softmax(2)[:, 0, :, 1]
    assert mixed.tolist() == [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
    assert torch.equal(numbers[..., 0], numbers[..., 1])


def test_one_module_at_each_depth_is_all_of_its_layer() -> None:
    chosen = torch.tensor([[[2, 0]], [[1, 1]]])  # [R, T, depth]
    mixed = one_module_each(chosen, modules=3).softmax(2)
    assert mixed.shape == (2, 1, 3, 2)
    assert mixed[0, 0].T.tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    assert mixed[1, 0].T.tolist() == [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]


def test_a_module_that_is_never_used_has_a_number_that_no_step_changes() -> None:
    assert math.exp(NEVER) == 0.0
    assert NEVER + 1.0 == NEVER


def test_tasks_take_the_modules_in_turn() -> None:
    # Five tasks of two layers share three modules.
    assert modules_in_turn(3, tasks=5, depth=2).tolist() == [[0, 0], [1, 1], [2, 2], [0, 0], [1, 1]]


# ---------------------------------------------------------------------- what is counted


def test_numbers_are_those_of_one_member() -> None:
    assert numbers_of([torch.zeros(5, 2, 3), torch.zeros(5, 4)]) == 2 * 3 + 4
    assert numbers_of([]) == 0


def test_structures_that_were_learnt_count_with_their_gates() -> None:
    numbers = torch.zeros(1, 3, 2, 2)
    numbers[:, 0, 1] = NEVER  # the first task uses one module of two
    # 2 + 4 + 4 numbers at two depths; the last task was learnt, with 10 numbers a gate.
    assert structure_numbers(numbers, learnt_from=2, width=10).tolist() == [2 + 4 + 4 + 4 * 10]
    assert structure_numbers(numbers, learnt_from=3, width=10).tolist() == [10]
    assert structure_numbers(numbers, learnt_from=0, width=0).tolist() == [10]


# ---------------------------------------------------------------------- gates


def test_without_gates_a_network_needs_no_buffers() -> None:
    gates = NoGates()
    gates.begin()
    gates.settle(0, torch.ones(1, 1, 1, dtype=torch.bool))
    assert gates.trained == []
    assert gates.of_one(0, is_current=True) == {}
    assert gates.of_each(torch.zeros(1, 2), last=0, is_current=True) == {}


def some_gates(tasks: int = 3) -> Gates:
    """Of one member with two modules, a depth and two channels; the current ones are 1, 2, 3, 4."""
    gates = Gates(torch.zeros(1, 1, 2, 1, 2), tasks)
    with torch.no_grad():
        gates.current.copy_(torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]))
    return gates


def test_a_gate_begins_at_0_and_is_trained() -> None:
    gates = some_gates()
    (trained,) = gates.trained
    assert trained.requires_grad
    gates.begin()
    assert not trained.any()


def test_gates_of_modules_that_a_task_may_not_use_are_let_go() -> None:
    gates = some_gates()
    gates.settle(1, torch.tensor([[[True], [False]]]))
    assert gates.finished[0, 1, :, 0].tolist() == [[1.0, 2.0], [0.0, 0.0]]
    assert not gates.finished[:, [0, 2]].any()


def test_samples_of_one_task_have_its_gates() -> None:
    gates = some_gates()
    current = gates.of_one(1, is_current=True)[GATES]
    assert current.shape == (1, 1, 2, 1, 2)
    assert torch.equal(current[:, 0], gates.current)
    assert not gates.of_one(1, is_current=False)[GATES].any()


def test_samples_of_several_tasks_have_those_of_each_with_gradients_for_the_current() -> None:
    gates = some_gates()
    tasks = torch.tensor([[0, 1]])
    found = gates.of_each(tasks, last=1, is_current=True)
    assert found[GATES_OF] is tasks
    assert found[GATES].shape == (1, 2, 2, 1, 2)
    assert not found[GATES][:, 0].any()
    assert torch.equal(found[GATES][:, 1], gates.current)
    assert found[GATES].requires_grad
    # Where nothing is learnt they are the finished ones.
    finished = gates.of_each(tasks, last=1, is_current=False)[GATES]
    assert not finished.requires_grad
    assert not finished.any()
