"""What a file imports, and which of that can be edited, read without importing anything."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clbench.host.imported import editable_file, editable_imports, imported_names

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A module of a folder on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, text: str = "") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return make


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ()),
        ("x = 1\n", ()),
        ("import a", ("a",)),
        ("import a.b as c, d", ("a.b", "d")),
        # What is taken from a module may be a module itself.
        ("from a import b, c", ("a", "a.b", "a.c")),
        ("from a.b import *", ("a.b", "a.b.*")),
        ("def f():\n    import late\n", ("late",)),
        ("try:\n    import a\nexcept ImportError:\n    import b\n", ("a", "b")),
        ("# import a\n'import b'\n", ()),
        ("import (", ()),
        ("\0", ()),
    ],
)
def test_every_name_that_a_file_imports_is_found(
    write: Write, text: str, names: tuple[str, ...]
) -> None:
    assert imported_names(write("mine.py", text), "mine", False) == names


@pytest.mark.parametrize(
    ("text", "of_module", "of_package"),
    [
        ("from . import x", ("lab.deep", "lab.deep.x"), ("lab.deep.mine", "lab.deep.mine.x")),
        (
            "from .a import x",
            ("lab.deep.a", "lab.deep.a.x"),
            ("lab.deep.mine.a", "lab.deep.mine.a.x"),
        ),
        ("from .. import x", ("lab", "lab.x"), ("lab.deep", "lab.deep.x")),
        ("from ..a import x", ("lab.a", "lab.a.x"), ("lab.deep.a", "lab.deep.a.x")),
    ],
)
def test_relative_names_are_counted_from_the_package(
    write: Write, text: str, of_module: tuple[str, ...], of_package: tuple[str, ...]
) -> None:
    path = write("mine.py", text)
    assert imported_names(path, "lab.deep.mine", False) == of_module
    assert imported_names(path, "lab.deep.mine", True) == of_package


def test_a_top_level_module_has_nothing_above_it(write: Write) -> None:
    assert imported_names(write("mine.py", "from . import x"), "mine", False) == ("x",)


def test_a_file_that_is_not_there_imports_nothing(tmp_path: Path) -> None:
    assert imported_names(tmp_path / "absent.py", "absent", False) == ()
    assert imported_names(tmp_path, "folder", True) == ()


def test_an_edited_file_is_read_anew(write: Write) -> None:
    path = write("mine.py", "import a")
    before = path.stat()
    assert imported_names(path, "mine", False) == ("a",)
    write("mine.py", "import b")
    # Of the same size, and a moment later.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert imported_names(path, "mine", False) == ("b",)


# ------------------------------------------------------------------ files


def test_a_module_of_a_folder_on_the_path_can_be_edited(write: Write) -> None:
    path = write("lab_numbers_of_a_test.py")
    assert editable_file("lab_numbers_of_a_test") == path.resolve()
    assert "lab_numbers_of_a_test" not in sys.modules


def test_a_module_of_a_package_is_found_without_importing_the_package(write: Write) -> None:
    raising = "raise RuntimeError('imported')\n"
    package = write("lab_package_of_a_test/__init__.py", raising)
    deep = write("lab_package_of_a_test/deep/base.py", raising)
    assert editable_file("lab_package_of_a_test") == package.resolve()
    # `deep` has no `__init__.py`: a namespace, and no file of its own.
    assert editable_file("lab_package_of_a_test.deep") is None
    assert editable_file("lab_package_of_a_test.deep.base") == deep.resolve()
    assert editable_file("lab_package_of_a_test.absent.base") is None


@pytest.mark.parametrize(
    "name",
    [
        "clbench",
        "clbench.host.host",  # what plugins build on is no plugin's source
        "torch",
        "numpy",
        "json.decoder",
        "sys",
        "pandas",  # installed: it has a version of its own
        "no_such_module_anywhere",
        "no_such_package.module",
        "",
    ],
)
def test_what_is_installed_built_in_or_absent_cannot_be_edited(name: str) -> None:
    assert editable_file(name) is None


def test_a_folder_called_site_packages_holds_what_is_installed(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("site-packages/installed_of_a_test.py")
    monkeypatch.syspath_prepend(str(path.parent))
    assert editable_file("installed_of_a_test") is None


def test_a_compiled_module_cannot_be_edited(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("compiled_of_a_test.so")
    monkeypatch.setitem(sys.modules, "compiled_of_a_test", json)
    monkeypatch.setattr(json, "__file__", str(path))
    assert editable_file("compiled_of_a_test") is None


# ------------------------------------------------------------------ all that a file imports


def test_imports_are_followed_and_circles_end(write: Write) -> None:
    mine = write("start_of_a_test.py", "import one_of_a_test, json, absent_of_a_test\n")
    one = write("one_of_a_test.py", "import two_of_a_test\n")
    two = write("two_of_a_test.py", "import one_of_a_test, start_of_a_test\n")
    assert editable_imports(mine, "start_of_a_test") == {
        "one_of_a_test": one.resolve(),
        "two_of_a_test": two.resolve(),
    }


def test_importing_a_module_of_a_package_executes_the_packages_above_it(write: Write) -> None:
    mine = write("start_of_a_test.py", "import pack_of_a_test.deep.base\n")
    files = {
        "pack_of_a_test": write("pack_of_a_test/__init__.py", "from . import beside\n"),
        "pack_of_a_test.beside": write("pack_of_a_test/beside.py"),
        "pack_of_a_test.deep": write("pack_of_a_test/deep/__init__.py"),
        "pack_of_a_test.deep.base": write("pack_of_a_test/deep/base.py"),
    }
    write("pack_of_a_test/deep/stranger.py")
    found = editable_imports(mine, "start_of_a_test")
    assert found == {name: path.resolve() for name, path in files.items()}


def test_a_file_that_imports_nothing_of_one_s_own_has_no_more_files(write: Write) -> None:
    assert editable_imports(write("start_of_a_test.py", "import json, numpy\n"), "start") == {}
