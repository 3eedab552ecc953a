"""Arrays as the engine has them, and where the images of each class are."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.data.arrays import Arrays, Positions

LABELS = np.array([2, 0, 2, 1, 0])


def arrays(labels: np.ndarray = LABELS) -> Arrays:
    """Images of 2 x 3 pixels and one channel; image k is filled with k + 1."""
    images = np.arange(1, len(labels) + 1, dtype=np.uint8)[:, None, None, None]
    x = np.broadcast_to(images, (len(labels), 2, 3, 1))
    return Arrays("tiny", x, labels, x[:2], labels[:2], classes=3, fingerprint="sha256:0")


def test_a_model_is_built_for_channels_height_and_width() -> None:
    assert arrays().input_shape == (1, 2, 3)


def test_a_border_is_of_zeros_and_lies_on_every_side() -> None:
    padded = arrays().padded(2)
    assert padded.x_train.shape == (5, 6, 7, 1)
    np.testing.assert_array_equal(padded.x_train[:, 2:4, 2:5], arrays().x_train)
    # What is not the image is 0: five images of 6 pixels filled with 1 to 5.
    assert padded.x_train.sum() == 6 * (1 + 2 + 3 + 4 + 5)
    assert padded.x_test.shape == (2, 6, 7, 1)


def test_a_border_changes_images_alone() -> None:
    before = arrays()
    padded = before.padded(1)
    assert padded.y_train is before.y_train
    assert padded.y_test is before.y_test
    kept = (padded.name, padded.classes, padded.fingerprint, padded.scale)
    assert kept == ("tiny", 3, "sha256:0", 255.0)


def test_without_a_border_they_are_the_same_arrays() -> None:
    before = arrays()
    assert before.padded(0) is before


def test_positions_of_a_class_ascend() -> None:
    positions = Positions(LABELS, 3)
    assert [of_class.tolist() for of_class in positions.of_class] == [[1, 4], [3], [0, 2]]
    assert positions.of_all.tolist() == [0, 1, 2, 3, 4]


def test_a_class_without_images_has_no_positions() -> None:
    positions = Positions(np.array([0, 3]), 5)
    assert [of_class.tolist() for of_class in positions.of_class] == [[0], [], [], [1], []]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([True, True, True], [0, 1, 2, 3, 4]),
        ([True, False, True], [0, 1, 2, 4]),
        ([False, True, False], [3]),
        ([False, False, False], []),
    ],
)
def test_positions_of_several_classes_are_in_one_order(
    chosen: list[bool], expected: list[int]
) -> None:
    found = Positions(LABELS, 3).of(np.array(chosen))
    assert found.tolist() == expected
    assert found.dtype == np.int64


def test_positions_are_shared_and_so_cannot_be_written() -> None:
    positions = Positions(LABELS, 3)
    for table in (positions.of_all, positions.of_class[0]):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 7


def test_training_and_test_images_have_positions_of_their_own() -> None:
    found = arrays()
    assert found.train_positions.of_class[2].tolist() == [0, 2]
    assert found.test_positions.of_class[2].tolist() == [0]
    # Looked for once.
    assert found.train_positions is found.train_positions
