"""Testing several pairs at once: p-values adjusted for how many there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from clbench.stats.corrections import CORRECTIONS, WORDS, adjust, adjust_testable

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


@given(p_values)
@settings(max_examples=20, deadline=None)
def test_corrections_are_those_of_statsmodels(p: np.ndarray) -> None:
    for name in ("holm", "bonferroni", "fdr_bh"):
        np.testing.assert_allclose(adjust(p, name), multipletests(p, method=name)[1], atol=1e-12)
    np.testing.assert_array_equal(adjust(p, "none"), p)


def test_holm_by_hand_and_tests_that_were_not_made() -> None:
    np.testing.assert_allclose(
        adjust(np.array([0.01, np.nan, 0.04, 0.03]), "holm"), [0.03, np.nan, 0.06, 0.06]
    )
    assert len(adjust(np.array([]), "holm")) == 0


def test_holm_asks_nothing_for_what_can_never_reject() -> None:
    """Eight seeds at p = 0.0078, and ten entries of one seed: 0.0078, not 0.086."""
    p = np.array([2.0**-7, *[1.0] * 10, np.nan])
    smallest = np.array([2.0**-7, *[1.0] * 10, np.nan])
    assert adjust(p, "holm")[0] > 0.05
    found = adjust_testable(p, smallest, "holm", 0.05)
    assert found[0] == 2.0**-7
    assert (found[1:-1] == 1).all()
    assert np.isnan(found[-1])
    np.testing.assert_allclose(adjust_testable(p, smallest, "fdr_bh", 0.05), adjust(p, "fdr_bh"))
    equal = np.full(5, 0.001)
    np.testing.assert_allclose(adjust_testable(equal, equal, "holm", 0.05), adjust(equal, "holm"))


# ---------------------------------------------------------------------- any correction

ADJUSTING = ("holm", "bonferroni", "fdr_bh")


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_tests_that_were_not_made_are_in_no_family(correction: str) -> None:
    made = np.array([0.04, 0.001, 0.2])
    among = np.array([np.nan, 0.04, 0.001, np.nan, 0.2])
    found = adjust(among, correction)
    np.testing.assert_array_equal(found[[1, 2, 4]], adjust(made, correction))
    assert np.isnan(found[[0, 3]]).all()


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_without_any_test_there_is_nothing_to_adjust(correction: str) -> None:
    assert adjust(np.empty(0), correction).tolist() == []
    assert np.isnan(adjust(np.full(2, np.nan), correction)).all()
    assert np.isnan(adjust_testable(np.full(2, np.nan), np.zeros(2), correction, 0.05)).all()


@pytest.mark.parametrize("correction", ADJUSTING)
@given(p=p_values)
@settings(max_examples=20, deadline=None)
def test_adjusting_keeps_the_order_and_never_lowers_a_p(correction: str, p: np.ndarray) -> None:
    found = adjust(p, correction)
    assert (found >= p - 1e-15).all()
    assert (found <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(found[order]) >= 0).all()


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_the_order_of_the_pairs_does_not_matter(correction: str) -> None:
    rng = np.random.default_rng(0)
    p = rng.random(8)
    order = rng.permutation(8)
    before = p.copy()
    np.testing.assert_array_equal(adjust(p[order], correction), adjust(p, correction)[order])
    np.testing.assert_array_equal(p, before)


def test_every_correction_has_a_name_in_words() -> None:
    assert set(WORDS) == set(CORRECTIONS)


# ---------------------------------------------------------------------- tests that can never reject


@pytest.mark.parametrize("correction", ["holm", "bonferroni"])
def test_where_every_test_can_reject_tarone_changes_nothing(correction: str) -> None:
    p = np.array([0.01, 0.2, 0.04])
    found = adjust_testable(p, np.full(3, 1e-6), correction, 0.05)
    np.testing.assert_array_equal(found, adjust(p, correction))


def test_who_cannot_reject_pays_for_all_and_stays_above_alpha() -> None:
    """By hand: two of four tests can reach 0.05 / 2; each of the other two pays for all four."""
    p = np.array([0.01, 0.02, 0.03, 0.2])
    smallest = np.array([0.001, 0.001, 0.03, 0.125])
    found = adjust_testable(p, smallest, "bonferroni", 0.05)
    np.testing.assert_allclose(found, [2 * 0.01, 2 * 0.02, 4 * 0.03, 4 * 0.2])
    assert (found[2:] > 0.05).all()
    holm = adjust_testable(p, smallest, "holm", 0.05)
    np.testing.assert_allclose(holm, [2 * 0.01, 0.02, 4 * 0.03, 4 * 0.2])


@pytest.mark.parametrize("correction", ["fdr_bh", "none"])
def test_other_corrections_have_no_care_for_it(correction: str) -> None:
    p, smallest = np.array([0.01, 0.5]), np.array([0.001, 0.5])
    found = adjust_testable(p, smallest, correction, 0.05)
    np.testing.assert_array_equal(found, adjust(p, correction))
