"""What becomes arrays, and the one sentence about what does not."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from clbench.data import Dataset
from clbench.data.check import fingerprint_arrays, make_arrays
from clbench.errors import UserError


class Three(Dataset):
    """Three classes of grey images of 2 x 2 pixels that go to 16."""

    classes = 3
    shape = (2, 2, 1)
    scale: ClassVar[float] = 16.0


def four(**changed: Any) -> tuple[Any, ...]:
    """Six training and three test images of 2 x 2 pixels, of three classes."""
    parts = {
        "x_train": np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": np.zeros((3, 2, 2), dtype=np.uint8),
        "y_test": np.array([0, 1, 2]),
    }
    return tuple({**parts, **changed}.values())


def refused(*given: Any) -> str:
    with pytest.raises(UserError) as caught:
        make_arrays("tiny", *given)
    return str(caught.value)


def test_grey_images_get_a_channel_and_labels_become_int64() -> None:
    found = make_arrays("tiny", four(y_train=np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)))
    assert found.x_train.shape == (6, 2, 2, 1)
    assert found.y_train.dtype == np.int64
    assert (found.name, found.classes, found.scale) == ("tiny", 3, 255.0)


def test_lists_are_taken_too() -> None:
    labels = [0, 1, 2, 0, 1, 2]
    assert make_arrays("tiny", four(y_train=labels)).y_train.tolist() == labels


def test_a_declared_data_set_says_classes_and_scale() -> None:
    found = make_arrays("tiny", four(y_train=np.zeros(6, int), y_test=np.zeros(3, int)), Three())
    assert (found.classes, found.scale) == (3, 16.0)


def test_the_fingerprint_is_that_of_the_checked_arrays() -> None:
    found = make_arrays("tiny", four())
    parts = (found.x_train, found.y_train, found.x_test, found.y_test)
    assert found.fingerprint == fingerprint_arrays(*parts)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"x_train": np.zeros((6, 2, 2))}, "x_train must be uint8, not float64"),
        ({"x_test": np.zeros((3, 4), np.uint8)}, "it is [3, 4]"),
        ({"x_test": np.zeros((0, 2, 2), np.uint8)}, "x_test is empty"),
        ({"x_train": np.zeros((6, 3, 8, 8), np.uint8)}, "looks like [N, C, H, W]"),
        (
            {"x_test": np.zeros((3, 2, 3), np.uint8)},
            "images of x_train are 2x2x1, those of x_test 2x3x1; they must be of one size",
        ),
        ({"y_train": np.zeros((6, 1), int)}, "y_train must be a row of integers"),
        ({"y_test": np.array([0.0, 1.0, 2.0])}, "it is float64 [3]"),
        ({"y_test": np.array([0, 1])}, "y_test has 2 labels for 3 images"),
        ({"y_train": np.array([0, 1, 2, 0, 1, -1])}, "y_train has a negative label, -1"),
        (
            {"y_test": np.array([0, 1, 4])},
            "labels go up to 4, but y_train has none of class 3; count them from 0 without a gap",
        ),
        ({"y_train": np.array([1, 1, 2, 2, 1, 2])}, "y_train has none of class 0"),
    ],
)
def test_wrong_arrays_are_one_sentence(changed: dict[str, Any], sentence: str) -> None:
    said = refused(four(**changed))
    assert said.startswith("data set 'tiny': ")
    assert sentence in said


def test_images_of_three_rows_are_no_channels() -> None:
    # [N, 3, W, C] with few channels is an image of three rows.
    x = {"x_train": np.zeros((6, 3, 8, 1), np.uint8), "x_test": np.zeros((3, 3, 8, 1), np.uint8)}
    assert make_arrays("tiny", four(**x)).input_shape == (1, 3, 8)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"y_test": np.array([0, 1, 3])}, "there is a label 3, but 'tiny' has the classes 0..2"),
        (
            {
                "x_train": np.zeros((6, 4, 4), np.uint8),
                "x_test": np.zeros((3, 4, 4), np.uint8),
            },
            "images are 4x4x1, but 'tiny' has 2x2x1",
        ),
    ],
)
def test_what_differs_from_the_declaration_is_said(changed: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(four(**changed), Three())


def test_a_fingerprint_tells_values_shapes_and_types_apart() -> None:
    x = np.arange(6, dtype=np.uint8)
    different = [
        fingerprint_arrays(x),
        fingerprint_arrays(x[::-1]),
        fingerprint_arrays(x.reshape(2, 3)),
        fingerprint_arrays(x.reshape(3, 2)),
        fingerprint_arrays(x.astype(np.int8)),
        fingerprint_arrays(x[:3], x[3:]),
    ]
    assert len(set(different)) == len(different)


def test_a_fingerprint_does_not_see_how_arrays_lie_in_memory() -> None:
    x = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert fingerprint_arrays(np.asfortranarray(x)) == fingerprint_arrays(x)
