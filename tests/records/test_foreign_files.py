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
from clbench.records import read_record, reading
from tests.records.cells import least


def test_the_least_is_enough(tmp_path: Path) -> None:
    record = read_record(least(tmp_path / "elsewhere.h5"))
    (cell,) = record.cells
    assert (record.suite, cell.key, cell.label, cell.status, cell.options) == (
        "elsewhere",
        "mine",
        "mine",
        "done",
        {},
    )
    assert cell.accuracy is not None
    assert cell.seed.tolist() == [0, 1]
    assert cell.accuracy[:, 0, 0].tolist() == [0.25, 0.5]
    assert cell.accuracy.dtype == np.float64


def test_accuracies_of_another_type_are_read(tmp_path: Path) -> None:
    for values in (
        np.zeros((2, 3, 2), bool),
        np.full((2, 3, 2), 0.5, ">f4"),
        np.full((2, 3, 2), 0.5, "f2"),
        np.full((2, 3, 2), np.nan),
    ):
        (cell,) = read_record(least(tmp_path / "r.h5", replaced("accuracy", values))).cells
        assert cell.accuracy is not None
        assert cell.accuracy.dtype == np.float64


def test_a_huge_attribute_is_read(tmp_path: Path) -> None:
    def huge(file: h5py.File) -> None:
        file["cells/mine"].attrs["note"] = "x" * 50_000
        file["cells/mine"].attrs["options"] = '{"a": "' + "x" * 50_000 + '"}'

    (cell,) = read_record(least(tmp_path / "r.h5", huge)).cells
    assert len(cell.options["a"]) == 50_000


def test_a_group_that_holds_itself_is_walked_once(tmp_path: Path) -> None:
    def circle(file: h5py.File) -> None:
        file["cells/mine/metrics/again"] = file["cells/mine"]

    assert len(read_record(least(tmp_path / "r.h5", circle)).cells) == 1


def stored(name: str, make: Callable[[h5py.Group], Any]) -> Callable[[h5py.File], None]:
    return lambda file: make(file["cells/mine"].require_group(name.rpartition("/")[0]))


def kept_elsewhere(group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((2, 3), "f8")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (2, 3))
    group.create_virtual_dataset("w", layout)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (kept_elsewhere, "keeps its values in another file"),
        (
            lambda group: group.create_dataset(
                "w", (2, 4), "f8", external=[("/etc/passwd", 0, 64)]
            ),
            "keeps its values in another file",
        ),
        (
            lambda group: group.create_dataset("w", data=np.zeros((1, 3))),
            "does not have a row a member",
        ),
        (lambda group: group.create_dataset("w", data=[b"a", b"b"]), "holds texts"),
        (lambda group: group.create_group("w"), "is not a dataset"),
        (
            lambda group: group.create_dataset("w", (2, 10**12), "f8", chunks=(1, 1000)),
            "the file does not hold them",
        ),
    ],
)
def test_weights_that_are_none_are_refused_when_they_are_asked_for(
    tmp_path: Path, make: Any, sentence: str
) -> None:
    results = clbench.load(least(tmp_path / "r.h5", stored("weights/2/w", make)))
    with pytest.raises(RecordError, match=sentence) as raised:
        results.weights("mine")
    assert "\n" not in str(raised.value)


def test_weights_of_another_library_are_read(tmp_path: Path) -> None:
    path = least(
        tmp_path / "r.h5",
        stored(
            "weights/2/w", lambda group: group.create_dataset("w", data=[[1.0, 2.0], [3.0, 4.0]])
        ),
    )
    np.testing.assert_array_equal(
        clbench.load(path).weights("mine")["w"], [[3, 4], [1, 2]]
    )  # sorted by seed, as everything is


def test_a_file_that_changed_since_is_not_read(tmp_path: Path) -> None:
    change = stored("weights/2/w", lambda group: group.create_dataset("w", data=np.zeros((2, 3))))
    results = clbench.load(least(tmp_path / "r.h5", change))
    least(tmp_path / "other.h5", change).rename(tmp_path / "r.h5")
    with pytest.raises(RecordError, match="has changed since it was opened; open it again"):
        results.weights("mine")


def test_a_large_record_is_checked_cell_by_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_AT_ONCE", 0)

    def two(file: h5py.File) -> None:
        file.copy("cells/mine", "cells/other")
        replaced("accuracy", np.full((2, 3, 2), 93.1))(file)

    bad, good = clbench.load(least(tmp_path / "r.h5", two)).cells
    assert (bad.key, bad.label) == ("mine", "mine")
    assert good.accuracy is not None
    for _ in range(2):
        with pytest.raises(RecordError, match=r"cells/mine: accuracy holds values outside 0\.\.1"):
            bad.members  # noqa: B018 - it is read now


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


def compound(file: h5py.File) -> None:
    file["cells/mine/metrics/x"] = np.zeros(2, dtype=[("a", "f8"), ("b", "i4")])


def twice(file: h5py.File) -> None:
    del file["cells/mine/accuracy"]
    entries = file.create_group("cells/mine/entries")
    entries["row"], entries["column"], entries["value"] = [1, 2, 1], [0, 1, 0], np.full((2, 3), 0.5)


