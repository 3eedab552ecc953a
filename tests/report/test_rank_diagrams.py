"""What a critical-difference diagram shows, before anything draws it."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.report.rank_diagrams import APART, rank_diagrams, stacked


def drawn(rows: list[list[np.ndarray]]) -> list[list[list[float]]]:
    return [list(map(np.ndarray.tolist, row)) for row in rows]


def test_one_scenario_has_one_diagram_best_first(made) -> None:
    (diagram,) = rank_diagrams(made.compared(*made.three()))
    assert diagram.scenario == "split"
    # They are far apart, so each has the same rank in every seed.
    assert diagram.ranks == {"good": 1.0, "middle": 2.0, "poor": 3.0}
    assert list(diagram.ranks) == ["good", "middle", "poor"]
    assert diagram.bars == []
    assert np.isnan(diagram.critical)


def test_a_bar_joins_who_cannot_be_told_apart(made) -> None:
    same = made.draw(0.8, 12, 1)
    cells = made.cells({"one": same, "twin": same, "far": made.draw(0.4, 12, 2)})
    (diagram,) = rank_diagrams(made.compared(*cells))
    # Ties share ranks 1 and 2.
    assert diagram.ranks == {"one": 1.5, "twin": 1.5, "far": 3.0}
    assert drawn(diagram.bars) == [[[1.5, 1.5]]]


def test_ranks_are_averages_over_common_seeds_failed_ones_last(made) -> None:
    status = np.array(["done", "done", "diverged", "done"], dtype=object)
    cells = [
        made.cell("a", [0.9, 0.9, 0.9, 0.9], member_status=status),
        made.cell("b", [0.5, 0.5, 0.5, 0.5, 0.5]),
    ]
    (diagram,) = rank_diagrams(made.compared(*cells))
    # Of seeds 0 to 3: a is first in three of them and last in one, (1 + 1 + 2 + 1) / 4.
    assert diagram.ranks == {"a": 1.25, "b": 1.75}


def test_several_scenarios_have_one_over_all_first(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"))
    diagrams = rank_diagrams(comparison)
    assert [diagram.scenario for diagram in diagrams] == [None, "one", "two"]
    assert diagrams[0].ranks == {"good": 1.0, "middle": 2.0, "poor": 3.0}


def test_tests_on_ranks_have_a_critical_difference_over_scenarios(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"), tests="ranks")
    first, *others = rank_diagrams(comparison)
    # Nemenyi's: q(0.05; 3) sqrt(k (k + 1) / (6 N)) = 2.343 sqrt(12 / 12), N = 2 scenarios.
    assert first.critical == pytest.approx(2.343, abs=1e-3)
    assert all(np.isnan(diagram.critical) for diagram in others)


def test_a_strategy_alone_has_no_diagram(made) -> None:
    assert rank_diagrams(made.compared(made.cell("a", [0.5, 0.6]))) == []
    assert rank_diagrams(made.compared()) == []


def test_without_a_seed_in_common_there_is_no_diagram(made) -> None:
    cells = [made.cell("a", [0.5, 0.6]), made.cell("b", [0.5, 0.6], seed=np.array([7, 8]))]
    assert rank_diagrams(made.compared(*cells)) == []


# ---------------------------------------------------------------------- rows of bars


def test_bars_that_touch_stand_in_rows_of_their_own() -> None:
    bars = [np.array([1.0, 2.0]), np.array([2.0, 3.0]), np.array([3.5, 4.0])]
    assert drawn(stacked(bars)) == [[[1.0, 2.0], [3.5, 4.0]], [[2.0, 3.0]]]


@pytest.mark.parametrize(("gap", "rows"), [(APART / 2, 2), (2 * APART, 1)])
def test_bars_in_a_row_keep_a_distance(gap: float, rows: int) -> None:
    assert len(stacked([np.array([1.0, 2.0]), np.array([2.0 + gap, 4.0])])) == rows


def test_the_order_of_bars_does_not_matter() -> None:
    bars = [np.array(ends) for ends in ([3.5, 4.0], [1.0, 2.0], [2.0, 3.0])]
    assert drawn(stacked(bars)) == drawn(stacked(bars[::-1]))
    assert stacked([]) == []
