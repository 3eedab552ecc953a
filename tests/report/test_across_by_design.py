"""Two questions over scenarios by design: on these together, and on scenarios like these."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import stats

from clbench.report.across import Across
from clbench.report.across_by_design import across
from clbench.report.contenders import contenders_of
from clbench.report.contest import BASELINE, LIKE_THESE, THESE
from clbench.report.runs import Runs
from clbench.report.within_by_design import within
from clbench.stats.questions import SIGNED_RANKS
from tests.report.built import rules_of, runs_of, scenarios_of


def answers(runs: list[Runs], **changes: Any) -> tuple[Across, ...]:
    rules, by_scenario = rules_of(**changes), scenarios_of(*runs)
    contenders, _ = contenders_of(by_scenario, within(by_scenario, rules_of()).pairs)
    assert contenders is not None
    return across(contenders, rules)


def flips(delta: Any) -> float:
    """The share of all patterns of signs whose mean is as far from 0."""
    patterns = np.array(list(itertools.product([1, -1], repeat=len(delta))))
    far = abs(patterns @ delta) >= abs(np.sum(delta)) - 1e-12
    return float(far.mean())


# `[scenarios, seeds]`: how far a is ahead of b.
RNG = np.random.default_rng(2)
AHEAD = 0.02 + 0.015 * RNG.normal(size=(6, 7))


def two(ahead: Any = AHEAD, **changes: Any) -> list[Runs]:
    runs = []
    for s, gaps in enumerate(ahead):
        base = 0.4 + 0.03 * s + 0.01 * np.arange(len(gaps))
        runs.append(runs_of("a", base + gaps, f"s{s}", **changes))
        runs.append(runs_of("b", base, f"s{s}"))
    return runs


# ---------------------------------------------------------------------- which questions


@pytest.mark.parametrize(
    ("scenarios", "asked"), [(2, [THESE]), (5, [THESE]), (6, [THESE, LIKE_THESE])]
)
def test_six_scenarios_are_a_sample_of_others(scenarios: int, asked: list[str]) -> None:
    found = answers(two(AHEAD[:scenarios]))
    assert [one.question for one in found] == asked
    assert all(np.isnan(one.critical_difference) for one in found)


def test_a_baseline_that_is_not_everywhere_leaves_nothing_to_ask() -> None:
    assert answers(two(), baseline="c", family=BASELINE) == ()
    assert len(answers(two(), baseline="b", family=BASELINE)) == 2
    assert len(answers(two(), baseline="c")) == 2  # every pair is asked for


# ---------------------------------------------------------------------- on these scenarios


def test_on_these_a_seed_is_a_block_and_its_mean_the_value() -> None:
    these, _ = answers(two())
    (pair,) = these.pairs
    deltas = AHEAD.mean(axis=0)
    assert pair.p == pytest.approx(flips(deltas))
    assert (pair.n, pair.scenario, pair.question) == (7, None, THESE)
    assert pair.difference == pytest.approx(deltas.mean())
    interval = stats.ttest_1samp(deltas, 0).confidence_interval(0.95)
    assert (pair.ci_low, pair.ci_high) == pytest.approx((interval.low, interval.high))
    assert (pair.won, pair.lost) == ((deltas > 0).sum(), (deltas < 0).sum())


def test_the_effect_is_the_mean_of_that_on_each() -> None:
    for question in answers(two()):
        effects = []
        for here in np.split(np.array(two()), 6):
            a, b = (one.value for one in here)
            effects.append(stats.mannwhitneyu(a, b).statistic / 49)
        assert question.pairs[0].effect == pytest.approx(np.mean(effects))


def test_means_are_of_the_seeds_that_all_have_everywhere() -> None:
    runs = two(AHEAD[:3])
    runs[0] = runs_of("a", runs[0].value[:5], "s0")
    these = answers(runs)[0]
    row = next(rank for rank in these.ranks if rank.strategy == "b")
    means = np.mean([one.value[:5] for one in runs if one.strategy == "b"], axis=0)
    interval = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert row.mean == pytest.approx(means.mean())
    assert (row.ci_low, row.ci_high) == pytest.approx((interval.low, interval.high))
    assert these.pairs[0].n == 5


def test_a_seed_that_failed_somewhere_is_compared_by_ranks_within_scenarios() -> None:
    ahead = np.array([[0.03, 0.01, 0.02, 0.04, 0.05, 0.06, 0.07]] * 2)
    runs = two(ahead)
    runs[0] = runs_of("a", runs[0].value, "s0", failed=[3])
    (pair,) = answers(runs)[0].pairs
    # On s0 the failed one has the highest rank, against a, and those above 0.04 move down by one.
    steps = np.array([3, 1, 2, -7, 4, 5, 6]) + np.array([3, 1, 2, 4, 5, 6, 7])
    assert pair.test == SIGNED_RANKS
    assert pair.p == pytest.approx(flips(steps))
    # The size is over the seeds that both finished on all of them.
    finished = np.delete(ahead[0], 3)
    assert pair.difference == pytest.approx(finished.mean())


def test_who_finished_fewer_than_three_seeds_everywhere_has_no_rank() -> None:
    runs = two(AHEAD[:2])
    runs[0] = runs_of("a", runs[0].value, "s0", failed=[0, 1, 2])
    runs[2] = runs_of("a", runs[2].value, "s1", failed=[3, 4])
    ranks = {rank.strategy: rank for rank in answers(runs)[0].ranks}
    assert ranks["a"].rank_reason == "too many runs failed"
    assert ranks["b"].rank_best == 1
    # Its mean is over the two seeds that it finished on both.
    kept = [5, 6]
    expected = np.mean([runs[0].value[kept], runs[2].value[kept]])
    assert ranks["a"].mean == pytest.approx(expected)


def test_who_finished_nothing_has_no_mean() -> None:
    runs = two(AHEAD[:2])
    runs[0] = runs_of("a", runs[0].value, "s0", failed=range(7))
    ranks = {rank.strategy: rank for rank in answers(runs)[0].ranks}
    assert np.isnan([ranks["a"].mean, ranks["a"].ci_low]).all()
    assert np.isfinite([ranks["b"].mean, ranks["b"].ci_low]).all()


# ---------------------------------------------------------------------- on scenarios like these


def test_on_scenarios_like_these_a_scenario_is_a_block() -> None:
    _, like = answers(two())
    (pair,) = like.pairs
    deltas = AHEAD.mean(axis=1)
    assert (pair.n, pair.question) == (6, LIKE_THESE)
    assert pair.p == pytest.approx(flips(deltas))
    assert pair.difference == pytest.approx(deltas.mean())
    assert (pair.won, pair.lost) == (6, 0)


def test_seeds_need_not_be_the_same_on_scenarios_like_these() -> None:
    runs = []
    for k, one in enumerate(two()):
        seeds = np.arange(7) + 100 * (k // 2)
        runs.append(runs_of(one.strategy, one.value, one.scenario, seeds=seeds))
    these, like = answers(runs)
    assert not these.pairs[0].is_tested
    assert these.pairs[0].verdict == "no seeds in common"
    assert like.pairs[0].p == pytest.approx(flips(AHEAD.mean(axis=1)))


def test_a_scenario_on_which_no_seed_finished_has_no_difference() -> None:
    runs = two()
    runs[0] = runs_of("a", runs[0].value, "s0", failed=range(7))
    _, like = answers(runs)
    (pair,) = like.pairs
    assert (pair.n, pair.test) == (6, SIGNED_RANKS)
    assert pair.difference == pytest.approx(AHEAD[1:].mean(axis=1).mean())
    # The scenario itself is lost.
    assert (pair.won, pair.lost) == (5, 1)


def test_less_may_be_better() -> None:
    runs = []
    for one in two():
        seconds = 10 - one.value
        runs.append(runs_of(one.strategy, seconds, one.scenario, sign=-1, unit="seconds"))
    for question, plain in zip(answers(runs), answers(two()), strict=True):
        (pair,), (other,) = question.pairs, plain.pairs
        assert (pair.p, pair.winner) == (pytest.approx(other.p), "a")
        assert pair.difference == pytest.approx(-other.difference)


# ---------------------------------------------------------------------- average ranks


def test_average_ranks_count_who_is_ahead_on_each_scenario() -> None:
    """c is last everywhere; a is ahead of b on two scenarios of three."""
    centres = {"a": [0.9, 0.9, 0.7], "b": [0.8, 0.8, 0.8], "c": [0.1, 0.1, 0.1]}
    runs = []
    for name, values in centres.items():
        for s, value in enumerate(values):
            runs.append(runs_of(name, value + 0.01 * np.arange(3), f"s{s}"))
    ranks = {rank.strategy: rank.average_rank for rank in answers(runs)[0].ranks}
    assert ranks == pytest.approx({"a": (1 + 1 + 2) / 3, "b": (2 + 2 + 1) / 3, "c": 3.0})


def test_who_shares_no_seeds_is_even() -> None:
    runs = []
    for s in range(2):
        runs.append(runs_of("a", [0.9] * 3, f"s{s}"))
        runs.append(runs_of("b", [0.1] * 3, f"s{s}", seeds=[7, 8, 9]))
    rules, by_scenario = rules_of(), scenarios_of(*runs)
    contenders, _ = contenders_of(by_scenario, [])
    assert contenders is not None
    (these,) = across(contenders, rules)
    assert {rank.average_rank for rank in these.ranks} == {1.5}
