"""Configurations of one method: which cells they are, and the best of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.report.configurations import (
    LABEL,
    best_configurations,
    configurations,
    marked_best,
    scores_by_seed,
)
from clbench.report.findings import BestConfiguration
from clbench.report.runs import Runs, runs_of
from clbench.stats.selection import selection_optimism

ONE, OTHER, THIRD = "er(memory=2)", "er(memory=20)", "er(memory=200)"


def runs_of_cells(made, cells: list[Any]) -> list[Runs]:
    results = made.results(*cells)
    return [runs_of(results, "average_accuracy", cell) for cell in cells]


def best_of(made, cells: list[Any]) -> list[BestConfiguration]:
    """The best of every scenario's methods, one after another."""
    found: list[BestConfiguration] = []
    for here in best_configurations(cells, runs_of_cells(made, cells)):
        found += here.each
    return found


# ---------------------------------------------------------------------- which cells


@pytest.mark.parametrize(
    ("label", "name", "suite"),
    [
        ("er(memory=200)", "er", None),
        ("er(memory=200, lr=0.1) [mine]", "er", " [mine]"),
        ("er[lr=0.1]", "er", None),
        ("er+ewc(strength=1)", "er+ewc", None),
    ],
)
def test_a_label_with_options_has_a_name(label: str, name: str, suite: str | None) -> None:
    found = LABEL.fullmatch(label)
    assert found is not None
    assert (found["name"], found["suite"]) == (name, suite)


@pytest.mark.parametrize("label", ["er", "er (tuned)", "er [x=1]", "er()", "(a=1)", "er(fast)"])
def test_other_labels_are_no_configurations(label: str) -> None:
    assert LABEL.fullmatch(label) is None


def test_cells_that_differ_in_options_alone_belong_together(made) -> None:
    cells = made.cells({ONE: [0.5], "naive": [0.5], OTHER: [0.5]})
    (grid,) = configurations(cells)
    assert (grid.scenario, grid.name, grid.suite) == ("split", "er", "")
    assert [cell.label for cell in grid.cells] == [ONE, OTHER]
    assert grid.label("tuned") == "er (tuned)"


def test_a_single_configuration_is_no_choice(made) -> None:
    assert configurations(made.cells({ONE: [0.5], "naive": [0.5]})) == []
    assert configurations([]) == []


def test_scenarios_suites_and_methods_are_kept_apart(made) -> None:
    cells = [
        *made.cells({ONE: [0.5], OTHER: [0.5]}, "one"),
        *made.cells({ONE: [0.5], OTHER: [0.5]}, "two"),
        *made.cells({f"{ONE} [mine]": [0.5], f"{OTHER} [mine]": [0.5]}, "one"),
        *made.cells({"der(memory=2)": [0.5], "der(memory=3)": [0.5]}, "one"),
    ]
    found = [(grid.scenario, grid.name, grid.suite) for grid in configurations(cells)]
    assert found == [
        ("one", "er", ""),
        ("two", "er", ""),
        ("one", "er", " [mine]"),
        ("one", "der", ""),
    ]
    assert configurations(cells)[2].label("tuned") == "er (tuned) [mine]"


def test_bounds_are_nobody_s_choice(made) -> None:
    cells = made.cells({ONE: [0.5], OTHER: [0.5]}, declared=("bound",))
    assert configurations(cells) == []


# ---------------------------------------------------------------------- scores


def test_scores_stand_by_seed_with_gaps_where_there_is_no_run(made) -> None:
    status = np.array(["done", "diverged"], dtype=object)
    cells = [
        made.cell(ONE, [0.25, 0.5], seed=np.array([1, 4])),
        made.cell(OTHER, [0.75, 0.5], seed=np.array([0, 4]), member_status=status),
    ]
    seeds, table = scores_by_seed(runs_of_cells(made, cells))
    assert seeds.tolist() == [0, 1, 4]
    np.testing.assert_array_equal(table, [[np.nan, 0.75], [0.25, np.nan], [0.5, -np.inf]])


# ---------------------------------------------------------------------- the best


def test_the_best_is_the_one_with_the_highest_mean(made) -> None:
    values = {ONE: [0.5, 0.6, 0.7], OTHER: [0.9, 0.8, 0.9], THIRD: [0.6, 0.6, 0.5]}
    (best,) = best_of(made, made.cells(values))
    assert (best.scenario, best.strategy, best.count, best.unit) == ("split", OTHER, 3, "fraction")
    table = np.array(list(values.values())).T
    assert best.optimism == pytest.approx(selection_optimism(table))
    assert best.optimism > 0


def test_who_fails_less_is_better_than_a_higher_mean(made) -> None:
    status = np.array(["done", "done", "diverged"], dtype=object)
    cells = [
        made.cell(ONE, [0.9, 0.9, 0.9], member_status=status),
        made.cell(OTHER, [0.5, 0.5, 0.5]),
    ]
    (best,) = best_of(made, cells)
    assert best.strategy == OTHER


def test_who_has_no_finished_run_is_the_last(made) -> None:
    lost = np.array(["diverged"], dtype=object)
    cells = [
        made.cell(ONE, [0.9], member_status=lost),
        made.cell(OTHER, [0.1, 0.2, 0.3], member_status=np.repeat(["done", "diverged"], [2, 1])),
    ]
    (best,) = best_of(made, cells)
    assert best.strategy == OTHER


def test_of_equal_ones_it_is_the_first(made) -> None:
    (best,) = best_of(made, made.cells({ONE: [0.5, 0.6], OTHER: [0.5, 0.6]}))
    assert best.strategy == ONE


def test_every_scenario_says_its_best_ones_together(made) -> None:
    cells = []
    for scenario in ("one", "two"):
        for name in ("er", "der"):
            values = {f"{name}(memory=2)": [0.5, 0.6], f"{name}(memory=3)": [0.7, 0.7]}
            cells += made.cells(values, scenario)
    found = list(best_configurations(cells, runs_of_cells(made, cells)))
    assert [(one.scenario, len(one.each)) for one in found] == [("one", 2), ("two", 2)]


def test_configurations_that_are_not_compared_do_not_count(made) -> None:
    cells = made.cells({ONE: [0.5, 0.6], OTHER: [0.7, 0.8]})
    assert list(best_configurations(cells, runs_of_cells(made, cells[:1]))) == []


# ---------------------------------------------------------------------- rows


def test_the_rows_of_the_best_say_of_how_many(made) -> None:
    cells = made.cells({ONE: [0.5, 0.6, 0.5], OTHER: [0.9, 0.8, 0.9], "naive": [0.2, 0.3, 0.2]})
    rows = {row.strategy: row for row in made.compared(*cells).summary}
    assert {name: row.best_of for name, row in rows.items()} == {ONE: 0, OTHER: 2, "naive": 0}
    assert np.isnan(rows[ONE].optimism)
    assert rows[OTHER].optimism > 0


def test_without_findings_rows_stay_as_they_are(made) -> None:
    rows = made.compared(*made.three()).summary
    assert list(marked_best(rows, [])) == list(rows)
