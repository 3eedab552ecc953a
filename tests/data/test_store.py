"""Data files: what is written is read again, and what is damaged is said to be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.data import store
from clbench.data.arrays import Arrays
from clbench.data.check import make_arrays


@pytest.fixture
def arrays() -> Arrays:
    x = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    y = np.array([0, 1, 2, 0, 1, 2])
    return make_arrays("tiny", (x, y, x[:3], y[:3]))


@pytest.fixture
def path(tmp_path: Path, arrays: Arrays) -> Path:
    file = tmp_path / "below" / "tiny.h5"
    store.write(file, arrays, "a stamp")
    return file


def test_what_was_written_is_read_again(path: Path, arrays: Arrays) -> None:
    found = store.read(path)
    for key in ("x_train", "y_train", "x_test", "y_test"):
        np.testing.assert_array_equal(getattr(found, key), getattr(arrays, key))
    kept = (found.name, found.classes, found.fingerprint, found.scale)
    assert kept == (arrays.name, arrays.classes, arrays.fingerprint, arrays.scale)


def test_the_header_says_what_a_file_holds(path: Path, arrays: Arrays) -> None:
    assert store.read_header(path) == store.Header(
        "tiny", 3, arrays.fingerprint, "a stamp", (2, 2, 1)
    )


def test_further_arrays_lie_beside_the_four(tmp_path: Path, arrays: Arrays) -> None:
    path = tmp_path / "tiny.h5"
    extra = {"names": np.array(["zoë", "y"]), "sizes": np.array([1, 2])}
    store.write(path, arrays, "", extra)
    with h5py.File(path) as file:
        assert [name.decode() for name in file["extra/names"][()]] == ["zoë", "y"]
        assert file["extra/sizes"][()].tolist() == [1, 2]
    store.read(path)


def test_a_file_is_written_over_the_old_one(path: Path, arrays: Arrays) -> None:
    store.write(path, arrays, "another stamp")
    assert store.read_header(path).stamp == "another stamp"
    assert [file.name for file in path.parent.iterdir()] == ["tiny.h5"]


def test_others_may_read_it(path: Path) -> None:
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o644


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    path: Path, arrays: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_fill", fails)
    with pytest.raises(KeyboardInterrupt):
        store.write(path, arrays, "another stamp")
    assert [file.name for file in path.parent.iterdir()] == ["tiny.h5"]
    assert store.read_header(path).stamp == "a stamp"


def test_a_changed_byte_is_damage(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["x_test"][0, 0, 0, 0] = 99
    with pytest.raises(store.Damaged, match="do not have the fingerprint they were stored with"):
        store.read(path)
    # The header is still what it was.
    assert store.read_header(path).name == "tiny"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def without_labels(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["y_train"]


def of_another_kind(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["numbers"] = [1, 2]


def without_a_name(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file.attrs["name"]


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (cut, "is damaged"),
        (without_labels, "is damaged"),
        (without_a_name, "is damaged"),
        (of_another_kind, "is not a data file of clbench"),
        (Path.unlink, "is damaged"),
    ],
)
def test_whatever_is_wrong_with_a_file_is_one_kind_of_error(path, spoil, sentence) -> None:
    spoil(path)
    with pytest.raises(store.Damaged, match=sentence):
        store.read(path)
