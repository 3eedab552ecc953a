"""Who differs by less than matters, and how probable that is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.report.equivalence import equivalence
from clbench.report.findings import Equivalence, Probabilities, Probability
from clbench.report.runs import Runs
from clbench.stats.equivalence import bayesian_signed_rank
from tests.report.built import comparison_of, pair_of, rules_of, runs_of, scenarios_of

BASE = np.linspace(0.5, 0.6, 8)


def found_in(*here: Runs, pairs: Any = (), **rules: Any) -> list[Any]:
    known = {"rope": 0.01, "baseline": here[0].strategy}
    tested = comparison_of(scenarios_of(*here), pairs, rules=rules_of(**(known | rules)))
    return list(equivalence(tested, "split", here, list(pairs)))


def close(**changes: Any) -> tuple[Runs, Runs]:
    """b is a tenth of a point ahead at each of eight seeds."""
    return runs_of("a", BASE), runs_of("b", BASE + 0.001, **changes)


def test_without_a_region_nothing_is_asked() -> None:
    assert found_in(*close(), pairs=[pair_of()], rope=None) == []


def test_pairs_whose_p_is_small_enough_are_the_same() -> None:
    pairs = [
        pair_of("a", "b", equivalence_p=0.05),
        pair_of("a", "c", equivalence_p=0.06),
        pair_of("b", "c"),
    ]
    same, _ = found_in(*close(), pairs=pairs)
    assert same == Equivalence("split", 0.01, "fraction", (("a", "b"),), (), None)


def test_who_has_failed_runs_is_named() -> None:
    same, _ = found_in(*close(failed=[2]))
    assert same.failed == ("b",)


@pytest.mark.parametrize(
    ("sizes", "alpha", "too_few"),
    [
        ((8, 5), 0.05, None),  # 2^-5 is 0.031
        ((8, 4), 0.05, 4),  # 2^-4 is 0.0625: the pair with the fewest decides
        ((8, 4), 0.1, None),
        ((8, 0), 0.05, None),  # without common seeds nothing is compared
        ((), 0.05, None),
    ],
)
def test_few_seeds_cannot_show_it(sizes: Any, alpha: float, too_few: int | None) -> None:
    pairs = [pair_of(n=size) for size in sizes]
    same, _ = found_in(*close(), pairs=pairs, alpha=alpha)
    assert same.too_few_seeds == too_few
    unpaired = found_in(*close(), pairs=pairs, alpha=alpha, unpaired=True)
    assert [one.too_few_seeds for one in unpaired] == [None]


def test_probabilities_are_of_the_others_against_the_baseline() -> None:
    _, told = found_in(*close(), runs_of("c", BASE + 0.1), baseline="b")
    assert (told.scenario, told.against, told.rope) == ("split", "b", 0.01)
    a, c = told.each
    assert (a.strategy, a.pairs, a.failed) == ("a", 8, 0)
    # All differences lie within the region; all of c's are ten points beyond it.
    assert (a.better, a.same, a.worse) == (0.0, 1.0, 0.0)
    assert c.better > 0.99


def test_probabilities_add_up_and_turn_round() -> None:
    rng = np.random.default_rng(5)
    a, b = runs_of("a", BASE), runs_of("b", BASE + rng.normal(0, 0.02, 8))
    (there,), (back,) = (found_in(a, b, baseline=name)[1].each for name in ("a", "b"))
    assert there.better + there.same + there.worse == pytest.approx(1)
    # The same draws of weights: what was better is worse.
    assert (back.better, back.same, back.worse) == (there.worse, there.same, there.better)
    expected = bayesian_signed_rank(b.value - a.value, 0.01, np.random.default_rng(0))
    assert there.better == pytest.approx(expected.first)


def test_there_is_no_probability_where_runs_failed_or_seeds_are_few() -> None:
    failed = runs_of("b", BASE, failed=[0, 3])
    few = runs_of("c", BASE[:4])
    stranger = runs_of("d", BASE, seeds=range(50, 58))
    _, told = found_in(runs_of("a", BASE), failed, few, stranger)
    assert told.each == (Probability("b", 8, 2), Probability("c", 4, 0))


@pytest.mark.parametrize("changes", [{"unpaired": True}, {"baseline": None}, {"baseline": "x"}])
def test_without_a_baseline_at_the_same_seeds_there_are_none(changes: dict[str, Any]) -> None:
    (same,) = found_in(*close(), **changes)
    assert isinstance(same, Equivalence)


def test_a_region_of_nothing_is_a_region() -> None:
    same, told = found_in(runs_of("a", BASE), runs_of("b", BASE + 0.1), rope=0.0)
    assert isinstance(told, Probabilities)
    assert same.rope == told.rope == 0.0
    assert told.each[0].better > 0.99
