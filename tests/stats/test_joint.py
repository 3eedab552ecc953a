"""All pairs of a family by the same sign flips: exact, whatever spread each strategy has."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from clbench.stats.families import all_pairs, baseline_pairs, partitions
from clbench.stats.flips import flips_p
from clbench.stats.joint import joint_flips


def steps_of(scores: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.stack([scores[:, i] - scores[:, j] for i, j in pairs], axis=1)


def strongest(steps: np.ndarray) -> np.ndarray:
    """The definition: under every pattern of signs the largest |t| of a pair."""
    found = []
    for signs in itertools.product((1, -1), repeat=len(steps)):
        flipped = steps * np.array(signs)[:, None]
        with np.errstate(divide="ignore"):
            t = flipped.mean(axis=0) / (flipped.std(axis=0, ddof=1) / np.sqrt(len(steps)))
        found.append(np.abs(t).max())
    return np.array(found)


def test_few_strategies_are_the_enumeration_over_partitions() -> None:
    scores = np.random.default_rng(3).normal([0, 0, 1.0, 2.0], 1, (7, 4))
    pairs = all_pairs(4)
    expected = np.zeros(len(pairs))
    for partition in partitions(4):
        class_of = {strategy: members for members in partition for strategy in members}
        inside = [place for place, (i, j) in enumerate(pairs) if class_of[i] == class_of[j]]
        if inside:
            statistics = strongest(steps_of(scores, pairs)[:, inside])
            p = np.mean(statistics >= statistics[0] * (1 - 1e-9))
            expected[inside] = np.maximum(expected[inside], p)
    found = joint_flips(steps_of(scores, pairs), pairs)
    np.testing.assert_allclose(found.adjusted, expected)
    assert found.omnibus_p == found.adjusted.min()


def test_a_baseline_is_the_enumeration_over_all_sets_of_comparisons() -> None:
    scores = np.random.default_rng(4).normal([0, 1.5, 0.5, 0], 1, (7, 4))
    pairs = baseline_pairs(4, 0)
    steps = steps_of(scores, pairs)
    expected = np.zeros(3)
    for size in (1, 2, 3):
        for chosen in itertools.combinations(range(3), size):
            statistics = strongest(steps[:, list(chosen)])
            p = np.mean(statistics >= statistics[0] * (1 - 1e-9))
            expected[list(chosen)] = np.maximum(expected[list(chosen)], p)
    np.testing.assert_allclose(joint_flips(steps, pairs).adjusted, expected)


def test_one_pair_is_its_sign_flips() -> None:
    delta = np.random.default_rng(0).normal(1.0, 1, (8, 1))
    assert joint_flips(delta, [(0, 1)]).adjusted[0] == flips_p(delta[:, 0])


@pytest.mark.parametrize("strategies", [4, 8])
def test_neither_scale_nor_the_order_of_strategies_matters(strategies: int) -> None:
    scores = np.random.default_rng(1).normal(np.arange(strategies) / 2, 1, (8, strategies))
    pairs = all_pairs(strategies)
    found = joint_flips(steps_of(scores, pairs), pairs).adjusted
    np.testing.assert_array_equal(found, joint_flips(steps_of(-4 * scores, pairs), pairs).adjusted)
    turned = joint_flips(steps_of(scores[:, ::-1], pairs), pairs).adjusted
    last = strategies - 1
    there = [pairs.index((last - j, last - i)) for i, j in pairs]
    np.testing.assert_array_equal(found, turned[there])


def test_many_blocks_draw_always_the_same_patterns() -> None:
    pairs = all_pairs(3)
    scores = np.random.default_rng(2).normal([0, 0, 0.6], 1, (14, 3))
    steps = steps_of(scores, pairs)
    found = joint_flips(steps, pairs).adjusted
    assert found.tolist() == joint_flips(steps, pairs).adjusted.tolist()
    alone = [flips_p(steps[:, 1]), flips_p(steps[:, 2])]
    assert (found[1:] >= np.array(alone) - 0.01).all()


def test_a_wide_strategy_does_not_hide_what_narrow_ones_show() -> None:
    scores = np.random.default_rng(5).normal([0, 0, 0, 1], [4, 4, 0.3, 0.3], (8, 4))
    pairs = all_pairs(4)
    found = dict(zip(pairs, joint_flips(steps_of(scores, pairs), pairs).adjusted, strict=True))
    assert found[2, 3] <= 0.05 < found[0, 1]


def test_unequal_spread_raises_no_more_alarms_than_alpha() -> None:
    """Permuting the runs of each seed does, in 6.5 % of suites: it mixes wide with narrow."""
    rng = np.random.default_rng(0)
    pairs = all_pairs(5)
    alarms = [
        joint_flips(steps_of(rng.normal(0, [4, 4, 0.3, 0.3, 0.3], (8, 5)), pairs), pairs).omnibus_p
        for _ in range(1000)
    ]
    assert np.mean(np.array(alarms) <= 0.05) <= 0.06


def test_equal_runs_show_nothing() -> None:
    assert joint_flips(np.zeros((8, 3)), all_pairs(3)).adjusted.tolist() == [1, 1, 1]


def test_a_hundred_strategies_fit() -> None:
    scores = np.random.default_rng(0).normal(size=(20, 100))
    scores[:, 0] += 9
    found = joint_flips(steps_of(scores, all_pairs(100)), all_pairs(100)).adjusted
    assert (found[:99] <= 0.05).all()


def test_failures_and_missing_blocks_count_by_their_ranks_and_not_at_all() -> None:
    """A block without a difference says nothing: p is that of the blocks without it."""
    steps = np.random.default_rng(6).normal(0.8, 1, (6, 1))
    longer = np.vstack([steps, np.zeros((2, 1))])
    assert joint_flips(longer, [(0, 1)]).adjusted == joint_flips(steps, [(0, 1)]).adjusted


def test_the_omnibus_test_is_that_of_the_strongest_pair() -> None:
    scores = np.random.default_rng(7).normal([0, 0, 1.5], 1, (8, 3))
    pairs = all_pairs(3)
    steps = steps_of(scores, pairs)
    found = joint_flips(steps, pairs)
    leads = np.abs(steps.sum(axis=0)) / np.sqrt(np.square(steps).sum(axis=0))
    assert found.omnibus_lead == pytest.approx(leads.max())
    assert found.adjusted[leads.argmax()] == found.adjusted.min()


def test_the_order_of_seeds_does_not_matter() -> None:
    scores = np.random.default_rng(8).normal([0, 0.5, 1.5], 1, (8, 3))
    pairs = all_pairs(3)
    found = joint_flips(steps_of(scores, pairs), pairs)
    turned = joint_flips(steps_of(scores[::-1], pairs), pairs)
    np.testing.assert_array_equal(found.adjusted, turned.adjusted)


def test_whoever_leads_by_less_is_never_shown_more_surely() -> None:
    pairs = baseline_pairs(6, 0)
    scores = np.random.default_rng(9).normal(np.arange(6.0) / 2, 1, (9, 6))
    steps = steps_of(scores, pairs)
    leads = np.abs(steps.sum(axis=0)) / np.sqrt(np.square(steps).sum(axis=0))
    found = joint_flips(steps, pairs).adjusted
    assert (np.diff(found[np.argsort(leads)]) <= 0).all()
