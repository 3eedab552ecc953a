"""Attributes and datasets of a stranger's file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records.hdf5 import Source

SOURCE = Source(Path("r.h5"))


@pytest.fixture
def file() -> Iterator[h5py.File]:
    with h5py.File("r.h5", "w", driver="core", backing_store=False) as opened:
        yield opened


# ---------------------------------------------------------------------- attributes


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("a text with é", "a text with é"),
        (b"of a fixed length", "of a fixed length"),
        (np.array([b"one"]), "one"),
        ("", ""),
        (3, 3),
        (0.5, 0.5),
        (True, True),
        (np.array([[7]]), 7),
        (np.uint8(200), 200),
    ],
)
def test_an_attribute_is_a_text_or_a_number(file: h5py.File, written: Any, read: Any) -> None:
    file.attrs["a"] = written
    assert SOURCE.attribute(file.id, "a") == read


@pytest.mark.parametrize("kind", ["S1", "i4", "f8"])
def test_an_attribute_that_holds_nothing_is_as_if_it_were_absent(
    file: h5py.File, kind: str
) -> None:
    """Such as netCDF's library makes of an empty text; the file was said to be damaged."""
    file.attrs["a"] = h5py.Empty(kind)
    assert SOURCE.attribute(file.id, "a") is None
    assert SOURCE.attribute(file.id, "b") is None
    assert SOURCE.text(file.id, "a", "as usual") == "as usual"
    assert SOURCE.json(file.id, "a", {"as": "usual"}) == {"as": "usual"}


@pytest.mark.parametrize(
    "written",
    [
        [1, 2],
        np.array([b"a", b"b"]),
        np.array([], "f8"),
        1j,
        np.void(b"bytes"),
        np.zeros(1, [("a", "i4")]),
    ],
)
def test_anything_else_is_refused(file: h5py.File, written: Any) -> None:
    file.attrs["a"] = written
    said = "r.h5: the attribute a is neither a text nor a number"
    with pytest.raises(RecordError, match=said):
        SOURCE.attribute(file.id, "a")


def test_a_number_is_no_text(file: h5py.File) -> None:
    file.attrs["a"] = 3
    with pytest.raises(RecordError, match="the attribute a is not a text"):
        SOURCE.text(file.id, "a")


# ---------------------------------------------------------------------- JSON


@pytest.mark.parametrize(
    ("text", "default", "value"),
    [
        ('{"é": [1, null]}', {}, {"é": [1, None]}),
        ("[1, {}]", [], [1, {}]),
        ("12", 0, 12),
        ("", {"as": "usual"}, {"as": "usual"}),
    ],
)
def test_plain_data_is_read(file: h5py.File, text: str, default: Any, value: Any) -> None:
    file.attrs["a"] = text
    assert SOURCE.json(file.id, "a", default) == value


@pytest.mark.parametrize(
    ("text", "default", "kind"),
    [
        ("[]", {}, "object"),
        ("{}", [], "list"),
        ("{", {}, "object"),
        ("null", {}, "object"),
        ("1.5", 0, "number"),
        ("'a'", [], "list"),
    ],
)
def test_what_is_no_such_data_is_refused(
    file: h5py.File, text: str, default: Any, kind: str
) -> None:
    file.attrs["a"] = text
    with pytest.raises(RecordError, match=f"r.h5: the attribute a is not a JSON {kind}"):
        SOURCE.json(file.id, "a", default)


# ---------------------------------------------------------------------- datasets


@pytest.mark.parametrize(
    "values",
    [np.arange(6).reshape(2, 3), np.zeros((0, 4)), np.array(2.5), np.array([True, False])],
)
def test_numbers_are_read_as_they_are(file: h5py.File, values: np.ndarray) -> None:
    file["cell/a"] = values
    found = SOURCE.array("cells/k", file["cell"].id, "a")
    np.testing.assert_array_equal(found, values)
    assert found.shape == values.shape


@pytest.mark.parametrize("kind", [h5py.string_dtype(), "S6"])
def test_texts_are_pythons(file: h5py.File, kind: Any) -> None:
    file.create_dataset("a", data=np.array([["done", "é".encode()]], dtype="S6"), dtype=kind)
    found = SOURCE.values("cells/k/a", file["a"].id)
    assert (found.dtype, found.tolist()) == (np.dtype(object), [["done", "é"]])


def test_what_is_refused_is_named_with_its_path(file: h5py.File) -> None:
    file.create_group("a")
    with pytest.raises(RecordError, match="cells/k/a is not a dataset"):
        SOURCE.values("cells/k/a", file["a"].id)
