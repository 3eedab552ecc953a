"""The process's global generators: lent to members, watched, and put back."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from clbench.stack.generators import (
    MemberState,
    MemberStates,
    Snapshot,
    are_lent,
    own_state_kept,
    seeded,
)

CPU = torch.device("cpu")
DRAWS = {
    "torch's": lambda: torch.rand(()),
    "NumPy's": lambda: np.random.rand(),
    "Python's": lambda: random.random(),
}


def drawn() -> tuple[float, float, float]:
    """A number of each global generator."""
    return torch.rand(()).item(), float(np.random.rand()), random.random()


def fails() -> None:
    """Draws, and then ends in an error."""
    drawn()
    raise ZeroDivisionError


def states(*members: tuple[int, int]) -> MemberStates:
    return MemberStates(members, "solo", CPU)


def test_within_a_seed_everything_follows_from_it() -> None:
    with seeded((1, 2)):
        first = drawn()
    with seeded((1, 2)):
        assert drawn() == first
    with seeded((3, 2)):
        others = drawn()
    assert not set(first) & set(others)


def test_the_processes_own_state_is_put_back() -> None:
    before = Snapshot(CPU)
    with seeded((1, 2)):
        drawn()
    assert before.moved() == []


def test_it_is_put_back_after_an_error_too() -> None:
    before = Snapshot(CPU)
    with pytest.raises(ZeroDivisionError), seeded((1, 2)):
        fails()
    assert before.moved() == []
    assert not are_lent()


def test_generators_are_lent_within_blocks_one_in_another() -> None:
    assert not are_lent()
    with own_state_kept(CPU):
        with own_state_kept(CPU):
            assert are_lent()
        assert are_lent()
    assert not are_lent()


@pytest.mark.parametrize("whose", DRAWS)
def test_a_snapshot_tells_which_generator_was_drawn_from(whose: str) -> None:
    before = Snapshot(CPU)
    assert before.moved() == []
    DRAWS[whose]()
    assert before.moved() == [whose]
    before.put_back()
    assert before.moved() == []


def test_what_is_put_back_is_drawn_again() -> None:
    before = Snapshot(CPU)
    first = drawn()
    before.put_back()
    assert drawn() == first
    before.put_back()


def test_imports_may_draw_from_pythons() -> None:
    before = Snapshot(CPU)
    before.modules -= 1  # as if a module had come since
    random.random()
    assert before.moved() == []
    before.modules += 1
    assert before.moved() == ["Python's"]
    before.put_back()


# ---------------------------------------------------------------------- members


def test_every_member_goes_on_where_it_was() -> None:
    both = states((0, 0), (1, 0))
    one = [both.for_each([0, 1], lambda _: drawn()) for _ in range(2)]
    alone = states((1, 0))
    other = [alone.for_each([0], lambda _: drawn()) for _ in range(2)]
    # Member 1 draws what it draws alone, whatever member 0 did in between.
    of_member_1 = [turn[1] for turn in one]
    assert of_member_1 == [turn[0] for turn in other]
    assert one[0] != one[1]


def test_members_that_sit_out_are_not_moved() -> None:
    some, all_of_them = states((0, 0), (1, 0)), states((0, 0), (1, 0))
    some.for_each([0], lambda _: drawn())
    some.for_each([0], lambda _: drawn())
    (late,) = some.for_each([1], lambda _: drawn())
    assert late == all_of_them.for_each([0, 1], lambda _: drawn())[1]


def test_results_come_in_the_order_asked_for_and_the_process_is_left_alone() -> None:
    before = Snapshot(CPU)
    assert states((0, 0), (1, 0)).for_each([1, 0], lambda row: 10 * row) == [10, 0]
    assert before.moved() == []


def test_saved_states_go_on_with_the_same_numbers() -> None:
    state = MemberState((5, 6), CPU)
    with own_state_kept(CPU):
        state.lend()
        random.gauss(0, 1)  # leaves the second of a pair behind
        np.random.randn()
        state.take_back()
        saved_numpy, saved_python = state.numpy_state, state.python_state
        saved_torch = state.torch.clone()
        state.lend()
        expected = (*drawn(), random.gauss(0, 1))
        other = MemberState((7, 8), CPU)
        other.numpy_state, other.python_state, other.torch = saved_numpy, saved_python, saved_torch
        other.lend()
        assert (*drawn(), random.gauss(0, 1)) == expected


def test_saved_states_are_plain_data() -> None:
    held = MemberState((5, 6), CPU).held()
    assert held["numpy_state"]["key"].dtype == np.int64
    assert held["numpy_state"]["key"].shape == (624,)
    assert held["python_state"]["words"].shape == (625,)
