"""Scores of runs as tables: a row a seed, a column a strategy, the same in all scenarios."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.report.contest import BASELINE
from clbench.report.score_tables import of_both, scores_at_both, tables_of
from tests.report.built import rules_of, runs_of

NAN, INF = float("nan"), float("inf")


def test_rows_are_all_seeds_and_columns_all_strategies() -> None:
    one = [runs_of("a", [0.1, 0.2], "one", seeds=[5, 9]), runs_of("b", [0.3], "one", seeds=[9])]
    two = [runs_of("c", [0.4], "two", seeds=[2])]
    tables = tables_of([one, two])
    assert tables.names == ("a", "b", "c")
    assert tables.rows.tolist() == [2, 5, 9]
    expected_one = [[NAN, NAN, NAN], [0.1, NAN, NAN], [0.2, 0.3, NAN]]
    expected_two = [[NAN, NAN, 0.4], [NAN, NAN, NAN], [NAN, NAN, NAN]]
    assert np.array_equal(tables.scores[0], expected_one, equal_nan=True)
    assert np.array_equal(tables.scores[1], expected_two, equal_nan=True)


def test_a_failed_run_is_below_everything_and_less_may_be_better() -> None:
    seconds = runs_of("a", [3.0, 1.0, 2.0], failed=[1], sign=-1)
    (table,) = tables_of([[seconds]]).scores
    assert table[:, 0].tolist() == [-3.0, -INF, -2.0]


def test_columns_stand_in_the_order_in_which_strategies_first_appear() -> None:
    one = [runs_of("b", [0.1], "one"), runs_of("a", [0.2], "one")]
    two = [runs_of("a", [0.3], "two"), runs_of("b", [0.4], "two")]
    tables = tables_of([one, two])
    assert tables.names == ("b", "a")
    assert tables.scores[1].tolist() == [[0.4, 0.3]]


@pytest.mark.parametrize(
    ("baseline", "family", "places"),
    [
        (None, "pairs", [(0, 1), (0, 2), (1, 2)]),
        ("b", "pairs", [(0, 1), (0, 2), (1, 2)]),
        ("b", BASELINE, [(0, 1), (1, 2)]),
        ("nobody", BASELINE, [(0, 1), (0, 2), (1, 2)]),  # it is not among these
    ],
)
def test_pairs_with_the_baseline_are_asked_for_where_they_are_the_family(
    baseline: str | None, family: str, places: list[tuple[int, int]]
) -> None:
    tables = tables_of([[runs_of(name, [0.5]) for name in "abc"]])
    rules = rules_of(baseline=baseline, family=family, alpha=0.1)
    assert tables.places(rules) == places
    assert tables.plan(rules).alpha == 0.1


def test_of_both_are_the_rows_in_which_neither_is_missing() -> None:
    table = np.array([[1.0, 2.0, NAN], [NAN, 3.0, 4.0], [5.0, -INF, 6.0]])
    first, second = of_both(table, 0, 1)
    assert (first.tolist(), second.tolist()) == ([1.0, 5.0], [2.0, -INF])
    second, first = of_both(table, 1, 0)
    assert (first.tolist(), second.tolist()) == ([1.0, 5.0], [2.0, -INF])
    assert [len(one) for one in of_both(table[:1], 0, 2)] == [0, 0]


def test_scores_at_both_are_at_the_seeds_that_both_have() -> None:
    a = runs_of("a", [0.1, 0.2, 0.3], seeds=[1, 2, 5], failed=[2])
    b = runs_of("b", [0.4, 0.5], seeds=[2, 5], sign=-1)
    first, second = scores_at_both(a, b)
    assert (first.tolist(), second.tolist()) == ([0.2, -INF], [-0.4, -0.5])
    assert [len(one) for one in scores_at_both(a, runs_of("c", [0.1], seeds=[9]))] == [0, 0]


def test_of_both_may_be_asked_of_every_scenario() -> None:
    one = [runs_of("a", [0.1, 0.2], "one"), runs_of("b", [0.3], "one")]
    two = [runs_of("a", [0.5], "two")]
    found = list(tables_of([one, two]).of_both(1, 0))
    assert [(b.tolist(), a.tolist()) for b, a in found] == [([0.3], [0.1]), ([], [])]
