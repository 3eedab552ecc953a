"""Where data is looked for, in which order, and where it is kept."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from clbench.data.roots import Root, destination, roots, search_roots, user_root, writable
from clbench.errors import UserError


def paths(root: Path | None = None) -> list[Path]:
    return [found.path for found in roots(root)]


def test_the_users_cache_is_always_looked_in(user_cache: Path) -> None:
    assert paths() == [user_cache]


def test_who_is_nearest_comes_first(
    user_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "variable"))
    asked = tmp_path / "option"
    assert paths(asked) == [asked, tmp_path / "variable", user_cache]
    assert [root.origin for root in roots(asked)] == ["--data", "$CLBENCH_DATA", "user cache"]


def test_an_empty_variable_is_none(user_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLBENCH_DATA", "")
    assert paths() == [user_cache]


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLBENCH_DATA", "~/data")
    assert paths(Path("~/mine"))[:2] == [Path.home() / "mine", Path.home() / "data"]


def test_without_a_variable_the_cache_lies_below_the_home_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_root().path == Path.home() / ".cache" / "clbench" / "data"


def test_a_folder_named_for_reading_has_to_be_there(user_cache: Path, tmp_path: Path) -> None:
    assert [root.path for root in search_roots(tmp_path)] == [tmp_path, user_cache]
    assert [root.path for root in search_roots(None)] == [user_cache]
    absent = tmp_path / "absent"
    with pytest.raises(UserError) as caught:
        search_roots(absent)
    assert str(caught.value) == f"--data {absent}: there is no such folder"


def test_a_root_says_who_named_it_and_keeps_own_files_apart(tmp_path: Path) -> None:
    root = Root(tmp_path, "--data")
    assert str(root) == f"{tmp_path} (--data)"
    assert root.folder == tmp_path / "clbench"


def test_what_is_not_there_yet_is_writable_where_it_can_be_made(tmp_path: Path) -> None:
    assert writable(tmp_path / "a" / "b" / "c")
    file = tmp_path / "file"
    file.touch()
    assert not writable(file / "below")


def test_a_folder_without_write_bits_is_left_alone_even_by_root(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert not writable(folder)
        assert not writable(folder / "below")
        with pytest.raises(UserError, match="name another folder with --data DIR"):
            destination(folder)
    finally:
        folder.chmod(stat.S_IRWXU)


def test_what_is_brought_goes_to_the_first_folder_that_somebody_named(
    user_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert destination(None).path == user_cache
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "variable"))
    assert destination(None).path == tmp_path / "variable"
    assert destination(tmp_path / "option").path == tmp_path / "option"
