"""Cells leave a record while nobody else writes to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clbench.errors import ClbenchError, RecordError
from clbench.execution.dropping import drop_from
from clbench.records import RecordFile, read_record, write_file
from clbench.records.holding import hold

from .plans import a_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """One cell that the suite asks for, and one that is kept apart."""
    apart = replace(a_record([3]), key="key-old", label="old", apart="nobody asks for it")
    path = tmp_path / "r.h5"
    write_file(path, RecordFile(1, "tiny", "", {}, [a_record([0, 1])], (), [apart]))
    return path


def test_without_names_everything_that_is_kept_apart_goes(path: Path) -> None:
    assert drop_from(path, []) == ("split, old: 1 seed",)
    record = read_record(path)
    assert ([cell.label for cell in record.cells], record.apart) == (["er"], [])


@pytest.mark.parametrize("name", ["old", "key-old"])
def test_a_cell_goes_by_label_or_key(path: Path, name: str) -> None:
    assert drop_from(path, [name]) == ("split, old: 1 seed",)


def test_what_the_suite_asks_for_goes_by_force_alone(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ClbenchError, match="--force"):
        drop_from(path, ["er"])
    assert path.read_bytes() == before
    assert drop_from(path, ["er"], force=True) == ("split, er: 2 seeds",)
    assert read_record(path).cells == []


def test_where_nothing_is_kept_apart_nothing_is_written(path: Path) -> None:
    drop_from(path, [])
    before = path.stat().st_mtime_ns
    assert drop_from(path, []) == ()
    assert path.stat().st_mtime_ns == before


def test_a_name_that_is_not_there_is_told_and_drops_nothing(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ClbenchError, match="odl"):
        drop_from(path, ["old", "odl"])
    assert path.read_bytes() == before


def test_a_record_that_is_not_there_is_told_before_a_folder_is_held(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"absent\.h5: there is no such file"):
        drop_from(tmp_path / "absent.h5", [])
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_a_run_holds_is_left_alone(path: Path) -> None:
    with hold(path.parent), pytest.raises(ClbenchError, match="held by another run"):
        drop_from(path, [])
    assert len(read_record(path).apart) == 1
