"""Whether a difference is too small to matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clbench.stats.equivalence import (
    DRAWS,
    Posterior,
    bayesian_signed_rank,
    equivalence_p,
    two_one_sided,
    two_one_sided_unpaired,
)
from tests.stats.samples import FIRST, SECOND


def test_two_one_sided_tests_by_scipy() -> None:
    delta = FIRST - SECOND + 1.5
    expected = max(
        stats.ttest_1samp(delta, 1.0, alternative="less").pvalue,
        stats.ttest_1samp(delta, -1.0, alternative="greater").pvalue,
    )
    assert two_one_sided(delta, 1.0) == pytest.approx(expected)
    expected = max(
        stats.ttest_ind(FIRST - 3, SECOND, equal_var=False, alternative="less").pvalue,
        stats.ttest_ind(FIRST + 3, SECOND, equal_var=False, alternative="greater").pvalue,
    )
    assert two_one_sided_unpaired(FIRST, SECOND, 3.0) == pytest.approx(expected)


def test_equal_runs_are_equivalent_and_one_pair_shows_nothing() -> None:
    assert two_one_sided(np.zeros(8), 0.01) == 1 / 2**8
    assert two_one_sided(np.full(5, 0.02), 0.01) == 1
    assert two_one_sided(np.zeros(1), 0.01) == 1
    assert two_one_sided(np.zeros(5), 0.0) == 1
    assert two_one_sided_unpaired(np.zeros(5), np.zeros(5), 0.01) == 1 / 252
    assert two_one_sided_unpaired(np.zeros(5), np.zeros(1), 0.01) == 1


@pytest.mark.parametrize("spread", [0.0, 1e-17, 1e-9])
def test_a_spread_that_few_runs_do_not_show_is_not_taken_for_none(spread: float) -> None:
    for size in (2, 3, 4):
        delta = 0.001 + spread * np.arange(size)
        assert two_one_sided(delta, 0.01) == 1 / 2**size > 0.05
        assert two_one_sided_unpaired(delta, delta, 0.01) >= 1 / 70


def test_the_bayesian_test_knows_where_the_differences_lie() -> None:
    rng = np.random.default_rng(0)
    for centre, winner in ((-0.1, "second"), (0.0, "neither"), (0.1, "first")):
        found = bayesian_signed_rank(
            centre + rng.normal(0, 0.002, 10), 0.01, np.random.default_rng(1)
        )
        assert getattr(found, winner) > 0.95
        assert found.second + found.neither + found.first == pytest.approx(1)


# ---------------------------------------------------------------------- what may not matter


def test_turning_the_differences_round_changes_nothing() -> None:
    delta = FIRST - SECOND + 1.0
    assert two_one_sided(-delta, 1.5) == pytest.approx(two_one_sided(delta, 1.5))
    assert two_one_sided(delta[::-1], 1.5) == pytest.approx(two_one_sided(delta, 1.5))
    one, other = (FIRST, SECOND), (SECOND, FIRST)
    found = two_one_sided_unpaired(*other, 2.5)
    assert found == pytest.approx(two_one_sided_unpaired(*one, 2.5))


def test_a_wider_region_is_never_harder_to_show() -> None:
    ropes = np.linspace(0.5, 5, 10)
    paired = [two_one_sided(FIRST - SECOND, float(rope)) for rope in ropes]
    unpaired = [two_one_sided_unpaired(FIRST, SECOND, float(rope)) for rope in ropes]
    for p in (paired, unpaired):
        assert (np.diff(p) <= 0).all()
        assert p[0] > 0.5 > 0.05 > p[-1]


def test_a_mean_outside_of_the_region_is_not_shown_to_be_within() -> None:
    """On its border the one-sided test stands at exactly one half."""
    assert equivalence_p(0.02, 0.001, 9, rope=0.02) == pytest.approx(0.5)
    assert equivalence_p(0.03, 0.001, 9, rope=0.02) > 0.99
    assert equivalence_p(-0.03, 0.001, 9, rope=0.02) > 0.99


@pytest.mark.parametrize(("mean", "p"), [(0.0, 0.0), (0.019, 0.0), (0.02, 1.0), (-0.02, 1.0)])
def test_without_an_error_the_mean_itself_decides(mean: float, p: float) -> None:
    assert equivalence_p(mean, 0.0, 4, rope=0.02) == p


@pytest.mark.parametrize("rope", [0.0, -0.1])
def test_without_a_region_nothing_is_within_it(rope: float) -> None:
    assert two_one_sided(np.zeros(9), rope) == 1
    assert two_one_sided_unpaired(np.zeros(9), np.zeros(9), rope) == 1


# ---------------------------------------------------------------------- in probabilities


def posterior(delta: list[float], rope: float, draws: int = DRAWS) -> Posterior:
    return bayesian_signed_rank(np.array(delta), rope, np.random.default_rng(7), draws)


def test_one_pair_weighs_against_the_imagined_one() -> None:
    """By hand: the means of {0, 1} are 0, 1/2 (twice) and 1, so the first is ahead where the
    imagined pair's weight w has 1 - w^2 > w^2; w is Beta(1/2, 1), with P(w < x) = sqrt(x).
    """
    expected = np.sqrt(np.sqrt(1 / 2))
    found = posterior([1.0], 0.1, draws=20_000)
    assert found.first == pytest.approx(expected, abs=0.01)
    assert (found.second, found.neither) == (0.0, pytest.approx(1 - found.first))


def test_without_pairs_neither_is_better() -> None:
    assert posterior([], 0.01) == Posterior(second=0.0, neither=1.0, first=0.0)


def test_exchanging_the_two_exchanges_their_probabilities() -> None:
    delta = [0.3, -0.1, 0.2, 0.05]
    found, turned = posterior(delta, 0.04), posterior([-one for one in delta], 0.04)
    assert (found.first, found.neither) == (turned.second, turned.neither)


def test_what_lies_on_the_border_lies_within() -> None:
    assert posterior([0.5, 0.5, 0.5], 0.5).neither == 1.0
    assert posterior([0.5, 0.5, 0.5], 0.0).neither < 0.5


def test_the_same_generator_gives_the_same_posterior() -> None:
    delta = [0.02, -0.01, 0.03]
    assert posterior(delta, 0.01) == posterior(delta, 0.01)
