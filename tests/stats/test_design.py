"""Which tests belonged to a design before `by_design`."""

from __future__ import annotations

import pytest

from clbench.stats import design


@pytest.mark.parametrize(
    ("strategies", "paired", "omnibus", "pairs"),
    [
        (1, True, None, "none"),
        (2, True, None, "Wilcoxon signed-rank"),
        (3, True, "Friedman", "Wilcoxon signed-rank"),
        (2, False, None, "Mann-Whitney"),
        (5, False, "Kruskal-Wallis", "Dunn"),
    ],
)
def test_the_design_decides(strategies: int, paired: bool, omnibus: str | None, pairs: str) -> None:
    chosen = design.within_scenario(strategies, paired=paired)
    assert (chosen.omnibus, chosen.pairs) == (omnibus, pairs)
    assert chosen.reason


def test_over_scenarios_it_is_demsars_advice() -> None:
    assert design.across_scenarios(2).pairs == "Wilcoxon signed-rank"
    assert (design.across_scenarios(4).omnibus, design.across_scenarios(4).pairs) == (
        "Friedman",
        "Nemenyi",
    )


@pytest.mark.parametrize(
    ("paired", "known", "reason"),
    [
        (True, True, "two strategies ran on the same seeds, hence the same streams"),
        (True, False, "two strategies ran on the same seeds, which are taken for the same streams"),
        (False, True, "two strategies, whose runs are taken as independent"),
        (False, False, "two strategies, whose runs are taken as independent"),
    ],
)
def test_the_reason_says_what_pairs_the_runs(paired: bool, known: bool, reason: str) -> None:
    assert design.within_scenario(2, paired=paired, streams_known=known).reason == reason


@pytest.mark.parametrize("strategies", [3, 12])
def test_reasons_count_the_strategies(strategies: int) -> None:
    within = design.within_scenario(strategies, paired=True)
    across = design.across_scenarios(strategies)
    assert within.reason.startswith(f"{strategies} strategies ran")
    assert across.reason == f"{strategies} strategies are ranked on each scenario"


def test_one_strategy_leaves_nothing_to_test() -> None:
    for paired in (True, False):
        found = design.within_scenario(1, paired=paired)
        assert (found.omnibus, found.pairs) == (None, "none")
        assert found.reason == "there is nothing to test with one strategy"
