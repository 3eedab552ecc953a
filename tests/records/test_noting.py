"""Looks are noted in the records that were looked at, wherever that can be done safely."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from clbench.records import RecordFile, read_record, write_file
from clbench.records.holding import hold
from clbench.records.looks import Look
from clbench.records.noting import look_at, note_looks
from tests.records.cells import cell, record

LOOK = Look("2026-11-01T10:00:00+00:00", {"k": (0, 1)}, "forgetting", 0.05, "t")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_file(tmp_path / "r.h5", record(cell(0, 1), environment={"python": "3"}))
    return tmp_path / "r.h5"


def test_a_look_is_taken_now_at_the_seeds_of_its_cells() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    look = look_at([cell(1, 0), cell(4, key="j")], "forgetting", 0.01, "t")
    assert before <= datetime.fromisoformat(look.when) <= datetime.now(UTC)
    assert look.cells == {"k": (0, 1), "j": (4,)}
    assert (look.metric, look.alpha, look.test, look.rule) == ("forgetting", 0.01, "t", {})


def test_a_look_is_noted_in_the_record_that_was_looked_at(path: Path) -> None:
    assert note_looks(path, read_record(path), [LOOK]) is None
    assert read_record(path).looks == (LOOK,)


def test_a_look_that_is_known_leaves_the_file_as_it_is(path: Path) -> None:
    note_looks(path, read_record(path), [LOOK])
    before = path.read_bytes()
    again = replace(LOOK, when="2027")
    path.chmod(0o444)
    assert note_looks(path, read_record(path), [again]) is None
    assert note_looks(path, read_record(path), []) is None
    assert path.read_bytes() == before


def test_what_somebody_noted_meanwhile_stays(path: Path) -> None:
    read = read_record(path)
    other = replace(LOOK, metric="accuracy")
    note_looks(path, read, [other])
    note_looks(path, read, [LOOK])
    assert read_record(path).looks == (other, LOOK)


# ---------------------------------------------------------------------- left alone


def said(path: Path, known: RecordFile) -> str:
    before = path.read_bytes() if path.exists() else b""
    line = note_looks(path, known, [LOOK])
    assert line is not None
    assert line.startswith(f"{path}: this look at its seeds is not noted in it (")
    assert (path.read_bytes() if path.exists() else b"") == before
    return line


def test_a_file_that_is_read_only_is_left_alone(path: Path) -> None:
    path.chmod(0o444)
    assert "(it is read-only)" in said(path, read_record(path))


def test_a_file_of_another_library_is_left_alone(path: Path) -> None:
    write_file(path, record(cell(0, 1)))  # it does not say where it was made
    assert "(clbench did not write it)" in said(path, read_record(path))


def test_a_folder_that_a_run_holds_is_left_alone(path: Path) -> None:
    known = read_record(path)
    with hold(path.parent):
        assert "is held by another run" in said(path, known)


def test_a_file_that_is_gone_is_no_error(path: Path) -> None:
    known = read_record(path)
    path.unlink()
    assert "No such file" in said(path, known)
