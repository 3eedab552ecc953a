"""What an .npz file claims to hold, read from headers alone."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from clbench.data.npz import npz_sizes


def npy(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """The bytes of an .npy file."""
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def packed(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in members.items():
            archive.writestr(f"{name}.npy", held)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ValueError, match=r"^x ") as caught:
        npz_sizes(path)
    return str(caught.value)


def test_sizes_are_those_of_the_arrays_in_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=np.zeros((3, 4), np.uint8), y=np.zeros(5, np.int64))
    assert npz_sizes(path) == {"x": 12, "y": 40}


def test_an_array_of_one_number_and_one_without_any(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, one=np.float32(1.0), none=np.zeros((0, 7)))
    assert npz_sizes(path) == {"one": 4, "none": 0}


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(tmp_path: Path, version: tuple[int, int]) -> None:
    path = packed(tmp_path / "a.npz", x=npy(np.zeros(6, np.int16), version))
    assert npz_sizes(path) == {"x": 12}


def test_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.array([{}], dtype=object))
    assert refused(path) == "x holds pickled objects, which are never opened"


def test_what_is_no_array_is_named(tmp_path: Path) -> None:
    assert refused(packed(tmp_path / "a.npz", x=b"text")).startswith("x is no array (")


def test_a_header_that_claims_more_than_there_is_is_told_in_words(tmp_path: Path) -> None:
    # The header of 2.5 GB before the bytes of none.
    file = io.BytesIO()
    claim = {"descr": "|u1", "fortran_order": False, "shape": (50, 50_000_000)}
    np.lib.format.write_array_header_1_0(file, claim)
    path = packed(tmp_path / "a.npz", x=file.getvalue())
    assert refused(path) == "x claims 2.5 GB, but there are 0 bytes of it"


def test_bytes_behind_the_array_are_refused_too(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", x=npy(np.zeros(1500, np.uint8)) + b"more")
    assert refused(path) == "x claims 1.5 kB, but there are 1.5 kB of it"
