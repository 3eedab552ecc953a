from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from clbench.engine.plan import Step, plan_epoch

Sizes = st.lists(st.integers(1, 60), min_size=1, max_size=8)


def batches_of(steps: list[Step], member: int) -> list[tuple[int, int]]:
    """Where a member's batches begin, and how large they are, in order."""
    return [
        (step.start[step.members.index(member)], step.size)
        for step in steps
        if member in step.members
    ]


@settings(max_examples=200, deadline=None)
@given(Sizes, st.integers(1, 20), st.integers(1, 2), st.data())
def test_every_member_gets_exactly_the_batches_it_would_get_alone(
    sizes: list[int], batch: int, least: int, data: st.DataObject
) -> None:
    members = sorted(data.draw(st.sets(st.integers(0, len(sizes) - 1), min_size=1)))
    plan = plan_epoch(sizes, batch, members, least)
    assert {member for step in plan for member in step.members} <= set(members)
    for member in members:
        assert batches_of(plan, member) == batches_of(
            plan_epoch([sizes[member]], batch, [0], least), 0
        )


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200), st.integers(1, 40), st.integers(1, 2))
def test_a_member_alone_sees_its_samples_in_order(size: int, batch: int, least: int) -> None:
    seen = [
        place
        for start, length in batches_of(plan_epoch([size], batch, [0], least), 0)
        for place in range(start, start + length)
    ]
    left_out = size % batch if size % batch < least else 0
    assert seen == list(range(size - left_out))


@settings(max_examples=200, deadline=None)
@given(Sizes, st.integers(1, 20))
def test_no_step_could_be_spared(sizes: list[int], batch: int) -> None:
    """As many steps as the longest member has whole batches, and one for each size of last
    batch.
    """
    plan = plan_epoch(sizes, batch, range(len(sizes)))
    whole = max(size // batch for size in sizes)
    rests = {size % batch for size in sizes} - {0}
    assert len(plan) == whole + len(rests)
    assert all(
        step.members == tuple(sorted(step.members)) and len(step.members) == len(step.start)
        for step in plan
    )


def test_members_with_equal_sizes_step_together() -> None:
    assert len(plan_epoch([50] * 7, 8, range(7))) == math.ceil(50 / 8)


def test_nobody_and_nothing() -> None:
    assert plan_epoch([5, 5], 8, []) == []
    assert plan_epoch([1, 9], 8, [0, 1], least=2) == [Step((1,), (0,), 8)]
