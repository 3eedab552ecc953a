"""Plugin files: helpers beside them, one module for one content, and who is being loaded."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from clbench.errors import PluginError
from clbench.host import Host, import_watch, plugin_files

PLUGIN = """
from clbench import RecordMetric, hookimpl
import helper

class Spread(RecordMetric):
    def value(self, run):
        return helper.answer()

@hookimpl
def clbench_metrics():
    return [Spread]
"""

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A file of a project."""

    def make(name: str, body: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(body))
        return path

    return make


def bare(*files: Path) -> Host:
    return Host.load(files, entry_points=False)


def answer(host: Host, name: str = "spread") -> object:
    return host.get("metric", name)().value(None)


def test_a_plugin_imports_the_file_beside_it(write: Write) -> None:
    write("helper.py", "def answer(): return 1.0\n")
    assert answer(bare(write("mine.py", PLUGIN))) == 1.0
    assert "helper" not in sys.modules


def test_two_plugins_each_have_their_own_helper_of_one_name(write: Write) -> None:
    write("a/helper.py", "def answer(): return 1.0\n")
    write("b/helper.py", "def answer(): return 2.0\n")
    one = write("a/mine.py", PLUGIN)
    two = write("b/mine.py", PLUGIN.replace("Spread", "Width"))
    host = bare(one, two)
    assert (answer(host, "spread"), answer(host, "width")) == (1.0, 2.0)


def test_a_helper_is_imported_in_a_function_and_from_a_helper_too(write: Write) -> None:
    late = PLUGIN.replace("import helper\n", "").replace(
        "return helper", "import helper\n        return helper"
    )
    write("helper.py", "from tools.numbers import ONE\ndef answer(): return ONE\n")
    write("tools/numbers.py", "from . import base\nONE = base.ONE\n")
    write("tools/base.py", "ONE = 1.0\n")
    path = write("mine.py", late)
    assert answer(bare(path)) == 1.0
    assert sorted(plugin_files.own_sources(path)) == [
        "helper.py",
        "mine.py",
        "tools/base.py",
        "tools/numbers.py",
    ]


def test_a_helper_is_in_the_plugin_s_version(write: Write) -> None:
    helper, path = write("helper.py", "def answer(): return 1.0\n"), write("mine.py", PLUGIN)
    write("stranger.py", "x = 1\n")
    before = bare(path).version_of("metric", "spread")
    write("stranger.py", "x = 2\n")
    assert bare(path).version_of("metric", "spread") == before
    helper.write_text("def answer(): return 2.0\n")
    host = bare(path)
    assert host.version_of("metric", "spread") != before
    assert answer(host) == 2.0


def test_a_file_beside_a_plugin_never_stands_in_for_python_s_or_clbench_s_own(
    write: Write,
) -> None:
    write("clbench/__init__.py", "raise RuntimeError\n")
    write("random.py", "raise RuntimeError\n")
    write("numpy/README", "a checkout of something installed")
    path = write("mine.py", PLUGIN.replace("import helper", "import random, numpy as helper"))
    assert bare(path).names("metric") == ["spread"]
    assert list(plugin_files.own_sources(path)) == ["mine.py"]


def test_a_file_loaded_twice_is_one_module_until_it_is_edited(write: Write) -> None:
    write("helper.py", "def answer(): return 1.0\n")
    path = write("mine.py", PLUGIN)
    once = bare(path).get("metric", "spread")
    assert bare(path).get("metric", "spread") is once
    path.write_text(path.read_text() + "\n# edited\n")
    assert bare(path).get("metric", "spread") is not once


def test_an_error_in_a_helper_names_both_files(write: Write) -> None:
    helper = write("helper.py", "x = 1\n1 / 0\n")
    path = write("mine.py", PLUGIN)
    with pytest.raises(PluginError) as caught:
        bare(path)
    assert f"{path}, line 3, in {helper}, line 2: ZeroDivisionError" in str(caught.value)
    helper.write_text("def answer(: 1\n")
    with pytest.raises(PluginError, match=r"helper.py, line 1: SyntaxError"):
        bare(path)
    helper.write_text("def answer(): return 3.0\n")
    assert answer(bare(path)) == 3.0


def test_a_plugin_that_is_slow_to_import_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(import_watch, "PATIENCE", 0.05)
    write("helper.py", "import time; time.sleep(0.5)\ndef answer(): return 1.0\n")
    path = write("mine.py", PLUGIN)
    bare(path)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"still loading plugin {path}" in line
    bare(path)
    assert capsys.readouterr().err == ""
