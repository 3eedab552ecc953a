from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clbench.errors import OutputError
from clbench.records.atomic import atomic_write


def test_it_replaces_the_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    atomic_write(path, b"old")
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_it_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to(tmp_path / "real.h5")
    atomic_write(tmp_path / "link.h5", b"new")
    assert (tmp_path / "real.h5").read_bytes() == b"new"
    assert (tmp_path / "link.h5").is_symlink()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "r.h5"
    atomic_write(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(
        OutputError, match=r"cannot write .*r\.h5: the disk is full; free some space"
    ):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from clbench.errors import OutputError
from clbench.records import CellRecord, write_record

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
cell = CellRecord("k", "s", "er", "er", np.arange(3), np.zeros((3, 41, 40)))
for room in (0, 3_000, 20_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        write_record(Path("r.h5"), [cell], suite="s", suite_text="", environment={})
    except OutputError as error:
        print(error)
"""


def test_a_disk_that_fills_while_a_record_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    """A limit on the size of files is the nearest thing to a full disk."""
    (tmp_path / "r.h5").write_bytes(b"old")
    answer = subprocess.run(
        [sys.executable, "-c", WRITER], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (
        answer.stdout.splitlines()
        == ["cannot write r.h5: the file would be larger than this system allows"] * 3
    )
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("r.h5", b"old")]


def test_an_interrupt_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_write(tmp_path / "r.h5", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="the folder does not exist"):
        atomic_write(tmp_path / "absent" / "r.h5", b"new")
