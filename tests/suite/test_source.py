"""Where a suite comes from: a file, a packaged suite's name or a mapping."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import SuiteError, UserError
from clbench.host import Host
from clbench.suite import load_suite, packaged_suites, read_suite
from clbench.suite.yaml import parse
from tests.suite.conftest import Loader
from tests.suite.texts import load_suite_text, with_lines


def test_a_name_that_no_file_can_have_is_no_suite(host: Host) -> None:
    """It was an internal error."""
    with pytest.raises(UserError, match="no suite 'xxx"):
        load_suite("x" * 300, host)


def test_a_suite_that_is_not_there_is_said(host: Host, tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match="no suite 'nowhere': neither a file here nor a suite that comes with clbench",
    ):
        load_suite("nowhere", host)
    with pytest.raises(UserError, match="is a folder"):
        load_suite(tmp_path, host)
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="is not a text file"):
        load_suite(binary, host)


def test_packaged_suites_are_found_by_name() -> None:
    assert "split_digits" in packaged_suites()
    host = Host.load()
    for name in packaged_suites():
        suite = load_suite(name, host)
        assert suite.name
        assert suite.warnings == ()
        assert suite.cells
        assert load_suite(f"{name}.yaml", host).text == suite.text
        assert load_suite(name, host, smoke=True).cells


def test_a_mapping_is_a_suite(host: Host) -> None:
    keys: dict[str, Any] = {
        "name": "digits",
        "scenarios": ({"split": {"dataset": "digits"}},),
        "seeds": range(2),
        "strategies": [{"er": {"label": "1e-3"}}],
    }
    suite = load_suite(keys, host)
    assert (suite.file, suite.seeds, suite.cells[0].label) == ("<dict>", (0, 1), "1e-3")
    assert load_suite_text(suite, host) == suite.cells
    with pytest.raises(SuiteError, match=r"<dict>:\d+: seeds: "):
        load_suite({**keys, "seeds": "x"}, host)


def test_plugins_are_relative_to_the_suite(host: Host, tmp_path: Path, load: Loader) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("mine.py", "sub/other.py"):
        (tmp_path / name).touch()
    suite = load(with_lines(plugins="plugins: [mine.py, sub/other.py]"))
    assert suite.plugins == (tmp_path / "mine.py", tmp_path / "sub" / "other.py")
    assert read_suite(tmp_path / "suite.yaml").plugin_files() == list(suite.plugins)
    assert read_suite({"plugins": ["mine.py"]}).plugin_files() == [Path("mine.py")]
    assert read_suite({"plugins": 3}).plugin_files() == []
    changed = read_suite({"plugins": ["mine.py"]}, ["plugins=[other.py]"])
    assert changed.plugin_files() == [Path("other.py")]


# ---------------------------------------------------------------------- other kinds of files


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("r.h5", r"r.h5 is a record, and no suite: `clbench show .*r.h5` shows it"),
        ("m.py", r"m.py is Python, and no suite: name a suite, and this file with --plugin .*m.py"),
    ],
)
def test_what_is_often_named_instead_is_refused_with_what_to_type(
    tmp_path: Path, name: str, said: str
) -> None:
    path = tmp_path / name
    path.write_text("")
    with pytest.raises(UserError, match=said):
        read_suite(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be keys with values .*, not an empty file"),
        ("# only a comment\n", "not an empty file"),
        ("- a\n- b\n", r"must be keys with values \(name, scenarios, strategies, seeds, ...\)$"),
        ("a: [1\n", "cannot be read: "),
    ],
)
def test_a_file_without_keys_is_no_suite(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(SuiteError) as raised:
        read_suite(path)
    [problem] = raised.value.problems
    assert re.search(said, problem.message)


# ---------------------------------------------------------------------- its text


def test_the_text_is_the_files_own_unless_something_was_changed(tmp_path: Path) -> None:
    text = "name: demo  # a comment\nseeds: 3\n"
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    parsed = read_suite(path)
    assert parsed.text_of(parsed.data) == text
    changed = {**parsed.data, "seeds": 5}
    assert parse(parsed.text_of(changed)).data == changed


def test_what_python_callers_give_is_made_plain() -> None:
    source = {"seeds": np.arange(2), "of": (1, range(2)), "plugins": [Path("a.py")]}
    parsed = read_suite(source)
    assert parsed.data == {"seeds": [0, 1], "of": [1, [0, 1]], "plugins": ["a.py"]}
    assert (parsed.file, parsed.folder) == ("<dict>", Path())


def test_a_change_that_leads_nowhere_is_kept_as_a_problem(tmp_path: Path) -> None:
    parsed = read_suite({"seeds": 3}, ["seeds.a=1", "name=x"])
    assert parsed.data == {"seeds": 3, "name": "x"}
    [problem] = parsed.problems().found
    assert problem.path == "seeds.a"
    assert parsed.changed == (("name",),)
