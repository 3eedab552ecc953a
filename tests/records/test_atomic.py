from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clbench.errors import OutputError
from clbench.records.atomic import DeferredErrorFile, atomic_file, atomic_write


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


# ---------------------------------------------------------------------- errors that come late


class Failing(io.FileIO):
    """A file whose writes fail from a byte on, and which writes little at once."""

    room = 5

    def write(self, data: Any) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data[: min(2, self.room)])
        self.room -= len(part)
        return super().write(part)


def test_a_writer_hears_of_no_error_and_the_first_one_is_raised_later(tmp_path: Path) -> None:
    """The second write after the first error raised `generator didn't yield`."""
    with Failing(tmp_path / "f", "w+") as file:
        deferred = DeferredErrorFile(file)
        assert deferred.write(b"abcd") == 4
        deferred.raise_error()
        assert deferred.write(b"efgh") == 4
        first = deferred.error
        assert deferred.write(b"ij") == 2
        with pytest.raises(OSError, match="No space left on device") as raised:
            deferred.raise_error()
        assert raised.value is first
    assert (tmp_path / "f").read_bytes() == b"abcde"


def test_what_was_written_may_be_read_and_cut_off(tmp_path: Path) -> None:
    with io.FileIO(tmp_path / "f", "w+") as file:
        deferred = DeferredErrorFile(file)
        deferred.write(memoryview(b"abcdef"))
        deferred.seek(2)
        buffer = bytearray(3)
        assert (deferred.readinto(buffer), bytes(buffer)) == (3, b"cde")
        assert deferred.truncate(2) == 2
        deferred.raise_error()
    assert (tmp_path / "f").read_bytes() == b"ab"


def break_off(path: Path, error: Exception, before: OSError | None = None) -> None:
    """Write a half of a file, after an error that the writer did not hear of."""
    with atomic_file(path) as file:
        file.write(b"half")
        file.error = before
        raise error


def test_an_error_of_the_writer_itself_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        break_off(path, ZeroDivisionError())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_of_the_disk_goes_before_what_followed_from_it(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError, match=r"r\.h5: the disk is full"):
        break_off(tmp_path / "r.h5", RuntimeError("HDF5 cannot close the file"), full)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "permission denied; choose another folder with --out"),
        (errno.EROFS, "the file system is read-only; choose another folder with --out"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_system_says_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OutputError) as raised:
        atomic_write(tmp_path / "r.h5", b"new")
    assert str(raised.value) == f"cannot write {tmp_path / 'r.h5'}: {said}"


def test_a_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.h5").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        atomic_write(tmp_path / "r.h5", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "r.h5"]
