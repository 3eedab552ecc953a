"""How large a difference is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from clbench.stats.effects import vargha_delaney


def test_effects_by_hand() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0])
    assert vargha_delaney(a, b) == pytest.approx((1 + 1.5 + 2) / 6)
    assert vargha_delaney(np.array([-np.inf]), np.array([-np.inf, 0.0])) == 0.25
    assert np.isnan(vargha_delaney(a, np.array([])))


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
    st.lists(st.integers(-3, 3), min_size=1, max_size=6),
)
def test_a_is_mann_whitneys_u_as_a_share(a: list[int], b: list[int]) -> None:
    first, second = np.array(a, dtype=float), np.array(b, dtype=float)
    u = (
        stats.mannwhitneyu(first, second, method="asymptotic").statistic
        if len({*a, *b}) > 1
        else len(a) * len(b) / 2
    )
    assert vargha_delaney(first, second) == pytest.approx(u / (len(a) * len(b)))
    assert vargha_delaney(first, second) + vargha_delaney(second, first) == pytest.approx(1)


def test_everybody_above_is_1_and_everybody_below_is_0() -> None:
    low, high = np.array([0.1, 0.2]), np.array([0.3, 0.4, 0.5])
    assert vargha_delaney(high, low) == 1
    assert vargha_delaney(low, high) == 0


def test_only_the_order_of_runs_counts() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=7), rng.normal(0.5, size=5)
    found = vargha_delaney(a, b)
    assert vargha_delaney(np.exp(a), np.exp(b)) == found
    assert vargha_delaney(rng.permutation(a), rng.permutation(b)) == found


def test_a_failed_run_is_below_every_number() -> None:
    """By hand: of four comparisons the failed run loses both of its own, and 0.5 wins one."""
    assert vargha_delaney(np.array([-np.inf, 0.5]), np.array([0.4, 0.6])) == 0.25


@pytest.mark.parametrize("empty", [0, 1])
def test_without_runs_of_one_of_them_there_is_no_effect(empty: int) -> None:
    groups = [np.ones(3), np.ones(3)]
    groups[empty] = np.empty(0)
    assert np.isnan(vargha_delaney(*groups))
