"""Comparisons that once named the wrong winner, each through the whole pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.errors import RecordError
from clbench.report.compared import Comparison
from clbench.report.leaderboard import leaderboard

# Three final accuracies of a run in two orders; their mean is 0.2 on paper, and differs in its last
# bit.
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
    assert found.pairs[0].verdict == "too few seeds in common"
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


# ---------------------------------------------------------------------- over scenarios


SCENARIOS = [f"s{k}" for k in range(6)]


def streams(scenario: str, seeds: Any) -> Any:
    """What each seed's stream does to every strategy on a scenario: the later the seed, the
    easier.
    """
    noise = np.random.default_rng(int(scenario[1:])).normal(0, 0.005, 100)
    return 0.4 + 0.04 * np.asarray(seeds) + noise[np.asarray(seeds)]


def test_over_scenarios_two_strategies_are_compared_at_the_seeds_that_both_have(made) -> None:
    """At every common seed a is two points better; b lacks the hard seeds."""
    early, late = np.arange(12), np.arange(6, 12)
    cells = [
        cell
        for scenario in SCENARIOS
        for cell in (
            made.cell("a", streams(scenario, early) + 0.02, scenario, seed=early),
            made.cell("b", streams(scenario, late), scenario, seed=late),
        )
    ]
    found = made.compared(*cells)
    over = found.overall.pairs[0]
    assert (over.verdict, over.p) == ("a better", 2 / 2**6)
    assert over.difference == pytest.approx(0.02)
    assert (over.ci_low, over.ci_high) == pytest.approx((0.02, 0.02))
    assert over.effect == pytest.approx(np.mean([pair.effect for pair in found.pairs]))
    assert over.effect > 0.5
    told = "a is better than b (a - b: difference 2.0 [2.0, 2.0] points"
    assert f"On these 6 scenarios together: {told}" in said(found)
    assert f"On scenarios like these 6: {told}" in said(found)
    means = {row.strategy: row.mean for row in found.overall.ranks}
    assert means["a"] - means["b"] == pytest.approx(0.02)
    assert "s0: seeds are missing: of 12 seeds b has 6" in said(found)


def test_a_third_strategy_with_few_seeds_changes_nothing_between_the_first_two(made) -> None:
    early, late = np.arange(12), np.arange(6, 12)
    for third in ([], [0, 1, 11]):
        cells = []
        for scenario in SCENARIOS:
            cells.append(made.cell("a", streams(scenario, early) + 0.02, scenario, seed=early))
            cells.append(made.cell("b", streams(scenario, late), scenario, seed=late))
            if third:
                cells.append(made.cell("c", [0.1] * 3, scenario, seed=np.array([0, 6, 11])))
        found = made.compared(*cells)
        order = [row.strategy for row in found.overall.ranks]
        assert order[:2] == ["a", "b"]
        assert found.overall.pairs[0].difference == pytest.approx(0.02)


def test_strategies_without_common_seeds_have_no_place_over_scenarios(made) -> None:
    cells = [cell for scenario in SCENARIOS for cell in made.three(scenario, 4)]
    strange = [
        made.cell("strange", [0.99] * 4, scenario, seed=np.arange(50, 54)) for scenario in SCENARIOS
    ]
    found = made.compared(*cells, *strange)
    assert [row.strategy for row in found.overall.ranks] == ["good", "middle", "poor"]
    assert "so strange has no place over all of them" in "\n".join(found.left_out)
    assert made.compared(*cells, *strange, unpaired=True).overall.ranks[0].strategy == "strange"


def collapsing(made, how: str) -> Any:
    """On six scenarios a is a little better than b in five seeds, and breaks down in five."""
    cells = []
    for scenario in SCENARIOS:
        base = streams(scenario, np.zeros(10, int)) + 0.4 + np.linspace(0, 0.02, 10)
        a, status = base + 0.01, ended(0, 10)
        if how == "bad":
            a[:5] = 0.1
        elif how == "nan":
            a[:5] = np.nan
        else:
            status = ended(5, 10, how)
        cells.append(made.cell("a", a, scenario, member_status=status))
        cells.append(made.cell("b", base, scenario))
    return made.compared(*cells)


@pytest.mark.parametrize("how", ["bad", "diverged", "failed", "timeout", "nan"])
def test_over_scenarios_a_run_that_fails_is_as_bad_as_a_bad_one(made, how: str) -> None:
    found = collapsing(made, how)
    like_these = found.like_these.pairs[0]
    assert (like_these.verdict, like_these.p) == ("b better", 2 / 2**6)
    assert found.like_these.ranks[0].strategy == "b"
    # In half of these very seeds a is ahead.
    assert found.overall.pairs[0].verdict == "cannot be told apart"


def test_runs_without_a_number_do_not_help_though_they_are_called_done(made) -> None:
    """4 of 10 are NaN in a record that says nothing of how runs ended, the others a little
    better.
    """
    base = made.draw(0.8, 10, 3)
    better = base + 0.01
    better[:4] = np.nan
    plain: dict[str, Any] = {"content": {}, "protocol": {}}
    cells = [
        made.cell(name, values, scenario, **plain)
        for scenario in SCENARIOS
        for name, values in (("good", base), ("nan_when_bad", better))
    ]
    found = made.compared(*cells)
    assert {pair.verdict for pair in found.pairs} == {"cannot be told apart"}
    assert "nan_when_bad better" not in found.overall.pairs[0].verdict
    assert found.overall.ranks[0].strategy == "good"
    assert "4 of 10 runs ended without a number" in "\n".join(found.left_out)


def test_a_strangers_own_metric_does_not_help_by_missing_values(made) -> None:
    cells = made.cells({"good": [0.5] * 10, "gappy": [0.5] * 10}, content={}, protocol={})
    cells[0].metrics["score"] = np.linspace(0.5, 0.6, 10)
    cells[1].metrics["score"] = np.where(np.arange(10) < 4, np.nan, np.linspace(0.51, 0.61, 10))
    found = made.compared(*cells, metric="score")
    assert found.pairs[0].n == 10
    assert found.pairs[0].verdict == "cannot be told apart"


@pytest.mark.parametrize("diverging", ["a", "ab"])
@pytest.mark.parametrize(
    "others", [{}, {"naive": 0.10}, {"naive": 0.10, "middling": 0.5}, {"best": 0.95}]
)
def test_a_third_strategy_does_not_turn_the_first_two_round(
    made, others: dict[str, float], diverging: str
) -> None:
    """On each scenario one run of ten diverged: a (90 %) is ahead of b (87 %), whoever else takes
    part.
    """
    cells = []
    for scenario in SCENARIOS:
        for place, (name, centre) in enumerate({"a": 0.90, "b": 0.87, **others}.items()):
            status = ended(0, 10)
            if name in diverging:
                status[place] = "diverged"
            values = np.linspace(centre - 0.005, centre + 0.005, 10)
            cells.append(made.cell(name, values, scenario, member_status=status))
    found = made.compared(*cells)
    ranks = {row.strategy: row.average_rank for row in found.overall.ranks}
    assert ranks["a"] < ranks["b"]
    if not others:
        assert found.like_these.pairs[0].verdict == "a better"


def test_seeds_that_the_suite_asks_for_and_nobody_has_are_said_to_be_missing(made) -> None:
    cells = made.three(seeds=6)
    text = "seeds: 10\ncompare: {baseline: poor}"
    assert (
        "split: seeds are missing: of 10 seeds that the suite asks for no strategy has 4."
        in made.compared(*cells, text=text).text
    )
    assert "missing" not in said(made.compared(*cells, text="seeds: 6"))
    assert "missing" not in said(made.compared(*cells, text="just text"))


def test_where_ranks_and_means_disagree_the_sentence_says_so(made) -> None:
    """a is ahead at eleven of twelve seeds, and collapses at one."""
    base = made.draw(0.8, 12, 3)
    a = base + 0.02
    a[0] = 0.1
    assert made.compared(*made.cells({"a": a, "b": base})).pairs[0].verdict != "a better"
    found = made.compared(*made.cells({"a": a, "b": base}), tests="ranks")
    assert found.pairs[0].verdict == "a better"
    assert found.pairs[0].difference < 0
    assert "decide: a is ahead in 11 of 12 seeds; its mean is the worse of the two." in said(found)


# ---------------------------------------------------------------------- files that share their
# names


def foreign(made, folder: Path, strategy: str, seeds: Any, **changes: Any) -> Path:
    """`<folder>/elsewhere.h5` with a cell `my-replay`, as the guide shows for other libraries."""
    cell = made.cell(
        strategy, made.draw(0.8, len(seeds), 3), seed=seeds, content={}, protocol={}, **changes
    )
    cell.key = "my-replay"
    folder.mkdir()
    return made.save(folder / "elsewhere.h5", cell, suite="elsewhere")


@pytest.mark.parametrize("later", [np.arange(10, 20), np.arange(10)])
def test_two_strategies_whose_files_and_cells_are_called_alike_stay_two(
    made, tmp_path: Path, later: Any
) -> None:
    files = [
        foreign(made, tmp_path / "f1", "mine", np.arange(10)),
        foreign(made, tmp_path / "f2", "yours", later),
    ]
    with pytest.raises(
        RecordError, match=r"not stated in elsewhere, elsewhere \(file 2\): streams, data"
    ):
        clbench.compare(files)
    found = clbench.compare(files, force_mixed=True)
    assert [(row.strategy, row.n) for row in found.summary] == [("mine", 10), ("yours", 10)]


def test_one_label_for_two_methods_of_such_files_is_told_apart(made, tmp_path: Path) -> None:
    files = [
        foreign(made, tmp_path / f"f{size}", "replay", np.arange(10), options={"memory": size})
        for size in (100, 500)
    ]
    found = clbench.compare(files, force_mixed=True)
    assert {row.strategy for row in found.summary} == {
        "replay [elsewhere]",
        "replay [elsewhere (file 2)]",
    }


def test_seeds_of_one_strategy_in_two_such_files_unite(made, tmp_path: Path) -> None:
    files = [
        foreign(made, tmp_path / "f1", "mine", np.arange(10)),
        foreign(made, tmp_path / "f2", "mine", np.arange(10, 20)),
    ]
    assert [row.n for row in clbench.compare(files).summary] == [20]


def test_such_files_have_sections_of_their_own_on_a_board(made, tmp_path: Path) -> None:
    files = [
        foreign(made, tmp_path / "f1", "mine", np.arange(10)),
        foreign(made, tmp_path / "f2", "yours", np.arange(10)),
    ]
    mine, yours = leaderboard(files, tmp_path / "board")
    assert [row.strategy for row in mine.main.summary] == ["mine"]
    assert [row.strategy for row in yours.main.summary] == ["yours"]


def test_one_key_for_two_strategies_of_one_experiment_is_two_cells(made, tmp_path: Path) -> None:
    """The files share a cell, so they are one experiment; in it `x` is twice the name of another
    thing.
    """
    plain: dict[str, Any] = {"content": {}, "protocol": {}}
    files = []
    for k, name in enumerate(("mine", "yours")):
        shared = made.cell("base", made.draw(0.7, 5, 1), seed=np.arange(5) + 5 * k, **plain)
        own = made.cell(name, made.draw(0.8, 5, k), **plain)
        own.key = "x"
        folder = tmp_path / str(k)
        folder.mkdir()
        files.append(made.save(folder / "elsewhere.h5", shared, own, suite="elsewhere"))
    found = clbench.compare(files)
    assert {row.strategy: row.n for row in found.summary} == {"base": 10, "mine": 5, "yours": 5}


def test_a_seed_with_two_results_is_refused_with_what_to_do(made, tmp_path: Path) -> None:
    files = [
        made.save(tmp_path / f"{name}.h5", made.cell("er", [accuracy] * 3), suite=name)
        for name, accuracy in (("first", 0.8), ("second", 0.7))
    ]
    with pytest.raises(RecordError) as caught:
        clbench.compare(files, force_mixed=True)
    sentence = str(caught.value)
    assert "seed 0 was measured twice, and accuracy differs between the records of" in sentence
    assert "clbench drop RECORD CELL" in sentence
