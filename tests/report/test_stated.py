"""What the suite of a record says of its comparison and of its seeds."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.stated import asked_by_cell, asked_seeds, stated_comparison, stated_rule

BLOCK = "compare: {metric: forgetting, alpha: 0.1, baseline: no}"


def test_the_block_is_read_as_suites_are() -> None:
    block, not_used = stated_comparison(BLOCK)
    assert (block.metric, block.alpha, not_used) == ("forgetting", 0.1, [])
    assert block.baseline == "no"  # which YAML 1.1 takes for false


@pytest.mark.parametrize(
    "text",
    ["", "just text", "[a, list]", "compare: null", "compare: [1}", "name: demo", "\x00"],
)
def test_a_suite_that_says_nothing_leaves_the_defaults(text: str) -> None:
    block, not_used = stated_comparison(text)
    assert block == stated_comparison("compare: {}")[0]
    assert not_used == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("compare: {alpha: two}", "compare.alpha: "),
        ("compare: {nothing: 1}", "compare.nothing: "),
        ("compare: text", "compare: "),
    ],
)
def test_a_block_that_cannot_be_used_is_left_with_the_reason(text: str, where: str) -> None:
    block, (not_used,) = stated_comparison(text)
    assert block == stated_comparison("")[0]
    assert not_used.what == "what the suite says of its comparison"
    assert not_used.error.startswith(where)


@pytest.mark.parametrize(
    ("seeds", "asked"),
    [
        ("3", (0, 1, 2)),
        ("[4, 1, 9]", (1, 4, 9)),
        ("none", ()),
        ("-1", ()),
        ("[]", ()),
        ("{until: separated}", ()),
    ],
)
def test_the_seeds_that_a_suite_asks_for(seeds: str, asked: tuple[int, ...]) -> None:
    assert asked_seeds(f"seeds: {seeds}") == asked
    assert asked_seeds("name: demo") == ()


def test_a_rule_that_adds_seeds_is_known_with_its_looks() -> None:
    rule = stated_rule("seeds: {until: separated, looks: [6, 9], alpha: 0.1}")
    assert rule is not None
    assert (tuple(rule.looks), rule.alpha) == ((6, 9), 0.1)
    assert stated_rule("seeds: 5") is None
    assert stated_rule("") is None


def test_every_cell_is_asked_for_by_its_own_suite(made: Any) -> None:
    record = made.results(*made.cells({"a": [0.5], "b": [0.6]}), text="seeds: 2").record
    assert asked_by_cell(record) == {"split-a": (0, 1), "split-b": (0, 1)}
    silent = made.results(made.cell("a", [0.5])).record
    assert asked_by_cell(silent) == {"split-a": ()}
