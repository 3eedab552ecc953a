"""Tests on ranks within scenarios: signed ranks, Mann-Whitney, Dunn and their omnibus tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.contest import RANKS, Within
from clbench.report.runs import Runs
from clbench.report.within_by_ranks import within
from clbench.stats.design import FRIEDMAN, KRUSKAL_WALLIS
from tests.report.built import rules_of, runs_of, scenarios_of

RNG = np.random.default_rng(4)
TABLE = {name: RNG.normal(0.5, 0.1, 7) for name in "abcd"}


def found_in(*runs: Runs, **changes: Any) -> Within:
    return within(scenarios_of(*runs), rules_of(tests=RANKS, **changes))


def named(names: str) -> list[Runs]:
    return [runs_of(name, TABLE[name]) for name in names]


# ---------------------------------------------------------------------- paired


def test_two_are_tested_by_signed_ranks() -> None:
    found = found_in(*named("ab"))
    (pair,) = found.pairs
    expected = stats.wilcoxon(TABLE["a"], TABLE["b"], method="exact")
    assert (pair.statistic, pair.p) == (expected.statistic, expected.pvalue)
    assert (pair.n, pair.exact, pair.p_adjusted) == (7, True, pair.p)
    # Of two, the test of all strategies is that of the pair.
    assert [(one.test, one.p) for one in found.omnibus] == [(pair.test, pair.p)]


def test_all_are_tested_by_friedman_with_the_p_of_permutations() -> None:
    (omnibus,) = found_in(*named("abcd")).omnibus
    expected = stats.friedmanchisquare(*TABLE.values())
    assert omnibus.test == FRIEDMAN
    assert omnibus.statistic == pytest.approx(expected.statistic)
    chi2 = expected.statistic
    assert omnibus.f == pytest.approx(6 * chi2 / (7 * 3 - chi2))
    assert omnibus.f_df == (3, 18)
    assert (omnibus.strategies, omnibus.blocks) == (4, 7)


def test_three_in_one_order_on_two_seeds_have_the_p_of_counting() -> None:
    """Of the 3! x 3! arrangements six have the same order in both seeds."""
    runs = [runs_of(name, [value, value]) for name, value in zip("abc", (1, 2, 3), strict=True)]
    (omnibus,) = found_in(*runs).omnibus
    assert omnibus.exact
    assert omnibus.p == pytest.approx(6 / 36)


def test_seeds_that_some_lack_are_ranked_among_those_that_have_them() -> None:
    short = runs_of("c", TABLE["c"][:4])
    (omnibus,) = found_in(*named("ab"), short).omnibus
    assert (omnibus.strategies, omnibus.blocks) == (3, 7)
    assert np.isnan(omnibus.f)  # of incomplete blocks there is no F


def test_entries_of_one_or_two_runs_are_left_out_of_the_test_of_all() -> None:
    short = runs_of("few", TABLE["c"][:2])
    with_it = found_in(*named("abc"), short).omnibus[0]
    without = found_in(*named("abc")).omnibus[0]
    assert (with_it.p, with_it.statistic) == (without.p, without.statistic)
    assert with_it.strategies == 3


def test_who_shares_no_seed_is_not_tested() -> None:
    far = runs_of("far", TABLE["c"], seeds=range(100, 107))
    found = found_in(*named("ab"), far)
    apart = [pair for pair in found.pairs if "far" in (pair.a, pair.b)]
    assert [pair.n for pair in apart] == [0, 0]
    assert not any(pair.is_tested for pair in apart)
    assert {pair.verdict for pair in apart} == {"no seeds in common"}
    assert [(one.strategies, one.blocks) for one in found.omnibus] == [(2, 7)]


def test_where_no_two_share_a_seed_there_is_no_test_of_all() -> None:
    runs = [
        runs_of(name, [0.5] * 3, seeds=[3 * k, 3 * k + 1, 3 * k + 2])
        for k, name in enumerate("abc")
    ]
    assert found_in(*runs).omnibus == ()


def test_one_strategy_alone_has_no_test() -> None:
    assert found_in(*named("a")) == Within((), (), {"split": "holm"})
    assert within({}, rules_of(tests=RANKS)) == Within((), (), {})


def test_a_failed_run_counts_as_the_lowest() -> None:
    values = np.arange(1.0, 8.0)
    a, b = runs_of("a", values + 0.5, failed=[6]), runs_of("b", values)
    (pair,) = found_in(a, b).pairs
    # Six differences are equal and share rank 3.5; the failure has rank 7, and is the smaller sum.
    assert pair.statistic == 7.0
    assert pair.better == 1


# ---------------------------------------------------------------------- adjusted


def by_hand(p: list[float], correction: str) -> Any:
    """scipy's adjustment, or Holm's written out: the i-th smallest times how many are left."""
    if correction == "fdr_bh":
        return stats.false_discovery_control(p)
    order = np.argsort(p)
    multipliers = np.arange(len(p), 0, -1) if correction == "holm" else np.full(len(p), len(p))
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.array(p)[order] * multipliers)
    return np.minimum(adjusted, 1)


@pytest.mark.parametrize("correction", ["holm", "bonferroni", "fdr_bh"])
def test_p_are_adjusted_for_all_pairs(correction: str) -> None:
    found = found_in(*named("abcd"), correction=correction)
    expected = by_hand([pair.p for pair in found.pairs], correction)
    assert [pair.p_adjusted for pair in found.pairs] == pytest.approx(list(expected))
    assert found.corrections == {"split": correction}


def test_the_pairs_of_all_scenarios_are_one_family() -> None:
    runs = []
    for scenario in ("one", "two"):
        runs += [runs_of(name, TABLE[name], scenario) for name in "ab"]
    found = found_in(*runs, correction="bonferroni")
    (one, other) = found.pairs
    assert one.p_adjusted == other.p_adjusted == min(1, 2 * one.p)
    assert [omnibus.scenario for omnibus in found.omnibus] == ["one", "two"]


def test_a_pair_that_could_never_be_shown_is_in_nobodys_way() -> None:
    """Tarone: four seeds have no p below 1/8, so they cost the other pair nothing."""
    values = np.arange(10.0)
    runs = [
        runs_of("a", values + 1),
        runs_of("b", values),
        runs_of("c", values[:4] + 2, seeds=range(6, 10)),
    ]
    found = found_in(*runs)
    ours = found.pairs[0]
    assert ours.p_adjusted == ours.p == 2 / 2**10
    others = [pair.p_adjusted for pair in found.pairs[1:]]
    assert min(others) > 0.05


# ---------------------------------------------------------------------- independent


def test_two_independent_groups_are_tested_by_mann_whitney() -> None:
    a, b = runs_of("a", TABLE["a"]), runs_of("b", TABLE["b"][:5], seeds=range(50, 55))
    found = found_in(a, b, unpaired=True)
    (pair,) = found.pairs
    expected = stats.mannwhitneyu(TABLE["a"], TABLE["b"][:5], method="exact")
    assert (pair.statistic, pair.p) == (expected.statistic, pytest.approx(expected.pvalue))
    assert pair.n == 12  # runs of both
    assert found.omnibus[0].p == pair.p


def test_more_are_tested_by_kruskal_wallis_and_dunn() -> None:
    found = found_in(*named("abc"), unpaired=True)
    expected = stats.kruskal(*(TABLE[name] for name in "abc"))
    (omnibus,) = found.omnibus
    assert (omnibus.test, omnibus.statistic) == (KRUSKAL_WALLIS, pytest.approx(expected.statistic))
    assert (omnibus.p, omnibus.blocks) == (pytest.approx(expected.pvalue), 21)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    # Dunn: the gap of mean ranks over its error, sqrt(N (N + 1) / 12 (1 / n + 1 / m)).
    ranks = stats.rankdata(np.concatenate([TABLE[name] for name in "abc"])).reshape(3, 7)
    error = np.sqrt(21 * 22 / 12 * (2 / 7))
    z = abs(ranks[0].mean() - ranks[1].mean()) / error
    assert found.pairs[0].p == pytest.approx(2 * stats.norm.sf(z))
    assert found.pairs[0].statistic == pytest.approx(z)


def test_the_order_of_strategies_turns_pairs_round() -> None:
    there, back = found_in(*named("ab")).pairs[0], found_in(*named("ba")).pairs[0]
    assert (back.a, back.b) == ("b", "a")
    assert (back.p, back.better) == (there.p, -there.better)
    assert back.difference == pytest.approx(-there.difference)


def test_verdicts_mention_a_test_of_all_that_found_nothing() -> None:
    """b is a hair better than a at every seed, among strategies of pure noise."""
    rng = np.random.default_rng(1)
    base = rng.uniform(0.3, 0.7, 14)
    noise = [runs_of(f"n{k}", rng.uniform(0.3, 0.7, 14)) for k in range(9)]
    found = found_in(runs_of("a", base), runs_of("b", base + 0.001), *noise, correction="none")
    assert found.omnibus[0].p > 0.05
    assert found.pairs[0].verdict == "b better (though the omnibus test found no difference)"
