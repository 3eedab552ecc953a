"""Which tests answer a question, by the design of the experiment."""

from __future__ import annotations

import pytest

from clbench.stats.by_design import (
    FLIPS,
    HOLM,
    JOINT,
    PARTITIONS,
    SHAFFER,
    STUDENT,
    can_be_tested,
    choose,
)
from clbench.stats.families import all_pairs, baseline_pairs, family_multipliers


@pytest.mark.parametrize(
    ("strategies", "seeds", "test", "correction"),
    [
        (2, 5, STUDENT, PARTITIONS),  # 2 / 32 is above alpha
        (2, 6, FLIPS, JOINT),
        (3, 6, STUDENT, PARTITIONS),  # one pattern of 32 is no room for three pairs
        (3, 7, FLIPS, JOINT),
        (5, 7, FLIPS, JOINT),
        (10, 6, STUDENT, SHAFFER),
        (10, 7, FLIPS, JOINT),
    ],
)
def test_the_design_decides(strategies: int, seeds: int, test: str, correction: str) -> None:
    pairs = all_pairs(strategies)
    found = choose(pairs, [seeds] * len(pairs), alpha=0.05)
    assert set(found.tests) == {test}
    assert found.correction == correction


def test_alpha_scenarios_and_short_entries_are_part_of_the_design() -> None:
    pairs = all_pairs(5)
    assert choose(pairs, [8] * 10, alpha=0.05).tests[0] == FLIPS
    assert choose(pairs, [8] * 10, alpha=0.01).tests[0] == STUDENT
    assert choose(pairs, [8] * 10, alpha=0.05, scenarios=3).tests[0] == STUDENT
    mixed = choose(pairs, [10] * 9 + [3], alpha=0.05)
    assert (mixed.tests[0], mixed.tests[-1], mixed.correction) == (FLIPS, STUDENT, PARTITIONS)
    star = choose(baseline_pairs(8, 0), [5] * 7, alpha=0.05)
    assert (star.correction, star.multipliers[0], star.tests[0]) == (HOLM, 7, STUDENT)
    assert choose([], [], alpha=0.05).tests == ()


@pytest.mark.parametrize(("size", "fit"), [(0, False), (2, False), (3, True), (4, True)])
def test_pairs_need_three_blocks_in_common(size: int, fit: bool) -> None:
    """A t of one degree of freedom finds nothing below 25 standard deviations."""
    assert can_be_tested(size) is fit


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_a_single_pair_is_flipped_as_soon_as_that_can_reach_alpha(alpha: float) -> None:
    for size in range(3, 12):
        [test] = choose([(0, 1)], [size], alpha=alpha).tests
        assert test == (FLIPS if 2 / 2**size <= alpha else STUDENT)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_a_family_is_flipped_together_where_three_patterns_fit_into_alpha(alpha: float) -> None:
    for size in range(3, 14):
        found = choose(all_pairs(4), [size] * 6, alpha=alpha)
        assert (found.correction == JOINT) == (3 * 2 / 2**size <= alpha)


def test_one_short_pair_takes_the_joint_test_from_all() -> None:
    long = choose(all_pairs(3), [12, 12, 12], alpha=0.05)
    short = choose(all_pairs(3), [12, 12, 4], alpha=0.05)
    assert (long.correction, short.correction) == (JOINT, PARTITIONS)
    assert short.tests == (FLIPS, FLIPS, STUDENT)


@pytest.mark.parametrize(
    ("family", "correction"),
    [
        (all_pairs(2), PARTITIONS),
        (all_pairs(6), PARTITIONS),
        (all_pairs(7), SHAFFER),
        (all_pairs(4)[:-1], HOLM),  # not every pair: any number of them may be equal
        (baseline_pairs(3, 1), HOLM),
    ],
)
def test_few_seeds_are_adjusted_by_what_is_known_of_the_family(
    family: list[tuple[int, int]], correction: str
) -> None:
    found = choose(family, [4] * len(family), alpha=0.05)
    assert found.correction == correction
    assert found.tests == (STUDENT,) * len(family)
    assert list(found.multipliers) == family_multipliers(family)


def test_scenarios_that_share_alpha_leave_each_a_part_of_it() -> None:
    """Six seeds have 2 / 64, which is below 0.05 and above half of it."""
    [alone] = choose([(0, 1)], [6], alpha=0.05, scenarios=1).tests
    [shared] = choose([(0, 1)], [6], alpha=0.05, scenarios=2).tests
    assert (alone, shared) == (FLIPS, STUDENT)
