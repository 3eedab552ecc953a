"""A folder with one file a class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.data import room
from clbench.data.class_arrays import class_files, read_class_arrays
from clbench.errors import UserError

SHAPE = (2, 5, 3)  # height, width, channels
TRAIN, TEST = 3, 2  # images a class


def images(label: int, *, channels_first: bool = False) -> np.ndarray:
    """Of one class: image k is filled with 10 * label + k."""
    numbers = 10 * label + np.arange(TRAIN + TEST, dtype=np.uint8)
    whole = np.broadcast_to(numbers[:, None, None, None], (TRAIN + TEST, *SHAPE))
    return whole.transpose(0, 3, 1, 2) if channels_first else whole


def folder(path: Path, classes: int = 2, **how: bool) -> Path:
    for label in range(classes):
        np.save(path / f"{label}.npy", images(label, **how))
    return path


def read(path: Path, **changed: Any) -> tuple[np.ndarray, ...]:
    given = {"classes": 2, "shape": SHAPE, "train": TRAIN, "test": TEST}
    return read_class_arrays(path, **{**given, **changed})


def refused(path: Path, **changed: Any) -> str:
    with pytest.raises(UserError) as caught:
        read(path, **changed)
    return str(caught.value)


@pytest.mark.parametrize("channels_first", [False, True])
def test_the_first_images_of_each_class_are_for_training(
    tmp_path: Path, channels_first: bool
) -> None:
    found = read(folder(tmp_path, channels_first=channels_first))
    x_train, y_train, x_test, y_test = found
    assert x_train.shape == (2 * TRAIN, *SHAPE)
    assert x_train[:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert y_train.tolist() == [0, 0, 0, 1, 1, 1]
    assert x_test[:, 1, 4, 2].tolist() == [3, 4, 13, 14]
    assert y_test.tolist() == [0, 0, 1, 1]


def test_classes_are_files_counted_from_0(tmp_path: Path) -> None:
    assert class_files(tmp_path, 3) == [tmp_path / f"{label}.npy" for label in range(3)]


@pytest.mark.parametrize(
    ("classes", "lacking"),
    [
        (3, "lacks 2.npy; it must hold 0.npy to 2.npy"),
        (5, "lacks 2.npy, 3.npy, 4.npy; it must"),
        (7, "lacks 2.npy, 3.npy, 4.npy and 2 more; it must"),
    ],
)
def test_absent_classes_are_named_the_first_three_of_them(
    tmp_path: Path, classes: int, lacking: str
) -> None:
    assert lacking in refused(folder(tmp_path), classes=classes)


@pytest.mark.parametrize(
    "wrong",
    [
        images(1).astype(np.int16),
        images(1)[:-1],
        images(1).transpose(0, 2, 1, 3),  # height and width exchanged
        images(1)[..., 0],
    ],
    ids=["type", "count", "sides", "channels"],
)
def test_a_class_of_another_kind_is_one_sentence(tmp_path: Path, wrong: np.ndarray) -> None:
    np.save(folder(tmp_path) / "1.npy", wrong)
    said = refused(tmp_path)
    assert f"1.npy is {wrong.dtype} {list(wrong.shape)}; a class is uint8 [5, 2, 5, 3]" in said


def test_what_is_no_array_is_not_unpickled(tmp_path: Path) -> None:
    np.save(folder(tmp_path) / "1.npy", np.array([{}], dtype=object))
    assert "1.npy cannot be read as an .npy file of a plain array" in refused(tmp_path)
    (tmp_path / "1.npy").write_text("text")
    assert "1.npy cannot be read as an .npy file of a plain array" in refused(tmp_path)


def test_room_is_asked_for_before_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 2 classes of 5 images of 30 bytes.
    monkeypatch.setattr(room, "memory_size", lambda: 299)
    assert "GB of memory" in refused(folder(tmp_path))
    monkeypatch.setattr(room, "memory_size", lambda: 300)
    read(tmp_path)
