"""What a comparison holds, as plain data: None for what has no value, and fixed keys."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench.report.across import OverallRank
from clbench.report.compared import (
    OVERALL_KEYS,
    PAIR_KEYS,
    RANK_KEYS,
    SUMMARY_KEYS,
    Overall,
    Rows,
    SummaryRow,
)
from clbench.report.contest import LIKE_THESE, NAN, THESE
from tests.report.built import compared_of, omnibus_of, pair_of, row_of, runs_of

INF = float("inf")


def overall(question: str = THESE, **changes: Any) -> Overall:
    rank = OverallRank("a", 1.5, "a", 0.5, NAN, NAN, 1, 2, "")
    known: dict[str, Any] = {
        "test": "Friedman",
        "statistic": 3.0,
        "p": 0.2,
        "f": INF,
        "f_p": 0.0,
        "critical_difference": NAN,
        "correction": "none",
        "ranks": Rows([rank]),
        "pairs": Rows([pair_of(scenario=None, question=question)]),
    }
    return Overall(question=question, **(known | changes))


# ---------------------------------------------------------------------- plain data


def test_plain_data_is_json_whatever_is_missing() -> None:
    plain = compared_of(overall=overall(), like_these=overall(LIKE_THESE)).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_rules_are_told_in_plain() -> None:
    plain = compared_of().to_json()
    assert (plain["metric"], plain["alpha"], plain["paired"]) == ("average_accuracy", 0.1, True)
    assert plain["level"] == pytest.approx(0.9)
    assert plain["corrections"] == {"split": "holm"}
    assert compared_of(unpaired=True).to_json()["paired"] is False


def test_numbers_that_are_missing_or_infinite_are_none() -> None:
    plain = compared_of(overall=overall()).to_json()
    (summary,) = plain["summary"]
    assert (summary["iqm"], summary["difference"], summary["mean"]) == (None, None, 0.5)
    assert [pair["p"] for pair in plain["pairs"]] == [0.01, None]
    assert plain["overall"]["f"] is None
    assert plain["overall"]["critical_difference"] is None
    assert plain["overall"]["f_p"] == 0.0


def test_a_rank_is_the_best_one() -> None:
    assert row_of().rank == 2
    assert row_of(rank_best=None).rank is None
    assert compared_of().to_json()["summary"][0]["rank"] == 2


def test_keys_are_in_their_order() -> None:
    plain = compared_of(overall=overall()).to_json()
    assert tuple(plain["summary"][0]) == SUMMARY_KEYS
    assert tuple(plain["pairs"][0]) == PAIR_KEYS
    assert tuple(plain["overall"]) == (*OVERALL_KEYS, "ranks", "pairs")
    assert tuple(plain["overall"]["ranks"][0]) == RANK_KEYS
    # Pairs over scenarios have none.
    assert tuple(plain["overall"]["pairs"][0]) == PAIR_KEYS[1:]


def test_questions_that_were_not_asked_are_none() -> None:
    plain = compared_of(overall=overall()).to_json()
    assert plain["overall"]["question"] == THESE
    assert (plain["like_these"], plain["looks"], plain["choices"]) == (None, None, [])


@pytest.mark.parametrize(
    ("tests", "p"),
    [
        ([], None),
        ([omnibus_of(0.02)], 0.02),
        ([omnibus_of(0.02, "one"), omnibus_of(0.3, "two")], 0.02),
        # Over scenarios, where there are several.
        ([omnibus_of(0.02, "one"), omnibus_of(0.3, None), omnibus_of(0.4, None)], 0.3),
    ],
)
def test_the_main_test_is_over_scenarios_where_there_is_one(tests: Any, p: float | None) -> None:
    plain = compared_of(omnibus=tuple(tests)).to_json()
    assert plain["omnibus"]["p"] == p
    assert list(plain["omnibus"]) == ["test", "statistic", "p"]
    assert len(plain["omnibus_tests"]) == len(tests)


# ---------------------------------------------------------------------- what it knows of itself


def test_scenarios_are_in_the_suites_order_and_limits_those_of_the_metric() -> None:
    runs = runs_of("a", [0.5], "two", limits=(0.0, 1.0)), runs_of("b", [0.5], "one")
    found = compared_of(runs=runs)
    assert (found.scenarios, found.limits) == (["two", "one"], (0.0, 1.0))
    empty = replace(found, runs=())
    assert (empty.scenarios, empty.limits) == ([], None)


def test_a_table_has_a_column_a_field() -> None:
    frame = compared_of(summary=Rows([row_of("a"), row_of("b", mean=0.25)])).frame()
    assert frame.strategy.tolist() == ["a", "b"]
    assert frame["mean"].tolist() == [0.5, 0.25]
    assert np.isnan(frame.iqm).all()
    assert Rows[SummaryRow]().frame().empty


# ---------------------------------------------------------------------- of whole records


def test_the_keys_of_the_json_form_are_fixed(made) -> None:
    plain = made.compared(*made.three("one"), *made.three("two"), baseline="poor").to_json()
    keys = (
        "metric unit higher_is_better baseline paired alpha level rope tests family correction"
        " corrections design omnibus omnibus_tests summary pairs overall like_these looks choices"
        " text left_out"
    )
    assert list(plain) == keys.split()
    assert list(plain["omnibus"]) == ["test", "statistic", "p"]
    keys = (
        "scenario strategy n n_requested mean ci_low ci_high iqm rank group"
        " difference p_adjusted effect rank_best rank_worst rank_reason interval iqm_low iqm_high"
        " difference_low difference_high compared won lost won_low won_high best_of optimism"
        " p_always"
    )
    assert list(plain["summary"][0]) == keys.split()
    keys = (
        "scenario a b n test statistic p p_adjusted smallest_p effect"
        " difference ci_low ci_high verdict better exact equivalence_p p_always decision interval"
        " together_low together_high won lost won_low won_high"
    )
    assert list(plain["pairs"][0]) == keys.split()
    assert list(plain["overall"]) == [
        "question",
        "test",
        "statistic",
        "p",
        "f",
        "f_p",
        "critical_difference",
        "correction",
        "ranks",
        "pairs",
    ]
    ranks = "strategy average_rank group mean ci_low ci_high rank_best rank_worst rank_reason"
    assert list(plain["overall"]["ranks"][0]) == ranks.split()
    assert list(plain["overall"]["pairs"][0]) == keys.split()[1:]


def test_frames_have_a_row_a_row(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two"))
    assert found.frame().shape[0] == 6
    assert list(found.pairs.frame().a) == [pair.a for pair in found.pairs]
    assert list(found.overall.ranks.frame().strategy) == ["good", "middle", "poor"]
    assert found.pairs[0].cliffs_delta == 2 * found.pairs[0].effect - 1
