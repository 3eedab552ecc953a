"""A record's folder is held by who writes to it."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from clbench.errors import OutputError, UserError
from clbench.records import holding
from clbench.records.holding import hold, refusing, require_posix


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(OutputError) as raised, hold(tmp_path):
        pass
    said = str(raised.value)
    assert said.startswith(f"{tmp_path} is held by another run (process {os.getpid()} on ")
    assert said.endswith("wait for it, or choose another folder with --out")


def test_who_holds_it_says_who_it_is_and_leaves_nothing(tmp_path: Path) -> None:
    with hold(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []
    with hold(tmp_path):
        pass


def test_a_run_that_breaks_off_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold(tmp_path):
        raise ZeroDivisionError
    with hold(tmp_path):
        assert (tmp_path / ".lock").exists()


@pytest.mark.parametrize("left", ["", "{", '{"pid": 3}', "[1]", '"text"', "3"])
def test_a_lock_that_nobody_holds_is_taken_over(tmp_path: Path, left: str) -> None:
    """Of a run that was killed; the text alone holds nothing."""
    (tmp_path / ".lock").write_text(left)
    with hold(tmp_path):
        assert json.loads((tmp_path / ".lock").read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("text", ["", "{", '{"pid": 3}', "[1]", "3"])
def test_a_holder_that_does_not_say_who_it_is(tmp_path: Path, text: str) -> None:
    with hold(tmp_path):
        (tmp_path / ".lock").write_text(text)
        with pytest.raises(OutputError, match="its process did not say who it is"), hold(tmp_path):
            pass


def test_other_folders_are_free(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with hold(tmp_path), hold(other):
        assert (other / ".lock").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = r"cannot write to .*none/.lock: No such file"
    with pytest.raises(OutputError, match=said), hold(tmp_path / "none"):
        pass


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EEXIST, "it is a file, not a folder"),
        (errno.ENOTDIR, "a part of it is a file, not a folder"),
        (errno.EACCES, os.strerror(errno.EACCES)),
    ],
)
def test_what_the_system_refuses_is_a_sentence(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(OutputError) as raised, refusing(tmp_path):
        raise OSError(number, os.strerror(number))
    advice = "choose another folder with --out"
    assert str(raised.value) == f"cannot write to {tmp_path}: {said}; {advice}"


def test_the_file_that_was_refused_is_named_rather_than_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write to there: "), refusing(tmp_path):
        raise OSError(errno.EACCES, "Permission denied", "there")


def test_where_files_cannot_be_locked_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    require_posix()
    monkeypatch.setattr(holding.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="clbench trains on Linux and macOS; on Windows, run it in"):
        require_posix()