BAD: dict[str, tuple[Callable[[h5py.File], Any], str]] = {
    "no version": (
        lambda file: file.attrs.__delitem__("schema_version"),
        "no attribute schema_version",
    ),
    "newer": (
        lambda file: file.attrs.__setitem__("schema_version", 3),
        "version 3, and this clbench reads versions 1 and 2; it was written by a newer",
    ),
    "version in words": (
        lambda file: file.attrs.__setitem__("schema_version", "one"),
        "schema version 'one'",
    ),
    "no strategy": (
        lambda file: file["cells/mine"].attrs.__delitem__("strategy"),
        "cells/mine has no attribute strategy",
    ),
    "no scenario": (
        lambda file: file["cells/mine"].attrs.__delitem__("scenario"),
        "cells/mine has no attribute scenario",
    ),
    "number for a name": (
        lambda file: file["cells/mine"].attrs.__setitem__("strategy", 3),
        "strategy is not a text",
    ),
    "control characters": (
        lambda file: file["cells/mine"].attrs.__setitem__("label", "\x1b[31m"),
        "control characters",
    ),
    "no seed": (lambda file: file.__delitem__("cells/mine/seed"), "cells/mine has no dataset seed"),
    "no accuracy": (
        lambda file: file.__delitem__("cells/mine/accuracy"),
        "neither accuracy nor entries",
    ),
    "half of the entries": (
        lambda file: file.__setitem__("cells/mine/entries/row", np.arange(2)),
        "no entries/column",
    ),
    "wrong shape": (replaced("accuracy", np.zeros((2, 2, 2))), r"accuracy has shape \[2, 2, 2\]"),
    "other members": (
        replaced("accuracy", np.zeros((3, 3, 2))),
        r"instead of \[2, tasks \+ 1, tasks\]",
    ),
    "percent": (replaced("accuracy", np.full((2, 3, 2), 93.1)), "fractions, not percent"),
    "a seed twice": (replaced("seed", np.array([4, 4])), r"seed 4 \(agent 0\) is there twice"),
    "half a seed": (replaced("seed", np.array([0.5, 1.0])), "not whole"),
    "no seed number": (replaced("seed", np.array([np.nan, 1.0])), "not whole"),
    "seeds in words": (replaced("seed", np.array([b"a", b"b"])), "does not hold numbers"),
    "unknown status": (
        lambda file: file.__setitem__("cells/mine/member_status", [b"done", b"fine"]),
        "holds 'fine'; known: done",
    ),
    "short curve": (
        lambda file: file.__setitem__("cells/mine/curves/x", np.zeros((1, 4))),
        "first dimension should be the 2 members",
    ),
    "options in words": (
        lambda file: file["cells/mine"].attrs.__setitem__("options", "none"),
        "options is not a JSON object",
    ),
    "a dataset for a cell": (
        lambda file: file.__setitem__("cells/other", 1.0),
        "cells/other is not a group",
    ),
    "a group for a dataset": (
        lambda file: file.create_group("cells/mine/loss"),
        "cells/mine/loss is not a dataset",
    ),
    "soft link": (
        lambda file: file.__setitem__("cells/mine/loss", h5py.SoftLink("/cells/mine/seed")),
        "link to somewhere else",
    ),
    "external link": (
        lambda file: file.__setitem__("cells/mine/loss", h5py.ExternalLink("secret.h5", "/x")),
        "link to somewhere else",
    ),
    "external cells": (
        lambda file: file.__setitem__("cells/other", h5py.ExternalLink("secret.h5", "/x")),
        "link to somewhere else",
    ),
    "virtual": (virtual, "keeps its values in another file"),
    "raw file": (raw, "keeps its values in another file"),
    "nothing behind it": (unstored, "the file does not hold them"),
    "pickled": (pickled, "neither numbers nor text"),
    "a record type": (compound, "neither numbers nor text"),
    "complex": (replaced("accuracy", np.zeros((2, 3, 2), complex)), "neither numbers nor text"),
    "accuracies in words": (
        replaced("accuracy", np.full((2, 3, 2), b"good")),
        "accuracy does not hold numbers",
    ),
    "an empty dataset": (
        replaced("accuracy", h5py.Empty("f8")),
        "accuracy holds nothing, not even a shape",
    ),
    "one accuracy": (replaced("accuracy", 0.5), "accuracy has shape \\[\\]"),
    "one seed": (replaced("seed", 3), "seed has 0 dimensions instead of one"),
    "numbers as texts": (replaced("seed", np.array([b"0", b"1"])), "seed does not hold numbers"),
    "too few agents": (lambda file: file.__setitem__("cells/mine/agent", [0]), "agent has shape"),
    "half a step": (
        lambda file: file.__setitem__("cells/mine/diverged_at", [0.5, 1]),
        "diverged_at holds numbers that are not whole",
    ),
    "infinite accuracy": (
        replaced("accuracy", np.full((2, 3, 2), np.inf)),
        "fractions, not percent",
    ),
    "negative accuracy": (replaced("accuracy", np.full((2, 3, 2), -0.5)), "outside 0..1"),
    "an entry twice": (twice, "entries name task 1 after 1 tasks twice"),
    "several labels": (
        lambda file: file["cells/mine"].attrs.__setitem__("label", ["a", "b"]),
        "label is neither a text nor a number",
    ),
    "a pointer for a label": (
        lambda file: file["cells/mine"].attrs.__setitem__("label", file["cells"].ref),
        "label is neither a text nor a number",
    ),
    "bytes that are no text": (
        lambda file: file["cells/mine"].attrs.__setitem__("label", np.bytes_(b"\xff\xfe")),
        "is damaged|control characters",
    ),
    "deep options": (
        lambda file: file["cells/mine"].attrs.create("options", "[" * 60_000),
        "not a JSON object|is damaged",
    ),
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


def test_a_name_that_holds_nothing_is_as_if_it_were_absent(tmp_path: Path) -> None:
    def nameless(file: h5py.File) -> None:
        file.attrs["suite"] = h5py.Empty("S1")
        file["cells/mine"].attrs["label"] = h5py.Empty("S1")

    record = read_record(least(tmp_path / "elsewhere.h5", nameless))
    assert (record.suite, record.cells[0].label) == ("elsewhere", "mine")
