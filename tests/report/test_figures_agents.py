"""Figures of agents: lines, matrices, and what there must be to draw them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from clbench.errors import UserError
from clbench.records import CellRecord
from clbench.report.figures_agents import MAX_NUMBERED, agent_matrices, agents_over_tasks

NAN = np.nan
# Rows: untrained, after tasks 1 to 3; columns: the task tested.
SEEN = np.array([[NAN] * 3, [0.9, NAN, NAN], [0.7, 0.8, NAN], [0.5, 0.6, 1.0]])
AGENT, MEAN = 0.7, 2.2  # how wide their lines are


def hive(
    made, *matrices: Any, label: str = "a", scenario: str = "hive", **changes: Any
) -> CellRecord:
    """Two seeds, each with an agent for each of these matrices."""
    agents = len(matrices)
    shape = {"seed": np.repeat([3, 8], agents), "agent": np.tile(np.arange(agents), 2)}
    accuracy = np.stack([*matrices, *matrices])
    cell: CellRecord = made.cell(
        label, [0.0] * (2 * agents), scenario, **{"accuracy": accuracy, **shape, **changes}
    )
    return cell


def lines(ax: Axes, width: float) -> list[list[float]]:
    """The heights of the lines of one kind."""
    found = [line for line in ax.lines if line.get_linewidth() == width]
    return [np.round(np.asarray(line.get_ydata(), dtype=float), 6).tolist() for line in found]


def ticks(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


# ---------------------------------------------------------------------- lines


def test_a_line_an_agent_and_their_mean(made) -> None:
    (ax,) = agents_over_tasks(made.compared(hive(made, SEEN, SEEN - 0.2))).axes
    # The averages so far: 90, (70 + 80) / 2, (50 + 60 + 100) / 3; the other agent's are 20 lower.
    assert lines(ax, AGENT) == [[90, 75, 70], [70, 55, 50]]
    assert lines(ax, MEAN) == [[80, 65, 60]]


def test_where_old_tasks_are_not_tested_again_each_is_drawn_as_it_was_learnt(made) -> None:
    fresh = np.where(np.eye(4, 3, k=-1) > 0, SEEN, NAN)
    figure = agents_over_tasks(made.compared(hive(made, fresh, fresh)))
    assert lines(figure.axes[0], MEAN) == [[90, 80, 100]]
    assert figure.get_supylabel() == "accuracy on each task when it was learnt (%)"


def test_all_panels_share_an_axis_that_ends_below_the_lowest_line(made) -> None:
    cells = [hive(made, SEEN, SEEN), hive(made, SEEN - 0.4, SEEN - 0.4, label="b")]
    axes = agents_over_tasks(made.compared(*cells)).axes
    # The lowest average is 70 - 40 = 30 %, and 2 are left below it.
    assert {round(ax.get_ylim()[0], 6) for ax in axes} == {28.0}
    assert all(ax.get_ylim()[1] <= 103 for ax in axes)


def test_every_task_has_its_place_also_before_the_first_average(made) -> None:
    (ax,) = agents_over_tasks(made.compared(hive(made, SEEN, SEEN))).axes
    assert ax.get_xticks().tolist() == [1, 2, 3]
    assert ax.get_xlim() == (pytest.approx(1 - 0.12), pytest.approx(3 + 0.12))
    assert ax.get_xlabel() == "tasks learnt"


def test_the_key_tells_agents_from_their_mean(made) -> None:
    (legend,) = agents_over_tasks(made.compared(hive(made, SEEN, SEEN))).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "an agent, mean over seeds",
        "mean over seeds and agents, with its interval",
    ]


def test_a_long_stream_is_drawn_in_means(made) -> None:
    tasks = 120
    matrix = np.full((tasks + 1, tasks), 0.5)
    (ax,) = agents_over_tasks(made.compared(hive(made, matrix, matrix))).axes
    assert [len(line) for line in lines(ax, MEAN)] == [60]
    assert ax.get_xlabel() == "tasks learnt (means of 2 tasks)"


# ---------------------------------------------------------------------- matrices


def test_a_row_an_agent_a_column_a_task_at_the_end(made) -> None:
    figure = agent_matrices(made.compared(hive(made, SEEN, SEEN - 0.2)))
    ax = figure.axes[0]
    (image,) = ax.get_images()
    np.testing.assert_allclose(np.asarray(image.get_array()), [[50, 60, 100], [30, 40, 80]])
    assert image.get_clim() == (0, 100)
    assert (ticks(ax.xaxis), ticks(ax.yaxis)) == (["1", "2", "3"], ["0", "1"])
    assert [text.get_text() for text in ax.texts] == ["50", "60", "100", "30", "40", "80"]


def test_a_task_that_one_seed_lacks_is_empty(made) -> None:
    cell = hive(made, SEEN, SEEN)
    assert cell.accuracy is not None
    cell.accuracy[0, -1, 0] = NAN  # of agent 0 in the first seed
    (image,) = agent_matrices(made.compared(cell)).axes[0].get_images()
    drawn = np.ma.filled(image.get_array(), NAN)
    # Without it nothing is known of what that agent ended with.
    assert np.isnan(drawn[0]).all()
    np.testing.assert_allclose(drawn[1], [50, 60, 100])


@pytest.mark.parametrize(("agents", "numbered"), [(MAX_NUMBERED, True), (MAX_NUMBERED + 1, False)])
def test_numbers_are_written_where_there_is_room(made, agents: int, numbered: bool) -> None:
    ax = agent_matrices(made.compared(hive(made, *[SEEN] * agents))).axes[0]
    assert bool(ax.texts) is numbered


def test_agents_are_called_by_their_numbers(made) -> None:
    cell = hive(made, SEEN, SEEN, agent=np.tile([2, 7], 2))
    assert ticks(agent_matrices(made.compared(cell)).axes[0].yaxis) == ["2", "7"]


def test_blocks_of_a_long_stream_are_named_by_their_tasks(made) -> None:
    tasks = 100
    matrix = np.full((tasks + 1, tasks), 0.5)
    ax = agent_matrices(made.compared(hive(made, matrix, matrix))).axes[0]
    (image,) = ax.get_images()
    assert np.shape(image.get_array()) == (2, 50)
    names = ticks(ax.xaxis)
    assert (names[0], names[-1], len(names)) == ("1-2", "99-100", 8)


# ---------------------------------------------------------------------- which cells


@pytest.mark.parametrize("draw", [agents_over_tasks, agent_matrices])
def test_scenarios_are_named_where_there_are_several(made, draw) -> None:
    one = hive(made, SEEN, SEEN)
    both = [one, hive(made, SEEN, SEEN, scenario="swarm"), made.cell("alone", [0.5])]
    titles = [ax.get_title(loc="left") for ax in draw(made.compared(*both)).axes]
    assert [title for title in titles if title] == ["a\non hive", "a\non swarm"]
    assert draw(made.compared(one)).axes[0].get_title(loc="left") == "a"


@pytest.mark.parametrize("draw", [agents_over_tasks, agent_matrices])
def test_a_seed_whose_agents_did_not_all_finish_does_not_count(made, draw) -> None:
    status = np.array(["done", "failed"] * 2, dtype=object)
    comparison = made.compared(hive(made, SEEN, SEEN, member_status=status))
    with pytest.raises(UserError, match="no seed came to its end with all its agents"):
        draw(comparison)


def test_without_tests_at_the_end_there_is_no_matrix(made) -> None:
    fresh = np.where(np.eye(4, 3, k=-1) > 0, SEEN, NAN)
    with pytest.raises(UserError, match="no run was tested on all tasks after the last one"):
        agent_matrices(made.compared(hive(made, fresh, fresh)))


def test_without_any_test_there_is_no_line(made) -> None:
    untested = np.full((4, 3), NAN)
    untested[0] = 0.5
    with pytest.raises(UserError, match="no run was tested on the tasks that it learnt"):
        agents_over_tasks(made.compared(hive(made, untested, untested)))
