"""What the size of the test set means for a difference that is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.records import Results
from clbench.records.reading import read_record
from clbench.report.findings import SharedTestSet
from clbench.report.population import shared_test_sets, words_on_test_set
from clbench.stats.proportions import sampling_error
from tests.report.built import comparison_of, pair_of, rules_of, runs_of, scenarios_of


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


# ---------------------------------------------------------------------- by hand


def shared(made: Any, *pairs: Any, images: int = 100, **changes: Any) -> list[SharedTestSet]:
    """Of two strategies at 90 and 85 %, in cells that say so many images."""
    runs = [runs_of("a", [0.9] * 3), runs_of("b", [0.85] * 3)]
    cells = made.cells({"a": [0.9] * 3, "b": [0.85] * 3})
    for cell in cells:
        cell.test_images = images
    tested = comparison_of(scenarios_of(*runs), pairs, cells=cells, rules=rules_of(**changes))
    return list(shared_test_sets(tested))


def test_the_error_is_that_of_an_accuracy_between_the_two(made: Any) -> None:
    (found,) = shared(made, pair_of(difference=0.05))
    assert (found.scenario, found.images, found.difference) == ("split", 100, 0.05)
    assert found.accuracy == pytest.approx(0.875)
    # Half of Wilson's interval, which is about 1.96 sqrt(0.875 x 0.125 / 100) = 0.065.
    assert (
        found.error == pytest.approx(sampling_error(0.875, 100)) == pytest.approx(0.065, abs=2e-3)
    )
    assert found.images_apart == pytest.approx(5)


def test_the_smallest_proven_difference_decides(made: Any) -> None:
    pairs = (pair_of(difference=-0.03, better=-1), pair_of(difference=0.05))
    assert [one.difference for one in shared(made, *pairs)] == [0.03]
    # What is not shown is no proven difference.
    assert [one.difference for one in shared(made, pairs[1], pair_of(difference=0.01, p=0.5))] == [
        0.05
    ]


@pytest.mark.parametrize(
    "pair",
    [
        pair_of(difference=0.07),  # above the error
        pair_of(difference=0.05, p=0.2),
        pair_of(difference=float("nan")),  # all runs of one failed
        pair_of(difference=0.0),
    ],
)
def test_other_differences_say_nothing_of_the_test_set(made: Any, pair: Any) -> None:
    assert shared(made, pair) == []


def test_a_stricter_level_has_a_larger_error(made: Any) -> None:
    pair = pair_of(difference=0.07, p=0.001)
    assert shared(made, pair) == []
    assert len(shared(made, pair, alpha=0.01)) == 1


@pytest.mark.parametrize(
    ("difference", "images", "words"),
    [
        (0.008, 357, "0.8 points, is about 3 images:"),  # 2.856
        (0.01, 100, "1.0 points, is about 1 image:"),
        (0.004, 100, "0.4 points, is less than 1 image:"),
        (0.016, 100, "1.6 points, is about 2 images:"),
    ],
)
def test_a_difference_is_told_in_images(difference: float, images: int, words: str) -> None:
    told = words_on_test_set(SharedTestSet("split", images, 0.02, 0.9, difference))
    assert told.startswith(
        f"split: the test set has {images} images, the same in all runs; at 90.0 % its sampling"
        f" error is ±2.0 points, and the smallest difference that is shown, {words} shown for"
    )
