from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import clbench
from clbench.errors import RecordError
from clbench.records import read_record


def least(path: Path, change: Callable[[h5py.File], Any] = lambda file: None) -> Path:
    """The least that is a record, as anybody may write it, and then a change to it."""
    with h5py.File(path, "w") as file:
        file.attrs["schema_version"] = 1
        cell = file.create_group("cells/mine")
        cell.attrs["scenario"] = "split"
        cell.attrs["strategy"] = "mine"
        cell["seed"] = np.array([1.0, 0.0])
        cell["accuracy"] = np.stack([np.full((3, 2), 0.5), np.full((3, 2), 0.25)]).astype("f4")
        change(file)
    return path


def test_the_least_is_enough(tmp_path: Path) -> None:
    record = read_record(least(tmp_path / "elsewhere.h5"))
    (cell,) = record.cells
    assert (record.suite, cell.key, cell.label, cell.status, cell.options) == ("elsewhere", "mine", "mine", "done", {})
    assert cell.accuracy is not None
    assert cell.seed.tolist() == [0, 1]
    assert cell.accuracy[:, 0, 0].tolist() == [0.25, 0.5]
    assert cell.accuracy.dtype == np.float64


def test_extra_things_are_left_alone(tmp_path: Path) -> None:
    def more(file: h5py.File) -> None:
        file["cells/mine/notes"] = "mine"
        file["elsewhere/too"] = np.zeros(3)

    assert len(read_record(least(tmp_path / "r.h5", more)).cells) == 1


def test_texts_of_fixed_length_are_read(tmp_path: Path) -> None:
    def fixed(file: h5py.File) -> None:
        file["cells/mine"].attrs["label"] = np.array([b"my label"])
        file["cells/mine/member_status"] = np.array([b"done", b"diverged"])

    (cell,) = read_record(least(tmp_path / "r.h5", fixed)).cells
    assert cell.member_status is not None
    assert (cell.label, cell.member_status.tolist()) == ("my label", ["diverged", "done"])


def replaced(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[f"cells/mine/{name}"]
        file[f"cells/mine/{name}"] = value

    return change


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2,), "f8")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (2,))
    file["cells/mine"].create_virtual_dataset("diverged_at", layout)


def raw(file: h5py.File) -> None:
    file["cells/mine"].create_dataset("diverged_at", (2,), "i8", external=[("/etc/passwd", 0, 16)])


def unstored(file: h5py.File) -> None:
    file["cells/mine"].create_dataset("curves/huge", (2, 10**12), "f8", chunks=(1, 1000))


def pickled(file: h5py.File) -> None:
    file["cells/mine/metrics/x"] = np.array([np.void(pickle.dumps({"a": 1}))] * 2)


def referring(file: h5py.File) -> None:
    file["cells/mine/metrics/x"] = np.array([file["cells"].ref] * 2, dtype=h5py.ref_dtype)


BAD: dict[str, tuple[Callable[[h5py.File], Any], str]] = {
    "no version": (lambda file: file.attrs.__delitem__("schema_version"), "no attribute schema_version"),
    "newer": (
        lambda file: file.attrs.__setitem__("schema_version", 2),
        "version 2, and this clbench reads version 1; it was written by a newer",
    ),
    "version in words": (lambda file: file.attrs.__setitem__("schema_version", "one"), "schema version 'one'"),
    "no strategy": (lambda file: file["cells/mine"].attrs.__delitem__("strategy"), "cells/mine has no attribute strategy"),
    "no scenario": (lambda file: file["cells/mine"].attrs.__delitem__("scenario"), "cells/mine has no attribute scenario"),
    "number for a name": (lambda file: file["cells/mine"].attrs.__setitem__("strategy", 3), "strategy is not a text"),
    "control characters": (lambda file: file["cells/mine"].attrs.__setitem__("label", "\x1b[31m"), "control characters"),
    "no seed": (lambda file: file.__delitem__("cells/mine/seed"), "cells/mine has no dataset seed"),
    "no accuracy": (lambda file: file.__delitem__("cells/mine/accuracy"), "neither accuracy nor entries"),
    "half of the entries": (lambda file: file.__setitem__("cells/mine/entries/row", np.arange(2)), "no entries/column"),
    "wrong shape": (replaced("accuracy", np.zeros((2, 2, 2))), r"accuracy has shape \[2, 2, 2\]"),
    "other members": (replaced("accuracy", np.zeros((3, 3, 2))), r"instead of \[2, tasks \+ 1, tasks\]"),
    "percent": (replaced("accuracy", np.full((2, 3, 2), 93.1)), "fractions, not percent"),
    "a seed twice": (replaced("seed", np.array([4, 4])), r"seed 4 \(agent 0\) is there twice"),
    "half a seed": (replaced("seed", np.array([0.5, 1.0])), "not whole"),
    "no seed number": (replaced("seed", np.array([np.nan, 1.0])), "not whole"),
    "seeds in words": (replaced("seed", np.array([b"a", b"b"])), "does not hold numbers"),
    "unknown status": (lambda file: file.__setitem__("cells/mine/member_status", [b"done", b"fine"]), "holds 'fine'; known: done"),
    "short curve": (lambda file: file.__setitem__("cells/mine/curves/x", np.zeros((1, 4))), "first dimension should be the 2 members"),
    "options in words": (lambda file: file["cells/mine"].attrs.__setitem__("options", "none"), "options is not a JSON object"),
    "a dataset for a cell": (lambda file: file.__setitem__("cells/other", 1.0), "cells/other is not a group"),
    "a group for a dataset": (lambda file: file.create_group("cells/mine/loss"), "cells/mine/loss is not a dataset"),
    "soft link": (lambda file: file.__setitem__("cells/mine/loss", h5py.SoftLink("/cells/mine/seed")), "link to somewhere else"),
    "external link": (lambda file: file.__setitem__("cells/mine/loss", h5py.ExternalLink("secret.h5", "/x")), "link to somewhere else"),
    "external cells": (lambda file: file.__setitem__("cells/other", h5py.ExternalLink("secret.h5", "/x")), "link to somewhere else"),
    "virtual": (virtual, "keeps its values in another file"),
    "raw file": (raw, "keeps its values in another file"),
    "nothing behind it": (unstored, "the file does not hold them"),
    "pickled": (pickled, "neither numbers nor text"),
    "references": (referring, "neither numbers nor text"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, name: str) -> None:
    change, sentence = BAD[name]
    path = least(tmp_path / "r.h5", change)
    with pytest.raises(RecordError, match=sentence) as raised:
        clbench.load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\x89HD", "is not an HDF5 file"),
        (b"seed,accuracy\n0,0.5\n", "is not an HDF5 file"),
        (pickle.dumps({"a": 1}), "is not an HDF5 file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "r.h5"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=sentence):
        read_record(path)


def test_absent_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no such file"):
        read_record(tmp_path / "r.h5")
    with pytest.raises(RecordError, match="is a folder"):
        read_record(tmp_path)


@pytest.mark.parametrize("part", [0.01, 0.2, 0.5, 0.9, 0.99])
def test_a_truncated_record_is_refused(tmp_path: Path, part: float) -> None:
    path = least(tmp_path / "r.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(RecordError, match="is truncated"):
        read_record(path)


def test_flipped_bytes_end_in_a_record_error_or_a_record(tmp_path: Path) -> None:
    whole = least(tmp_path / "r.h5").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            damaged[place] = rng.integers(256)
        (tmp_path / "d.h5").write_bytes(damaged)
        try:
            read_record(tmp_path / "d.h5")
        except RecordError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
