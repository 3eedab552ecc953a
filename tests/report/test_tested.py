"""A comparison with all its tests done: what is asked of it most."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.contest import RANKS
from tests.report.built import (
    comparison_of,
    omnibus_of,
    pair_of,
    rules_of,
    runs_of,
    scenarios_of,
    untested_pair,
)


def test_pairs_and_tests_are_found_by_their_scenario() -> None:
    one, two = pair_of(scenario="one"), pair_of(scenario="two")
    tests = [omnibus_of(scenario="one"), omnibus_of(scenario=None)]
    tested = comparison_of({}, [one, two], omnibus=tests)
    assert (tested.pairs_on("one"), tested.pairs_on("none")) == ([one], [])
    assert (tested.omnibus_on("one"), tested.omnibus_on("two")) == (tests[:1], [])


def test_pairs_without_a_p_were_not_tested() -> None:
    pair = pair_of()
    assert comparison_of({}, [untested_pair(n=2), pair]).tested_pairs == [pair]


def test_tests_are_by_design_or_on_ranks() -> None:
    assert comparison_of({}).is_by_design
    assert not comparison_of({}, rules=rules_of(tests=RANKS)).is_by_design


def test_unit_and_sign_are_those_of_the_runs() -> None:
    seconds = runs_of("a", [1.0], unit="seconds", sign=-1)
    tested = comparison_of(scenarios_of(seconds))
    assert (tested.unit, tested.sign) == ("seconds", -1)
    nothing = comparison_of({})
    assert (nothing.unit, nothing.sign, nothing.most_strategies) == ("", 1, 0)


def test_the_scenario_with_most_strategies_and_its_agents() -> None:
    runs = [runs_of(name, [0.5], "one", agents=k + 1) for k, name in enumerate("abc")]
    tested = comparison_of(scenarios_of(*runs, runs_of("a", [0.5], "two")))
    assert tested.most_strategies == 3
    assert tested.agents_of == {"one": 3, "two": 1}


@pytest.mark.parametrize(
    ("content", "asked_of", "known"),
    [
        ({"scenario": ["split", {}], "data": "f00d"}, {}, True),
        ({}, {}, False),  # of another library, and no suite asked for its seeds
        ({}, {"split-er": (0, 1)}, True),
    ],
)
def test_streams_are_known_where_the_cell_or_a_suite_says_so(
    made: Any, content: Any, asked_of: Any, known: bool
) -> None:
    cell = made.cell("er", [0.5, 0.6], content=content)
    tested = comparison_of({}, cells=[cell], asked_of=asked_of)
    assert tested.streams_known is known
