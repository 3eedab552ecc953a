"""Critical-difference diagrams as they are drawn: names, lines, bars and the ruler."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from clbench.errors import UserError
from clbench.report.figures_ranks import (
    FIRST_BAR,
    MAX_TICKS,
    RULER,
    critical_difference_diagram,
)


def titles(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def names(ax: Axes) -> dict[str, float]:
    """The names with their ranks, and at which end of the line each stands."""
    found = [text for text in ax.texts if isinstance(text, Annotation)]
    return {text.get_text(): float(text.xy[0]) for text in found}


def words(ax: Axes) -> list[str]:
    """What is written beside the names."""
    return [text.get_text() for text in ax.texts if not isinstance(text, Annotation)]


def bars(ax: Axes) -> list[list[float]]:
    """The ranks that each thick line joins."""
    thick = [line for line in ax.lines if line.get_linewidth() == 2.5]
    return [np.asarray(line.get_xdata()).tolist() for line in thick]


def test_the_better_half_stands_on_the_left(made) -> None:
    (ax,) = critical_difference_diagram(made.compared(*made.three())).axes
    assert names(ax) == {"good  1.00": 1.0, "middle  2.00": 1.0, "3.00  poor": 3.0}
    assert ax.get_xlim() == (1, 3)


def test_best_and_worst_stand_on_top(made) -> None:
    cells = made.cells({f"m{k}": made.draw(0.9 - k / 10, 8, k) for k in range(4)})
    (ax,) = critical_difference_diagram(made.compared(*cells)).axes
    depth = {text.get_text()[-2:]: text.xy[1] for text in ax.texts if isinstance(text, Annotation)}
    left = [text for text in names(ax) if text.startswith("m")]
    assert [text.split()[0] for text in left] == ["m0", "m1"]
    # The axis runs downward: m2 lies below m3, which is the worst.
    assert depth["m2"] > depth["m3"]
    low, high = ax.get_ylim()
    assert low > high


def test_the_title_says_over_what_ranks_are_averaged(made) -> None:
    one = made.compared(*made.three("one"))
    assert titles(critical_difference_diagram(one)) == [
        "average_accuracy on one: average ranks over seeds"
    ]
    both = made.compared(*made.three("one"), *made.three("two"))
    assert titles(critical_difference_diagram(both)) == [
        "average_accuracy: average ranks over 2 scenarios"
    ]


def test_who_cannot_be_told_apart_is_joined(made) -> None:
    same = made.draw(0.8, 12, 1)
    cells = made.cells({"one": same, "twin": same, "far": made.draw(0.4, 12, 2)})
    (ax,) = critical_difference_diagram(made.compared(*cells)).axes
    assert bars(ax) == [[1.5, 1.5]]
    (bar,) = [line for line in ax.lines if line.get_linewidth() == 2.5]
    assert set(np.asarray(bar.get_ydata())) == {FIRST_BAR}


def test_a_critical_difference_is_drawn_as_a_length(made) -> None:
    comparison = made.compared(*made.three("one"), *made.three("two"), tests="ranks")
    (ax,) = critical_difference_diagram(comparison).axes
    (ruler,) = [line for line in ax.lines if np.all(np.asarray(line.get_ydata()) == RULER)]
    # It is 2.34, and the line of three ranks is 2 long.
    assert np.asarray(ruler.get_xdata()).tolist() == [1, 3]
    assert "critical difference 2.34 (more than the line is long)" in words(ax)


def test_where_pairs_were_tested_one_by_one_there_is_no_ruler(made) -> None:
    (ax,) = critical_difference_diagram(made.compared(*made.three())).axes
    assert not any("critical" in text for text in words(ax))


@pytest.mark.parametrize("count", [2, MAX_TICKS, MAX_TICKS + 1])
def test_ticks_are_thinned_out_where_there_are_many(made, count: int) -> None:
    cells = made.cells({f"m{k}": made.draw(0.9 - k / 50, 4, k) for k in range(count)})
    (ax,) = critical_difference_diagram(made.compared(*cells)).axes
    ticks = [int(text) for text in words(ax)]
    step = 1 if count <= MAX_TICKS else 2
    assert ticks == list(range(1, count + 1, step))


def test_a_figure_grows_with_its_names(made) -> None:
    short = critical_difference_diagram(made.compared(*made.three()))
    values = made.draw(0.5, 12, 5)
    longer = critical_difference_diagram(
        made.compared(*made.three(), made.cell("a_very_long_name", values))
    )
    assert (longer.get_size_inches() > short.get_size_inches()).all()


def test_one_strategy_alone_has_no_ranks(made) -> None:
    with pytest.raises(UserError, match="needs two strategies with seeds in common"):
        critical_difference_diagram(made.compared(made.cell("a", [0.5, 0.6])))
