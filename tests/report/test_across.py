"""Over several scenarios: whose ranks, means and runs stand beside each other."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.report.across import (
    at_common_seeds,
    by_seed,
    finished_scenarios,
    overall_ranks,
    ranks_by_lead,
)
from clbench.report.contenders import Contenders, contenders_of
from clbench.report.ranking import BOUND
from clbench.report.runs import Runs
from clbench.stats.intervals import STUDENT, Interval
from clbench.stats.ranking import TOO_FEW_RUNS
from tests.report.built import pair_of, rules_of, runs_of, scenarios_of

NAN = float("nan")


def contenders_with(*runs: Runs) -> Contenders:
    found, _ = contenders_of(scenarios_of(*runs), [])
    assert found is not None
    return found


def three(**changes: bool) -> Contenders:
    runs = []
    for scenario in ("one", "two"):
        for name in "abc":
            is_bound = changes.get(name, False)
            runs.append(runs_of(name, [0.5] * 4, scenario, is_bound=is_bound))
    return contenders_with(*runs)


MEANS = {
    "a": (0.6, Interval(0.5, 0.7, STUDENT)),
    "b": (0.8, Interval(0.7, 0.9, STUDENT)),
    "c": (0.7, Interval(0.6, 0.8, STUDENT)),
}
FINISHED = dict.fromkeys("abc", (4, 4))


# ---------------------------------------------------------------------- ranks


def test_a_row_has_the_mean_and_the_interval_of_its_strategy() -> None:
    found = overall_ranks(three(), [3, 1, 2], MEANS, FINISHED, [], rules_of())
    best = found[0]
    assert (best.strategy, best.average_rank, best.mean) == ("b", 1.0, 0.8)
    assert (best.ci_low, best.ci_high) == (0.7, 0.9)
    assert (best.rank_best, best.rank_worst, best.group, best.rank_reason) == (1, 3, "a", "")


def test_what_is_not_told_apart_is_sorted_by_average_rank() -> None:
    found = overall_ranks(three(), [3, 1, 2], MEANS, FINISHED, [], rules_of())
    assert [rank.strategy for rank in found] == ["b", "c", "a"]
    found = overall_ranks(three(), [1, 3, 2], MEANS, FINISHED, [], rules_of())
    assert [rank.strategy for rank in found] == ["a", "c", "b"]


def test_what_is_shown_goes_before_average_ranks() -> None:
    pairs = [pair_of("a", "b", scenario=None), pair_of("a", "c", scenario=None)]
    found = overall_ranks(three(), [3, 1, 2], MEANS, FINISHED, pairs, rules_of())
    assert found[0].strategy == "a"
    assert [(rank.rank_best, rank.rank_worst) for rank in found] == [(1, 1), (2, 3), (2, 3)]


def test_who_finished_too_little_or_is_a_bound_has_no_rank() -> None:
    finished = FINISHED | {"b": (2, 2)}
    found = overall_ranks(three(c=True), [3, 1, 2], MEANS, finished, [], rules_of())
    reasons = {rank.strategy: rank.rank_reason for rank in found}
    assert reasons == {"a": "", "b": TOO_FEW_RUNS, "c": BOUND}


def test_average_ranks_are_one_for_each_strategy() -> None:
    with pytest.raises(ValueError, match="zip"):
        overall_ranks(three(), [1, 2], MEANS, FINISHED, [], rules_of())


@pytest.mark.parametrize(
    ("lead", "ranks"),
    [
        ([[0, 1, 1], [-1, 0, 1], [-1, -1, 0]], [1, 2, 3]),
        ([[0, 0, 0], [0, 0, 0], [0, 0, 0]], [2, 2, 2]),  # all even: the middle
        ([[0, 0, 1], [0, 0, 1], [-1, -1, 0]], [1.5, 1.5, 3]),
        # A circle: everybody is ahead of one and behind one.
        ([[0, 1, -1], [-1, 0, 1], [1, -1, 0]], [2, 2, 2]),
        ([[0, 0.5], [-0.5, 0]], [1.25, 1.75]),  # ahead on three scenarios of four
        ([[0.0]], [1]),
    ],
)
def test_a_rank_is_1_and_how_many_are_ahead(lead: list[list[float]], ranks: list[float]) -> None:
    assert ranks_by_lead(np.array(lead)).tolist() == ranks


@pytest.mark.parametrize("count", [1, 2, 5])
def test_ranks_add_up_whoever_is_ahead(count: int) -> None:
    lead = np.random.default_rng(count).uniform(-1, 1, (count, count))
    lead -= lead.T  # how far one is ahead the other is behind
    assert ranks_by_lead(lead).sum() == pytest.approx(count * (count + 1) / 2)


# ---------------------------------------------------------------------- runs


def test_scenarios_count_on_which_a_run_finished() -> None:
    found = contenders_with(
        runs_of("a", [0.5, 0.5], "one", failed=[0, 1]),
        runs_of("b", [0.5, 0.5], "one", failed=[0]),
        runs_of("a", [0.5, 0.5], "two"),
        runs_of("b", [0.5, 0.5], "two", failed=[1]),
    )
    assert finished_scenarios(found) == {"a": (1, 2), "b": (2, 2)}


def test_runs_at_common_seeds_are_those_that_all_have() -> None:
    a = runs_of("a", [0.1, 0.2, 0.3], seeds=[1, 2, 5], failed=[2])
    b = runs_of("b", [0.4, 0.5, 0.6], seeds=[2, 5, 7])
    one, other = at_common_seeds([a, b])
    assert one.seed.tolist() == other.seed.tolist() == [2, 5]
    assert one.value.tolist() == pytest.approx([0.2, NAN], nan_ok=True)
    assert one.failed.tolist() == [False, True]
    assert other.value.tolist() == [0.4, 0.5]
    assert a.seed.tolist() == [1, 2, 5]


def test_values_by_seed_have_a_row_a_seed_and_none_where_nothing_finished() -> None:
    a = runs_of("a", [0.1, 0.2], seeds=[1, 4], failed=[1])
    b = runs_of("b", [0.3, 0.4], seeds=[4, 9], sign=-1)
    table = by_seed([a, b])
    # Values as they are, whichever way is better.
    assert np.array_equal(table, [[0.1, NAN], [NAN, 0.3], [NAN, 0.4]], equal_nan=True)
