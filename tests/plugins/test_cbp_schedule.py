"""When units are replaced: found at once, beside a walk through every step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from clbench_plugins.cbp.schedule import NEVER, Schedule, _waited

STEPS = 300


def replaced(schedule: Schedule, steps: int = STEPS) -> list[list[int]]:
    """By layer of the only member: how many units go in each step, from step 1 on."""
    found: list[list[int]] = [[] for _ in schedule.due(np.zeros(1, np.int64))[0]]
    for step in range(1, steps + 1):
        counts = schedule.settle(np.array([step]))[0]
        for of_layer, count in zip(found, counts.tolist(), strict=True):
            of_layer.append(count)
    return found


def walked(units: int, rate: Fraction, maturity: int, count_all: bool) -> list[int]:
    """The published rule, step by step, with exact fractions: the share of the eligible units is
    added up, and whole units are replaced, the oldest first.
    """
    born = [0] * units
    total, counts = Fraction(0), []
    for step in range(1, STEPS + 1):
        eligible = [birth for birth in born if step - birth > maturity]
        counted = units if count_all and eligible else len(eligible)
        before, total = total, total + rate * counted
        count = min(int(total) - int(before), len(eligible))
        born = sorted(born)[count:] + [step] * count
        counts.append(count)
    return counts


@pytest.mark.parametrize("count_all", [False, True])
@pytest.mark.parametrize(
    ("units", "rate", "maturity"),
    [(7, "0.01", 20), (16, "0.003", 0), (5, "0.1", 13), (100, "0.29", 3), (3, "1", 40)],
)
def test_the_share_is_added_up_to_whole_units(
    units: int, rate: str, maturity: int, count_all: bool
) -> None:
    options = {"rate": float(rate), "maturity": maturity, "count_all": count_all}
    (found,) = replaced(Schedule([(0, 0)], [units], **options))
    assert found == walked(units, Fraction(rate), maturity, count_all)
    assert sum(found) > 0


def test_layers_and_members_have_schedules_of_their_own() -> None:
    both = Schedule([(0, 0), (1, 0)], [7, 16], rate=0.01, maturity=20)
    for step in range(1, 100):
        # The second member has done only half as many steps.
        both.settle(np.array([step, step // 2]))
    alone = replaced(Schedule([(0, 0)], [7, 16], rate=0.01, maturity=20), 99)
    half = replaced(Schedule([(0, 0)], [7, 16], rate=0.01, maturity=20), 49)
    expected = [list(map(sum, found)) for found in (alone, half)]
    assert both.arrays["replaced"].tolist() == expected


def test_a_rate_of_0_never_replaces() -> None:
    schedule = Schedule([(0, 0)], [5], rate=0.0, maturity=1)
    assert schedule.arrays["following"].tolist() == [[NEVER]]
    assert replaced(schedule) == [[0] * STEPS]


def test_arrays_and_tensors_are_the_same_memory() -> None:
    schedule = Schedule([(0, 0)], [5], rate=0.1, maturity=1)
    replaced(schedule, 30)
    for name, tensor in schedule.tensors.items():
        assert tensor.numpy().tolist() == schedule.arrays[name].tolist()
    assert schedule.tensors["replaced"].sum() > 0


# ---------------------------------------------------------------------- by chance


def test_by_chance_as_many_are_replaced_on_average() -> None:
    seeds = [(seed, 0) for seed in range(20)]
    schedule = Schedule(seeds, [10], rate=0.02, maturity=0, accumulate=False)
    for step in range(1, STEPS + 1):
        schedule.settle(np.full(len(seeds), step))
    # A share of 0.2 units a step is a unit every five steps: 60 in 300, give or take 7.
    totals = schedule.arrays["replaced"][:, 0]
    assert abs(totals.mean() - 0.2 * STEPS) < 3 * 7 / np.sqrt(len(seeds))
    assert totals.std() > 2


def test_a_share_of_a_unit_and_more_is_replaced_in_every_step() -> None:
    schedule = Schedule([(0, 0)], [10], rate=0.25, maturity=0, accumulate=False)
    (found,) = replaced(schedule, 20)
    # 2.5 units, of which whole ones count.
    assert found[1:] == [2] * 19


def test_draws_follow_from_the_seed_alone() -> None:
    options = {"rate": 0.01, "maturity": 5, "accumulate": False}
    alone = replaced(Schedule([(3, 0)], [8], **options))
    assert alone == replaced(Schedule([(3, 0)], [8], **options))
    assert alone != replaced(Schedule([(4, 0)], [8], **options))


@pytest.mark.parametrize(
    ("share", "drawn", "expected"),
    [
        (0.5, 0.0, 1),
        (0.5, 0.49, 1),  # P(wait <= 1) = 1/2
        (0.5, 0.51, 2),
        (0.5, 0.74, 2),  # P(wait <= 2) = 3/4
        (0.5, 0.76, 3),
        (0.1, 0.5, 7),  # 1 - 0.9^6 = 0.469, 1 - 0.9^7 = 0.522
    ],
)
def test_a_wait_is_the_inverse_of_the_geometric_distribution(
    share: float, drawn: float, expected: int
) -> None:
    assert _waited(share, drawn) == expected
