"""Which datasets of a stranger's file are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
import pytest

from clbench.records.datasets import is_text, refusal


@pytest.fixture
def file() -> Iterator[h5py.File]:
    with h5py.File("r.h5", "w", driver="core", backing_store=False) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["?", "i1", "u8", "f2", ">f8", "S3", h5py.string_dtype()])
def test_numbers_and_texts_are_read(file: h5py.File, kind: Any) -> None:
    item = file.create_dataset("a", (2,), dtype=kind)
    assert refusal(item.id) is None


def test_texts_are_told_from_numbers() -> None:
    assert is_text(np.dtype("S3"))
    assert is_text(h5py.string_dtype())
    assert not is_text(np.dtype("f4"))
    assert not is_text(np.dtype("V3"))


def empty(file: h5py.File) -> Any:
    return file.create_dataset("a", data=h5py.Empty("f4"))


def group(file: h5py.File) -> Any:
    return file.create_group("a")


def compound(file: h5py.File) -> Any:
    return file.create_dataset("a", (1,), [("x", "i4")])


def complex_numbers(file: h5py.File) -> Any:
    return file.create_dataset("a", (1,), "c8")


def references(file: h5py.File) -> Any:
    return file.create_dataset("a", (1,), h5py.ref_dtype)


def virtual(file: h5py.File) -> Any:
    layout = h5py.VirtualLayout((1,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (1,))
    return file.create_virtual_dataset("a", layout)


def raw(file: h5py.File) -> Any:
    return file.create_dataset("a", (1,), "f4", external=[("other.raw", 0, 4)])


NEITHER = "holds neither numbers nor text, and nothing else is read"
ELSEWHERE = "keeps its values in another file; a record holds its data itself"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (group, "is not a dataset"),
        (empty, "holds nothing, not even a shape"),
        (compound, NEITHER),
        (complex_numbers, NEITHER),
        (references, NEITHER),
        (virtual, ELSEWHERE),
        (raw, ELSEWHERE),
    ],
)
def test_other_things_are_refused(
    file: h5py.File, make: Callable[[h5py.File], Any], said: str
) -> None:
    assert refusal(make(file).id) == said


# ---------------------------------------------------------------------- what is really there

BIG = 1 << 24  # of eight bytes each: more than what is believed without looking


def test_a_size_that_nothing_stands_behind_is_refused(file: h5py.File) -> None:
    """It would fill the memory with zeros that nobody wrote."""
    item = file.create_dataset("a", (BIG,), "f8", chunks=(1024,))
    assert refusal(item.id) == f"claims {8 * BIG} bytes, and the file does not hold them"


def test_a_smaller_one_may_be_all_blank(file: h5py.File) -> None:
    assert refusal(file.create_dataset("a", (BIG // 4,), "f8", chunks=(1024,)).id) is None


def test_what_is_packed_well_is_believed(file: h5py.File) -> None:
    """A quarter of 128 MiB was written: it takes more than a thousandth of the whole."""
    item = file.create_dataset("a", (BIG,), "f8", chunks=(1 << 16,))
    item[: 1 << 18] = 1.0
    assert refusal(item.id) is None
