"""Comparisons that once named the wrong winner, each through the whole pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.report.comparison import Comparison

# Three final accuracies of a run in two orders; their mean is 0.2 on paper, and differs in its last bit.
ONE, OTHER = (0.1 + 0.2 + 0.3) / 3, (0.3 + 0.2 + 0.1) / 3


def said(comparison: Comparison) -> str:
    return "\n".join(comparison.text)


def ended(bad: int, runs: int, how: str = "diverged") -> Any:
    """The status of runs of which the first few did not finish."""
    return np.array([how] * bad + ["done"] * (runs - bad), dtype=object)


# ---------------------------------------------------------------------- equivalence


@pytest.mark.parametrize("unpaired", [False, True])
@pytest.mark.parametrize("how", ["diverged", "failed", "timeout"])
def test_a_strategy_whose_runs_fail_is_equivalent_to_nobody(made, how: str, unpaired: bool) -> None:
    base = made.draw(0.8, 10, 3)
    found = made.compared(
        made.cell("steady", base),
        made.cell("fragile", base + 0.0001, member_status=ended(7, 10, how)),
        rope=0.02,
        baseline="steady",
        unpaired=unpaired,
    )
    assert found.pairs[0].equivalence_p == 1
    assert "equivalent" not in found.pairs[0].verdict
    assert "equivalent within 2.0 points by two one-sided tests: no pair; nothing is where" in said(
        found
    )
    assert "steady = fragile" not in said(found)
    if not unpaired:
        assert "fragile not given, for runs failed in 7 of 10 pairs" in said(found)


def test_two_seeds_show_no_equivalence_however_equal_their_differences(made) -> None:
    found = made.compared(
        *made.cells({"a": [0.90, 0.92], "b": [0.899, 0.919]}), rope=0.01, baseline="a"
    )
    assert found.pairs[0].verdict == "cannot be told apart"
    assert found.pairs[0].equivalence_p == 0.25
    assert "no pair; 2 seeds are too few to show it" in said(found)
    assert "b not given, for 2 pairs are too few" in said(found)


def test_enough_seeds_of_equal_differences_are_equivalent(made) -> None:
    base = made.draw(0.8, 10, 3)
    found = made.compared(*made.cells({"a": base, "b": base - 0.001}), rope=0.01, baseline="a")
    assert found.pairs[0].verdict == "equivalent within ±0.01"
    assert "b 0.00, 1.00, 0.00" in said(found)


# ---------------------------------------------------------------------- equal on paper


def test_means_that_are_equal_on_paper_are_equal_when_paired(made) -> None:
    assert ONE != OTHER
    two = made.compared(*made.cells({"a": [ONE] * 10, "b": [OTHER] * 10}))
    assert (two.pairs[0].p, two.pairs[0].effect) == (1, 0.5)
    three = made.compared(*made.cells({"a": [ONE] * 10, "b": [OTHER] * 10, "c": [ONE] * 10}))
    assert three.omnibus[0].p == 1
    assert "not all strategies are alike" not in said(three)


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_means_that_are_equal_on_paper_are_equal_as_independent_runs(made, names: str) -> None:
    table = {name: [OTHER if name == "b" else ONE] * 10 for name in names}
    found = made.compared(*made.cells(table), unpaired=True)
    assert {pair.p for pair in found.pairs} == {1}
    assert {pair.effect for pair in found.pairs} == {0.5}
    assert {pair.verdict for pair in found.pairs} == {"cannot be told apart"}
    assert found.omnibus[0].p == 1
