"""What the size of the test set means for a difference that is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.records import Results
from clbench.records.reading import read_record
from clbench.report.findings import SharedTestSet
from clbench.stats.proportions import sampling_error


def close(made: Any, images: int, gap: float = 0.008, **changes: Any) -> list[Any]:
    """Two strategies of which one is ahead by the gap in every one of twelve seeds."""
    worse = made.draw(0.9, 12, 1)
    better = worse + gap + made.draw(0, 12, 2) / 100
    cells = made.cells({"a": worse, "b": better}, **changes)
    for cell in cells:
        cell.test_images = images
    return cells


def found_in(comparison: Any) -> list[SharedTestSet]:
    return [one for one in comparison.findings if isinstance(one, SharedTestSet)]


def test_a_shown_difference_of_three_images_is_said_to_be_one(made: Any) -> None:
    comparison = made.compared(*close(made, 357))
    (found,) = found_in(comparison)
    assert (found.scenario, found.images, round(found.images_apart)) == ("split", 357, 3)
    assert found.error == pytest.approx(sampling_error(found.accuracy, 357))
    (line,) = (line for line in comparison.text if "the test set has" in line)
    assert line.startswith("split: the test set has 357 images, the same in all runs; at 90.")
    assert "the smallest difference that is shown, 0.8 points, is about 3 images:" in line


@pytest.mark.parametrize(
    ("images", "gap", "metric"),
    [
        (0, 0.008, "average_accuracy"),  # nobody said
        (100_000, 0.008, "average_accuracy"),  # enough of them
        (357, 0.06, "average_accuracy"),  # far enough apart
        (357, 0.0, "average_accuracy"),  # nothing is shown
        (357, 0.008, "learning_accuracy"),  # no mean over the whole test set
    ],
)
def test_elsewhere_nothing_is_said(made: Any, images: int, gap: float, metric: str) -> None:
    assert not found_in(made.compared(*close(made, images, gap), metric=metric))


def test_a_strategy_whose_images_nobody_knows_is_not_said_to_share_them(made: Any) -> None:
    cells = close(made, 357)
    cells[0].test_images = 0
    assert not found_in(made.compared(*cells))


def test_scenarios_have_a_sentence_each(made: Any) -> None:
    cells = [*close(made, 357, scenario="one"), *close(made, 300, scenario="two")]
    assert [one.images for one in found_in(made.compared(*cells))] == [357, 300]


def test_a_record_keeps_the_number_and_old_ones_have_none(made: Any, tmp_path: Any) -> None:
    path = made.save(tmp_path / "r.h5", *close(made, 357))
    assert [cell.test_images for cell in read_record(path).cells] == [357, 357]
    old = made.save(tmp_path / "old.h5", *close(made, 0))
    assert {cell.test_images for cell in Results(read_record(old)).cells} == {0}
    assert np.isfinite(made.compared(*close(made, 0)).pairs[0].p)
