"""From files and entry points to plugin objects: what is found, and how a fault is told."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from clbench import hookimpl, hookspecs
from clbench.errors import PluginError
from clbench.host.loading import (
    Loaded,
    PluginInfo,
    implemented_hooks,
    load_entry_points,
    load_file,
    sentence,
    source_of,
)

from .conftest import METRIC, Install, WriteFile


def loaded(plugin: Any) -> Loaded:
    return Loaded(PluginInfo("mine", None, None, "mine.py"), plugin)


# ------------------------------------------------------------------ sentences


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no luck"), "ValueError: no luck"),
        (ValueError("over\n  several\tlines"), "ValueError: over several lines"),
        (ValueError(), "ValueError"),
        (ValueError("  \n "), "ValueError"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyError("name"), "KeyError: 'name'"),
        (SyntaxError("invalid syntax", ("a.py", 3, 1, "x")), "SyntaxError: invalid syntax"),
    ],
)
def test_an_error_is_one_line(error: BaseException, said: str) -> None:
    assert sentence(error) == said


@pytest.mark.parametrize(
    ("package", "version", "shown"),
    [("lab", "2.1", "'mine' (lab 2.1)"), (None, None, "/a/mine.py"), ("", "", "/a/mine.py")],
)
def test_a_plugin_is_shown_by_its_package_or_its_file(
    package: str | None, version: str | None, shown: str
) -> None:
    assert PluginInfo("mine", package, version, "/a/mine.py").shown == shown


# ------------------------------------------------------------------ hooks


def test_hooks_of_a_module_are_named_in_order() -> None:
    module = ModuleType("mine")
    vars(module)["clbench_strategies"] = hookimpl(lambda: [])
    vars(module)["clbench_metrics"] = hookimpl(lambda: [])
    vars(module)["unmarked"] = lambda: []
    assert implemented_hooks(loaded(module)) == ("clbench_metrics", "clbench_strategies")


def test_a_hook_may_have_a_function_of_another_name() -> None:
    plugin = SimpleNamespace(more=hookimpl(specname="clbench_metrics")(lambda: []))
    assert implemented_hooks(loaded(plugin)) == ("clbench_metrics",)


def test_a_plugin_without_hooks_has_none() -> None:
    assert implemented_hooks(loaded(ModuleType("empty"))) == ()


def test_a_specification_that_is_imported_is_no_implementation() -> None:
    module = ModuleType("mine")
    vars(module)["clbench_metrics"] = hookspecs.clbench_metrics
    assert implemented_hooks(loaded(module)) == ()


def test_a_value_called_like_a_hook_is_no_function_to_mark() -> None:
    assert implemented_hooks(loaded(SimpleNamespace(clbench_metrics=3))) == ()


@pytest.mark.parametrize(
    ("name", "function", "said"),
    [
        (
            "clbench_metric",
            hookimpl(lambda: []),
            "unknown hook 'clbench_metric' in plugin mine.py;"
            " did you mean 'clbench_metrics' or 'clbench_models'?",
        ),
        (
            "clbench_metrics",
            lambda: [],
            "clbench_metrics in plugin mine.py is not marked; write @hookimpl above it",
        ),
        (
            "clbench_metrics",
            hookimpl(lambda host: []),
            "hook clbench_metrics in plugin mine.py asks for 'host';"
            " it is called without arguments",
        ),
        (
            "clbench_suite_started",
            hookimpl(lambda event, more: None),
            "hook clbench_suite_started in plugin mine.py asks for 'more'; it may ask for 'event'",
        ),
    ],
)
def test_a_hook_that_cannot_be_called_is_an_error(name: str, function: Any, said: str) -> None:
    with pytest.raises(PluginError) as caught:
        implemented_hooks(loaded(SimpleNamespace(**{name: function})))
    assert str(caught.value) == said


def test_an_argument_with_a_default_is_the_author_s_own() -> None:
    plugin = SimpleNamespace(clbench_metrics=hookimpl(lambda cache={}: []))
    assert implemented_hooks(loaded(plugin)) == ("clbench_metrics",)


# ------------------------------------------------------------------ files


def test_a_file_is_called_by_its_stem_and_lies_where_it_lies(write: WriteFile) -> None:
    path = write("mine.py", METRIC)
    found = load_file(path.parent / "." / "mine.py")
    assert (found.info.name, found.info.package, found.info.origin) == ("mine", None, str(path))
    assert found.plugin.Spread.__name__ == "Spread"
    assert source_of(found.plugin) is found.plugin


def test_a_home_folder_may_be_written_as_a_tilde(
    write: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("mine.py", METRIC)
    monkeypatch.setenv("HOME", str(path.parent))
    assert load_file(Path("~/mine.py")).info.origin == str(path)


def test_the_line_of_a_fault_is_the_deepest_of_the_file(write: WriteFile) -> None:
    # Two lines of imports stand above: the call is in line 6, and what fails in line 4.
    path = write("mine.py", "def fail():\n    return 1 / 0\n\nfail()\n")
    with pytest.raises(PluginError, match=r"mine\.py, line 4: ZeroDivisionError"):
        load_file(path)


def test_a_fault_without_a_line_of_the_file_names_the_file(write: WriteFile) -> None:
    path = write("mine.py", "")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PluginError, match=r"plugin file .*mine\.py: ") as caught:
        load_file(path)
    assert ", line" not in str(caught.value)


def test_an_instance_lives_in_the_module_of_its_class() -> None:
    class Plugin:
        """Of this test."""

    assert source_of(Plugin()) is sys.modules[__name__]
    Plugin.__module__ = "nowhere"
    assert source_of(Plugin()) is None


# ------------------------------------------------------------------ entry points


def test_entry_points_come_by_package_and_then_by_name(install: Install) -> None:
    install("second_pkg", METRIC)
    install("first_pkg", METRIC, points="two = first_pkg\none = first_pkg")
    names = [found.info.name for found in load_entry_points()]
    assert names == ["one", "two", "second_pkg"]


def test_what_does_not_load_is_there_with_its_error(install: Install) -> None:
    install("broken_pkg", "1 / 0", version="2.1")
    (found,) = load_entry_points()
    assert found.plugin is None
    assert found.info.error == "ZeroDivisionError: division by zero"
    assert found.info.shown == "'broken_pkg' (broken_pkg 2.1)"


def test_a_module_that_is_not_there_is_an_error_and_not_left_out(install: Install) -> None:
    install("here_pkg", METRIC, points="gone = here_pkg_gone")
    (found,) = load_entry_points(["clbench_metrics"])
    assert "ModuleNotFoundError" in str(found.info.error)


def test_a_class_is_made_into_a_plugin(install: Install) -> None:
    install("class_pkg", "class Plugin:\n    pass\n", points="one = class_pkg:Plugin")
    (found,) = load_entry_points(["clbench_metrics"])
    assert type(found.plugin).__name__ == "Plugin"


def test_an_entry_point_of_no_package_is_shown_by_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = metadata.EntryPoint("mine", "json", hookspecs.GROUP)
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    (found,) = load_entry_points()
    assert found.distribution is None
    assert found.info.shown == "'mine' (json of unknown version)"


def test_ctrl_c_stays_ctrl_c(install: Install) -> None:
    install("stopped_pkg", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        list(load_entry_points())
