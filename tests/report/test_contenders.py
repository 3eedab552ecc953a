"""Who is compared over several scenarios: who is everywhere, and shares seeds with all others."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.contenders import Contenders, contenders_of
from clbench.report.contest import Pair
from clbench.report.findings import NoCommonSeeds, NotEverywhere
from clbench.report.runs import Runs
from tests.report.built import pair_of, runs_of, scenarios_of, untested_pair


def runs_on(scenario: str, names: str) -> list[Runs]:
    return [runs_of(name, [0.5, 0.6], scenario) for name in names]


def world(**names: str) -> dict[str, list[Runs]]:
    """By scenario the strategies that have runs there."""
    found = {}
    for scenario, here in names.items():
        found[scenario] = runs_on(scenario, here)
    return found


def contenders(by_scenario: Any, *pairs: Pair) -> Contenders:
    found, _ = contenders_of(by_scenario, pairs)
    assert found is not None
    return found


def test_who_is_on_every_scenario_contends_in_the_order_of_appearance() -> None:
    found, left_out = contenders_of(world(one="bac", two="cab"), [])
    assert found is not None
    assert found.names == ("b", "a", "c")
    assert left_out == []
    for scenario, here in zip(("one", "two"), found.runs, strict=True):
        assert [one.strategy for one in here] == ["b", "a", "c"]
        assert {one.scenario for one in here} == {scenario}


def test_who_lacks_a_scenario_is_left_out_and_named() -> None:
    found, left_out = contenders_of(world(one="abc", two="ab", three="ab"), [])
    assert found is not None
    assert found.names == ("a", "b")
    assert left_out == [NotEverywhere("c", 1, 3)]


@pytest.mark.parametrize(
    ("names", "left_out"),
    [
        ({}, []),
        ({"one": "abc"}, []),  # a single scenario asks no question over scenarios
        ({"one": "ab", "two": "cd"}, [NotEverywhere(name, 1, 2) for name in "abcd"]),
        ({"one": "ab", "two": "ac"}, [NotEverywhere("b", 1, 2), NotEverywhere("c", 1, 2)]),
    ],
)
def test_without_two_contenders_there_is_no_comparison(names: Any, left_out: list[Any]) -> None:
    assert contenders_of(world(**names), []) == (None, left_out)


def test_who_shares_seeds_with_fewest_goes_first() -> None:
    strangers = [
        untested_pair("a", "c"),
        untested_pair("b", "c"),
        untested_pair("a", "b", n=2, scenario="one"),
    ]
    found, left_out = contenders_of(world(one="abc", two="abc"), strangers)
    assert found is not None
    assert found.names == ("a", "b")
    assert left_out == [NoCommonSeeds("a", "c", "c")]


def test_of_two_that_share_none_the_later_one_goes() -> None:
    found, left_out = contenders_of(world(one="abc", two="abc"), [untested_pair("a", "b")])
    assert found is not None
    assert found.names == ("a", "c")
    assert left_out == [NoCommonSeeds("a", "b", "b")]


def test_strangers_go_until_no_two_are_left() -> None:
    """d shares seeds with nobody, and a shares none with b."""
    strangers = [untested_pair("a", "d"), untested_pair("b", "d"), untested_pair("c", "d")]
    strangers.append(untested_pair("a", "b"))
    found, left_out = contenders_of(world(one="abcd", two="abcd"), strangers)
    assert found is not None
    assert found.names == ("a", "c")
    assert [one.left_out for one in left_out if isinstance(one, NoCommonSeeds)] == ["d", "b"]


def test_two_strangers_alone_are_no_contenders() -> None:
    found, left_out = contenders_of(world(one="ab", two="ab"), [untested_pair("a", "b")])
    assert found is None
    assert left_out == [NoCommonSeeds("a", "b", "b")]


def test_who_is_not_everywhere_is_nobodys_stranger() -> None:
    """c has no place anyway, so that it shares no seeds with a costs a nothing."""
    found, left_out = contenders_of(world(one="abc", two="ab"), [untested_pair("a", "c")])
    assert found is not None
    assert left_out == [NotEverywhere("c", 1, 2)]


def test_pairs_are_found_by_their_places_first_one_first() -> None:
    pairs = []
    for scenario in ("one", "two"):
        pairs.append(pair_of("b", "a", scenario=scenario, better=1))
        pairs.append(pair_of("b", "stranger", scenario=scenario))
    found = contenders(world(one="ab", two="ab"), *pairs)
    for scenario, here in zip(("one", "two"), found.pairs, strict=True):
        assert list(here) == [(0, 1)]
        pair = here[0, 1]
        assert (pair.a, pair.b, pair.winner, pair.scenario) == ("a", "b", "b", scenario)


def test_a_pair_in_order_stays_as_it_is() -> None:
    pair = pair_of("a", "b", scenario="one")
    found = contenders(world(one="ab", two="ab"), pair)
    assert found.pairs[0][0, 1] is pair
    assert found.pairs[1] == {}


def test_places_are_every_two() -> None:
    found = contenders(world(one="abc", two="abc"))
    assert found.places == [(0, 1), (0, 2), (1, 2)]


def test_each_strategys_runs_stand_together() -> None:
    found = contenders(world(one="ab", two="ba"))
    assert list(found.by_strategy) == ["a", "b"]
    for name, runs in found.by_strategy.items():
        assert [one.strategy for one in runs] == [name, name]
        assert [one.scenario for one in runs] == ["one", "two"]


def test_the_sign_is_that_of_the_metric() -> None:
    runs = []
    for scenario in ("one", "two"):
        runs += [runs_of(name, [1.0], scenario, sign=-1) for name in "ab"]
    assert contenders(scenarios_of(*runs)).sign == -1
    assert contenders(world(one="ab", two="ab")).sign == 1
