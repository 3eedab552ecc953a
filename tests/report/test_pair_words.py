"""What a test says in words: of two strategies, and of all of them."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.contest import LIKE_THESE, THESE, Pair
from clbench.report.findings import AllStrategies, TwoStrategies
from clbench.report.pair_words import omnibus_words, pair_words
from clbench.stats.design import FRIEDMAN, KRUSKAL_WALLIS
from tests.report.built import omnibus_of, pair_of, untested_pair


def two(pair: Pair, **changes: Any) -> TwoStrategies:
    known: dict[str, Any] = {
        "unit": "fraction",
        "sign": 1,
        "alpha": 0.05,
        "unpaired": False,
        "scenarios": 3,
    }
    return TwoStrategies(pair.scenario, pair, **(known | changes))


SHOWN = pair_of(p=0.002, won=9, lost=1, effect=0.834)
NUMBERS = (
    "(a - b: difference 10.0 [5.0, 15.0] points, a ahead in 9 of 10, A = 0.83, a test,"
    " 10 seeds, p = 0.002)"
)


# ---------------------------------------------------------------------- two strategies


def test_who_is_better_is_told_with_size_effect_and_test() -> None:
    assert pair_words(two(SHOWN)) == f"split: a is better than b {NUMBERS}."


def test_where_nothing_is_shown_the_same_numbers_are_told() -> None:
    numbers = NUMBERS.replace("0.002", "0.2")
    pair = pair_of(p=0.2, won=9, lost=1, effect=0.834)
    assert pair_words(two(pair)) == f"split: a and b cannot be told apart {numbers}."


def test_the_second_may_be_the_better_one() -> None:
    told = pair_words(two(pair_of(better=-1, won=1, lost=9)))
    assert told.startswith(
        "split: b is better than a (a - b: difference -10.0 [-15.0, -5.0] points"
    )
    assert "a ahead in 1 of 10" in told


def test_p_however_often_stands_beside_that_of_a_fixed_number() -> None:
    told = pair_words(two(pair_of(p=0.002, p_always=0.04)))
    assert "p = 0.002 if the number of seeds had been fixed, = 0.04 however often)" in told


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (
            untested_pair(n=0),
            "a and b have no seeds in common; --unpaired compares them as independent runs.",
        ),
        (untested_pair(n=2), "a and b have too few seeds in common to be tested (2)."),
    ],
)
def test_who_was_not_tested_is_told_why(pair: Pair, said: str) -> None:
    assert pair_words(two(pair)) == f"split: {said}"


@pytest.mark.parametrize(
    ("better", "difference", "sign", "is_told"),
    [
        (1, 0.1, 1, False),
        (1, -0.1, 1, True),  # ahead in ranks, behind in the mean
        (-1, 0.1, 1, True),
        (-1, -0.1, 1, False),
        (1, -3.0, -1, False),  # less is better
        (1, 3.0, -1, True),
        (1, 0.0, 1, False),
        (1, float("nan"), 1, False),  # all runs of one failed
    ],
)
def test_where_the_mean_contradicts_the_ranks_that_is_said(
    better: int, difference: float, sign: int, is_told: bool
) -> None:
    pair = pair_of(better=better, difference=difference, won=7, lost=3)
    told = pair_words(two(pair, sign=sign))
    ahead = {1: "a is ahead in 7 of 10 seeds", -1: "b is ahead in 3 of 10 seeds"}[better]
    reason = f" The ranks of the runs decide: {ahead}; its mean is the worse of the two."
    assert told.endswith(reason) is is_told


def test_independent_runs_are_counted_as_runs_and_win_no_seeds() -> None:
    told = pair_words(two(SHOWN, unpaired=True))
    assert "points, A = 0.83, a test, 10 runs, p" in told
    assert "ahead in" not in told


@pytest.mark.parametrize("unpaired", [False, True])
@pytest.mark.parametrize(
    ("question", "where", "blocks"),
    [
        (THESE, "On these 3 scenarios together", "seeds"),
        (LIKE_THESE, "On scenarios like these 3", "scenarios"),
    ],
)
def test_over_scenarios_the_question_is_told(
    question: str, where: str, blocks: str, unpaired: bool
) -> None:
    pair = pair_of(scenario=None, question=question, better=1, difference=-0.1, won=8)
    told = pair_words(two(pair, unpaired=unpaired))
    assert told.startswith(f"{where}: a is better than b")
    counted = "runs" if unpaired and question == THESE else blocks
    assert f"a test, 10 {counted}, p" in told
    assert f"a is ahead in 8 of 10 {blocks};" in told


# ---------------------------------------------------------------------- all strategies


def of_all(alpha: float = 0.05, **changes: Any) -> str:
    return omnibus_words(AllStrategies(omnibus_of(**changes), alpha, 3))


FOUND_NOTHING = (
    "no difference is shown; the pairs are tested all the same, and the verdicts say so."
)


def test_friedmans_test_has_its_statistic_and_how_p_was_found() -> None:
    told = of_all(p=0.01, exact=True)
    assert told == (
        "split: Friedman over 3 strategies and 10 seeds: chi-square(2) = 9.50, p = 0.01 (counted):"
        " not all strategies are alike."
    )
    assert "p = 0.01 (by permutation)" in of_all(p=0.01)


def test_kruskal_and_wallis_count_runs() -> None:
    told = of_all(p=0.01, test=KRUSKAL_WALLIS, strategies=4, blocks=24)
    assert told.startswith(
        "split: Kruskal-Wallis over 4 strategies and 24 runs: chi-square(3) = 9.50, p = 0.01: not"
    )


def test_other_tests_have_a_p_alone() -> None:
    told = of_all(p=0.5, test="sign flips")
    assert told == f"split: sign flips over 3 strategies and 10 seeds: p = 0.5: {FOUND_NOTHING}"


@pytest.mark.parametrize(("p", "found"), [(0.05, True), (0.0501, False)])
def test_alpha_itself_is_enough(p: float, found: bool) -> None:
    assert of_all(p=p).endswith("not all strategies are alike.") is found
    assert of_all(p=p).endswith(FOUND_NOTHING) is not found


def test_over_scenarios_like_these_blocks_are_scenarios() -> None:
    told = of_all(p=0.01, scenario=None, question=LIKE_THESE, test=FRIEDMAN)
    assert told.startswith("On scenarios like these 3: Friedman over 3 strategies and 10 scenarios")
    told = of_all(p=0.01, scenario=None, question=THESE)
    assert told.startswith("On these 3 scenarios together: Friedman over 3 strategies and 10 seeds")
