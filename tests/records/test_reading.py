"""Which files are read as records, and what is said of those that are none."""

from __future__ import annotations

import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from clbench.errors import RecordError
from clbench.records import read_record, reading
from clbench.records.cell import CellOnDisk
from clbench.records.looks import Look, write_looks
from clbench.records.reading import looks_in
from tests.records.cells import least


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


def test_a_name_that_no_file_can_have_is_refused() -> None:
    """It was an internal error."""
    with pytest.raises(RecordError, match="x cannot be read: File name too long"):
        read_record(Path("x" * 300))


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


# ---------------------------------------------------------------------- what was meant


def test_a_suite_is_no_record_and_says_what_writes_one(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("name: demo\n")
    with pytest.raises(RecordError, match="is a suite, not a record; `clbench run` on it writes"):
        read_record(path)


def test_the_name_of_a_suite_that_was_run_leads_to_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("results", "demo", "demo.h5")
    path.parent.mkdir(parents=True)
    least(path)
    with pytest.raises(RecordError, match=r"demo: there is no such file; did you mean results/d"):
        read_record(Path("demo"))
    with pytest.raises(RecordError, match=r"demo is a folder; .*did you mean results/"):
        read_record(path.parent)


# ---------------------------------------------------------------------- the layout


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (3, "has schema version 3, and .* reads versions 1 and 2; it was written by a newer clbe"),
        (0, "has schema version 0, and this clbench reads versions 1 and 2$"),
        (1.5, "has schema version 1.5, and this clbench reads versions 1 and 2$"),
        ("2", "has schema version '2', and this clbench reads versions 1 and 2$"),
        (None, "is an HDF5 file, but no record: it has no attribute schema_version"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, version: object, said: str) -> None:
    def change(file: h5py.File) -> None:
        del file.attrs["schema_version"]
        if version is not None:
            file.attrs["schema_version"] = version

    with pytest.raises(RecordError, match=said):
        read_record(least(tmp_path / "r.h5", change))


@pytest.mark.parametrize("version", [2, 2.0, np.uint8(2)])
def test_the_version_may_be_any_number(tmp_path: Path, version: object) -> None:
    def change(file: h5py.File) -> None:
        file.attrs["schema_version"] = version

    assert read_record(least(tmp_path / "r.h5", change)).schema_version == 2


def test_cells_stand_where_the_suite_has_them_and_others_behind(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        for key, position in (("b", 7), ("d", None), ("c", 2), ("a", "first")):
            copy = file["cells"]
            file.copy(copy["mine"], copy, key)
            if position is not None:
                copy[key].attrs["position"] = position

    record = read_record(least(tmp_path / "r.h5", change))
    assert [cell.key for cell in record.cells] == ["c", "b", "a", "d", "mine"]


def test_cells_share_none_of_their_defaults(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        file.copy(file["cells/mine"], file["cells"], "other")

    one, other = read_record(least(tmp_path / "r.h5", change)).cells
    assert one.options == other.options == {}
    assert one.options is not other.options


# ---------------------------------------------------------------------- in two steps


def test_a_large_record_reads_each_cell_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "READ_AT_ONCE", 0)
    path = least(tmp_path / "r.h5", lambda file: file["cells/mine"].attrs.create("loss", 1))
    (late,) = read_record(path).cells
    assert isinstance(late, CellOnDisk)
    assert late.label == "mine"
    assert late.seed.tolist() == [0, 1]


def test_looks_are_read_alone(tmp_path: Path) -> None:
    look = Look("2026-11-01", {"mine": (0, 1)}, "forgetting", 0.05, "t")
    path = least(tmp_path / "r.h5", lambda file: write_looks(file, [look]))
    assert looks_in(path) == read_record(path).looks == (look,)
    path.write_bytes(b"seed,accuracy\n")
    with pytest.raises(RecordError, match="is not an HDF5 file"):
        looks_in(path)
