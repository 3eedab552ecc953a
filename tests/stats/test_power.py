"""What a design can show at all, and what it finds."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from clbench.stats.paired import signed_rank
from clbench.stats.power import (
    penalty,
    power_of_t,
    seeds_needed,
    seeds_to_find,
    smallest_dunn,
    smallest_equivalence,
    smallest_equivalence_unpaired,
    smallest_mann_whitney,
    smallest_nemenyi,
    smallest_signed_rank,
)
from clbench.stats.several import average_ranks, nemenyi_p
from clbench.stats.unpaired import dunn, mann_whitney


def test_five_pairs_reach_a_sixteenth() -> None:
    assert [smallest_signed_rank(n) for n in (1, 3, 4, 5, 6, 8)] == [
        1,
        0.25,
        0.125,
        0.0625,
        0.03125,
        0.0078125,
    ]
    assert signed_rank(np.arange(1.0, 6), np.zeros(5)).p == smallest_signed_rank(5)
    assert (seeds_needed(0.05, 1), seeds_needed(0.05, 28), seeds_needed(0.05, 1, paired=False)) == (
        6,
        11,
        4,
    )
    assert (
        penalty(28, "holm"),
        penalty(28, "bonferroni"),
        penalty(28, "fdr_bh"),
        penalty(28, "none"),
    ) == (28, 28, 1, 1)


def test_the_smallest_p_of_other_tests() -> None:
    assert smallest_mann_whitney(4, 4) == pytest.approx(2 / 70)
    assert 0 <= smallest_mann_whitney(600, 600) < 1e-300  # the patterns have no place in a float
    assert smallest_nemenyi(2, 4) == pytest.approx(2 * stats.norm.sf(1 / np.sqrt(2 * 3 / 24)))
    assert 0 < smallest_dunn([5, 5, 5], 0, 1) < 0.005


@pytest.mark.parametrize(("pairs", "power"), [(3, 0.17), (5, 0.40), (10, 0.80), (15, 0.95)])
def test_the_power_of_t_is_the_published_one(pairs: int, power: float) -> None:
    assert power_of_t(pairs, 1.0, 0.05) == pytest.approx(power, abs=0.015)
    assert power_of_t(1, 1.0, 0.05) == 0.0
    assert power_of_t(pairs, 0.0, 0.05) == pytest.approx(0.05)


@pytest.mark.parametrize("level", [0.05, 0.05 / 56, 1e-6])
def test_the_power_of_t_rises_to_1(level: float) -> None:
    effects = np.linspace(0.0, 10.0, 41)
    powers = np.array([power_of_t(30, float(effect), level) for effect in effects])
    assert np.all(np.diff(powers) >= -1e-9)
    assert powers[-1] == pytest.approx(1.0)


def test_the_seeds_that_find_one_sd_in_four_of_five_cases() -> None:
    """Ten; for a pair among five strategies (the first multiplier is 6) sixteen."""
    assert seeds_to_find(1.0, 0.05) == 10
    assert seeds_to_find(1.0, 0.05 / 6) == 16
    assert seeds_to_find(2.0, 0.05, power=0.5) == 4


# ---------------------------------------------------------------------- what is within reach


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 2), (3, 5), (5, 3)])
def test_two_groups_that_do_not_overlap_reach_the_smallest_p(first: int, second: int) -> None:
    low, high = np.arange(float(first)), 100 + np.arange(float(second))
    smallest = smallest_mann_whitney(first, second)
    assert mann_whitney(low, high).p == pytest.approx(smallest)
    assert smallest == smallest_mann_whitney(second, first)


def test_dunn_reaches_its_smallest_p_with_all_others_between() -> None:
    groups = [np.arange(5.0), 10 + np.arange(4.0), 20 + np.arange(6.0)]
    sizes = [len(group) for group in groups]
    assert dunn(groups)[0, 2].p == pytest.approx(smallest_dunn(sizes, 0, 2))
    assert smallest_dunn(sizes, 0, 2) == pytest.approx(smallest_dunn(sizes, 2, 0))


def test_nemenyi_reaches_its_smallest_p_where_one_is_always_first_and_one_last() -> None:
    scores = np.tile([0.9, 0.5, 0.1], (7, 1))
    ranks = average_ranks(scores)
    p = nemenyi_p(np.array([ranks[2] - ranks[0]]), 3, 7)
    assert smallest_nemenyi(3, 7) == pytest.approx(p[0])


@pytest.mark.parametrize("pairs", [1, 2, 5, 9])
def test_equivalence_is_one_sided(pairs: int) -> None:
    """One pattern of signs in 2^n, and no mirror image: half of what a difference can reach."""
    assert smallest_equivalence(pairs) == 0.5**pairs
    assert 2 * smallest_equivalence(pairs) == smallest_signed_rank(pairs)
    assert 2 * smallest_equivalence_unpaired(pairs, 3) == pytest.approx(
        2 / comb(pairs + 3, 3), rel=1e-12
    )


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("factor", [1, 10, 45])
def test_the_seeds_needed_are_the_fewest_that_reach_alpha(factor: int, paired: bool) -> None:
    seeds = seeds_needed(0.05, factor, paired=paired)

    def reached(count: int) -> float:
        alone = smallest_signed_rank(count) if paired else smallest_mann_whitney(count, count)
        return factor * alone

    assert reached(seeds) <= 0.05 < reached(seeds - 1)


def test_a_family_of_nobody_pays_for_nobody() -> None:
    assert penalty(0, "holm") == penalty(1, "holm") == 1


# ---------------------------------------------------------------------- what is found


@pytest.mark.parametrize(("pairs", "effect", "level"), [(2, 1.0, 0.05), (8, 0.7, 0.01)])
def test_power_is_the_share_of_simulated_tests_that_find_it(
    pairs: int, effect: float, level: float
) -> None:
    drawn = np.random.default_rng(0).normal(effect, 1.0, (pairs, 20_000))
    found = stats.ttest_1samp(drawn, 0.0).pvalue <= level
    assert power_of_t(pairs, effect, level) == pytest.approx(found.mean(), abs=0.012)


def test_more_pairs_find_more_and_a_stricter_level_less() -> None:
    by_pairs = [power_of_t(pairs, 0.8, 0.05) for pairs in range(1, 30)]
    assert by_pairs == sorted(by_pairs)
    by_level = [power_of_t(9, 0.8, level) for level in (0.2, 0.05, 0.01, 0.001)]
    assert by_level == sorted(by_level, reverse=True)


def test_an_effect_in_either_direction_is_found_alike() -> None:
    assert power_of_t(9, -0.8, 0.05) == pytest.approx(power_of_t(9, 0.8, 0.05))


def test_a_smaller_effect_needs_more_seeds() -> None:
    needed = [seeds_to_find(effect, 0.05) for effect in (0.3, 0.5, 1.0, 3.0)]
    assert needed == sorted(needed, reverse=True)
    assert power_of_t(needed[1], 0.5, 0.05) >= 0.8 > power_of_t(needed[1] - 1, 0.5, 0.05)
