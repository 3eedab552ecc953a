"""Figures that look into the runs: what is drawn, by its lines, texts and limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clbench.errors import UserError
from clbench.report.compared import Comparison
from clbench.report.figures_runs import (
    MAX_MATRICES,
    MAX_TICKS,
    accuracy_matrices,
    accuracy_over_tasks,
    cost_against_accuracy,
    forgetting_curves,
    learnt_over_tasks,
    online_over_tasks,
)

NAN = np.nan
# Rows: untrained, after tasks 1 to 3; columns: the task tested.
SEEN = np.array([[NAN] * 3, [0.9, NAN, NAN], [0.7, 0.8, NAN], [0.5, 0.6, 1.0]])


def learners(made, **matrices: Any) -> Comparison:
    """Each strategy has two runs with this accuracy matrix."""
    cells = []
    for name, matrix in matrices.items():
        cells.append(made.cell(name, [0.5, 0.5], accuracy=np.stack([matrix] * 2)))
    found: Comparison = made.compared(*cells)
    return found


def drawn(ax: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """The lines of an axis by their labels: where their points are."""
    found = {}
    for line in ax.lines:
        x, y = (np.asarray(part, dtype=float) for part in line.get_data())
        found[str(line.get_label())] = np.round(x, 6).tolist(), np.round(y, 6).tolist()
    return found


def titles(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]


def legend(figure: Figure) -> list[str]:
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


# ---------------------------------------------------------------------- over tasks


def test_the_average_so_far_after_each_task(made) -> None:
    figure = accuracy_over_tasks(learners(made, er=SEEN))
    (ax,) = figure.axes
    # The mean of 90, of 70 and 80, and of 50, 60 and 100.
    assert drawn(ax)["er"] == ([1, 2, 3], [90, 75, 70])
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "tasks learnt",
        "average accuracy on the tasks so far (%)",
    )
    assert ax.get_xticks().tolist() == [1, 2, 3]


def test_each_task_when_it_was_learnt(made) -> None:
    figure = learnt_over_tasks(learners(made, er=SEEN))
    assert drawn(figure.axes[0])["er"] == ([1, 2, 3], [90, 80, 100])
    assert figure.axes[0].get_xlabel() == "task"


def test_online_accuracy_is_drawn_where_it_was_measured(made) -> None:
    cell = made.cell("er", [0.5, 0.5], curves={"online_accuracy": np.array([[0.25, 0.75]] * 2)})
    figure = online_over_tasks(made.compared(cell))
    assert drawn(figure.axes[0])["er"] == ([1, 2], [25, 75])


def test_a_panel_a_scenario_and_one_legend_in_the_suite_s_order(made) -> None:
    figure = accuracy_over_tasks(made.compared(*made.three("one"), *made.three("two")))
    assert titles(figure) == ["one", "two"]
    assert legend(figure) == ["poor", "good", "middle"]


def test_a_strategy_has_one_look_on_all_scenarios(made) -> None:
    cells = [*made.cells({"a": [0.5], "b": [0.6]}, "one"), *made.cells({"b": [0.7]}, "two")]
    one, two = accuracy_over_tasks(made.compared(*cells)).axes
    assert colours(one)["b"] == colours(two)["b"] != colours(one)["a"]


def colours(ax: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line.get_color() for line in ax.lines}


def test_the_interval_is_a_band_around_the_line(made) -> None:
    matrices = np.stack([SEEN - 0.1, SEEN - 0.2, SEEN - 0.3])
    cell = made.cell("er", [0.5] * 3, accuracy=matrices)
    (band,) = learnt_over_tasks(made.compared(cell)).axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    # The means are 70, 60 and 80; half an interval is t(0.975, 2) * 10 / sqrt(3) = 24.84.
    assert heights.min() == pytest.approx(60 - 24.84, abs=0.01)
    assert heights.max() == pytest.approx(100)  # 80 + 24.84, cut to what is possible


def test_where_a_single_point_was_measured_its_interval_is_a_line(made) -> None:
    accuracy = np.array([[[NAN], [value]] for value in (0.5, 0.55, 0.6)])
    cell = made.cell("er", [0.5] * 3, accuracy=accuracy)
    (ax,) = accuracy_over_tasks(made.compared(cell)).axes
    whole, interval = ax.lines
    assert whole.get_ydata().tolist() == [pytest.approx(55)]
    low, high = interval.get_ydata()
    assert low < 55 < high
    assert (low + high) / 2 == pytest.approx(55)


def test_a_long_stream_is_drawn_in_means_and_says_so(made) -> None:
    tasks = 120
    matrix = np.full((tasks + 1, tasks), 0.5)
    (ax,) = learnt_over_tasks(learners(made, er=matrix)).axes
    x, y = drawn(ax)["er"]
    assert (len(x), set(y)) == (60, {50.0})
    assert x[:2] == [1.5, 3.5]  # the middles of tasks 1 and 2, of 3 and 4
    assert ax.get_xlabel() == "task (means of 2 tasks)"
    ticks = ax.get_xticks().tolist()
    assert ticks == [1, 20, 40, 60, 80, 100, 120]
    assert len(ticks) <= MAX_TICKS


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (accuracy_over_tasks, "use the figure `learnt`, or `evaluate: seen`"),
        (learnt_over_tasks, "use the figure `accuracy` or `online`"),
        (online_over_tasks, "add online_accuracy to the suite's metrics"),
    ],
)
def test_a_course_that_nobody_measured_says_what_to_do(made, draw, words: str) -> None:
    only_last = np.full((4, 3), NAN)
    only_last[3, 0] = 0.5
    with pytest.raises(UserError, match=words):
        draw(learners(made, er=only_last))


def test_runs_that_did_not_finish_leave_nothing_to_draw(made) -> None:
    lost = np.array(["failed"], dtype=object)
    with pytest.raises(UserError, match="no run has accuracies to draw"):
        accuracy_over_tasks(made.compared(made.cell("er", [0.5], member_status=lost)))


# ---------------------------------------------------------------------- forgetting


def test_the_accuracy_by_how_many_tasks_were_learnt_since(made) -> None:
    (ax,) = forgetting_curves(learners(made, er=SEEN)).axes
    # Age 0: (90 + 80 + 100) / 3; 1: (70 + 60) / 2; 2: 50.
    assert drawn(ax)["er"] == ([0, 1, 2], [90, 65, 50])
    assert ax.get_xlabel() == "tasks learnt since"


def test_lines_end_together_with_the_oldest_age_that_anybody_tested(made) -> None:
    recent = SEEN.copy()
    recent[3, 0] = NAN
    (ax,) = forgetting_curves(learners(made, er=recent)).axes
    assert drawn(ax)["er"] == ([0, 1], [90, 65])
    assert ax.get_xticks().tolist() == [0, 1]


def test_without_tests_of_old_tasks_there_is_no_forgetting_to_draw(made) -> None:
    fresh = np.where(np.eye(4, 3, k=-1) > 0, SEEN, NAN)
    with pytest.raises(UserError, match=r"`evaluate: \{last: n\}` does that"):
        forgetting_curves(learners(made, er=fresh))


# ---------------------------------------------------------------------- matrices


def test_a_matrix_in_percent_with_its_numbers(made) -> None:
    figure = accuracy_matrices(learners(made, er=SEEN))
    ax = figure.axes[0]
    (image,) = ax.get_images()
    np.testing.assert_allclose(np.ma.filled(image.get_array(), NAN), 100 * SEEN)
    assert image.get_clim() == (0, 100)
    # An entry for each of the six that were measured.
    assert sorted(text.get_text() for text in ax.texts) == ["100", "50", "60", "70", "80", "90"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "2", "3"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["none", "1", "2", "3"]


def test_titles_of_matrices_name_the_scenario_where_there_are_several(made) -> None:
    one = accuracy_matrices(made.compared(*made.cells({"a": [0.5]}, "one")))
    both = accuracy_matrices(
        made.compared(*made.cells({"a": [0.5]}, "one"), *made.cells({"a": [0.5]}, "two"))
    )
    assert titles(one) == ["a"]
    assert titles(both) == ["a\non one", "a\non two"]


def test_blocks_of_a_long_stream_are_named_by_their_last_task(made) -> None:
    tasks = 150
    (ax, _) = accuracy_matrices(learners(made, er=np.full((tasks + 1, tasks), 0.5))).axes
    (image,) = ax.get_images()
    assert image.get_array().shape == (76, 75)  # blocks of 2 tasks, and the untrained network
    assert ax.get_xlabel() == "task tested (means of 2 tasks)"
    # Of 75 blocks every 20th is named: the one that ends with task 40, and so on.
    assert [text.get_text() for text in ax.get_xticklabels()] == ["40", "80", "120"]
    assert ax.get_xticks().tolist() == [19, 39, 59]
    assert ax.get_yticks().tolist() == [20, 40, 60]  # a row further down
    assert not ax.texts


def test_more_matrices_than_there_is_room_for_are_counted(made) -> None:
    count = MAX_MATRICES + 1
    figure = accuracy_matrices(made.compared(*made.cells({f"m{k}": [0.5] for k in range(count)})))
    assert len(titles(figure)) == MAX_MATRICES
    assert figure.get_suptitle() == f"the first {MAX_MATRICES} of {count} matrices"


# ---------------------------------------------------------------------- cost


def costly(made, **seconds: float) -> Comparison:
    """Strategies with accuracies 0.5, 0.6, ... in that order, that take so long."""
    cells = []
    for place, (name, spent) in enumerate(seconds.items()):
        values = np.array([0.49, 0.51]) + place / 10
        cells.append(made.cell(name, values, cost={"train_seconds": np.full(2, spent)}))
    found: Comparison = made.compared(*cells)
    return found


def test_a_point_a_strategy_at_what_it_costs_and_reaches(made) -> None:
    figure = cost_against_accuracy(costly(made, fast=1.0, slow=10.0))
    (ax,) = figure.axes
    points = drawn(ax)
    assert (points["fast"], points["slow"]) == (([1.0], [50.0]), ([10.0], [60.0]))
    assert ax.get_xscale() == "log"
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "training, seconds a run",
        "average_accuracy (%)",
    )
    assert legend(figure) == ["fast", "slow"]


def front(ax: Axes) -> tuple[list[float], list[float]]:
    """The grey line that joins who is not beaten."""
    (line,) = [line for line in ax.lines if line.get_color() == "0.6"]
    x, y = (np.round(np.asarray(part, dtype=float), 6).tolist() for part in line.get_data())
    return x, y


def test_a_line_joins_who_is_not_beaten_in_both(made) -> None:
    (ax,) = cost_against_accuracy(costly(made, fast=1.0, wasteful=90.0, best=10.0)).axes
    assert front(ax) == ([1.0, 10.0], [50.0, 70.0])


def test_a_bound_has_a_point_and_no_part_in_the_line(made) -> None:
    comparison = costly(made, rival=2.0, joint=1.0)
    comparison.results.cells[1].declared = ("bound",)
    (ax,) = cost_against_accuracy(comparison).axes
    assert drawn(ax)["joint"] == ([1.0], [60.0])
    assert front(ax) == ([2.0], [50.0])


def test_who_did_not_say_how_long_it_took_is_left_out(made) -> None:
    (ax,) = cost_against_accuracy(costly(made, told=1.0, untold=NAN, none=0.0)).axes
    assert {"told"} == {"told", "untold", "none"} & set(drawn(ax))


def test_where_nobody_says_how_long_it_took_there_is_no_cost(made) -> None:
    with pytest.raises(UserError, match="no run says how long its training took"):
        cost_against_accuracy(made.compared(*made.three()))
