"""What a session defines, and how it is told from one state to the next."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import clbench
from clbench.errors import PluginError
from clbench.host import Host, session_source

RATE = 0.1


def helper() -> float:
    return RATE


def defined(body: str, **around: Any) -> Any:
    """A class as a cell defines it: of a module that nobody can import, with these globals."""
    names: dict[str, Any] = {"__name__": "a_session", "clbench": clbench, **around}
    source = f"class Mine(clbench.RecordMetric):\n    size: int = 3\n{body}"
    file = f"<cell {hash((body, *around))}>"
    import linecache

    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    return names["Mine"]


VALUE = "    def value(self, run):\n        return {}\n"


def version(body: str, **around: Any) -> str:
    return session_source.version_of(defined(body, **around))


def test_a_version_follows_the_source_and_what_it_uses_by_name() -> None:
    first = version(VALUE.format("RATE"), RATE=0.1, other=1)
    assert first.startswith("sha256:")
    assert version(VALUE.format("RATE"), RATE=0.1, other=2) == first
    assert version(VALUE.format("RATE"), RATE=0.2) != first
    assert version(VALUE.format("2 * RATE"), RATE=0.1) != first


def test_a_version_follows_defaults_attributes_and_cached_properties() -> None:
    default = "    def value(self, run, rate=RATE):\n        return rate\n"
    attribute = "    rate = RATE\n" + VALUE.format("self.rate")
    cached = "    @cached\n    def rate(self):\n        return RATE\n" + VALUE.format("self.rate")
    for body in (default, attribute, cached):
        one, two = (version(body, RATE=rate, cached=cached_property) for rate in (1, 2))
        assert one.startswith("sha256:")
        assert one != two


def test_what_lies_in_a_module_of_one_s_own_counts_with_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own_numbers.py"
    own.write_text("RATE = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_numbers

    body = VALUE.format("own_numbers.RATE")
    before = version(body, own_numbers=own_numbers)
    assert version(body, own_numbers=own_numbers) == before
    own.write_text("RATE = 2\n")
    assert version(body, own_numbers=own_numbers) != before


def test_a_value_that_is_no_constant_has_no_version() -> None:
    assert version(VALUE.format("box"), box=object()) == session_source.UNKNOWN
    reason = session_source.unreadable(defined(VALUE.format("box"), box=object()))
    assert reason == "it uses box, of type object"


def test_a_class_with_nothing_but_options_has_a_version() -> None:
    nothing = type("Mine", (clbench.Strategy,), {"__module__": "a_session"})
    assert session_source.version_of(nothing).startswith("sha256:")


def test_a_given_class_with_a_mistake_is_an_error() -> None:
    wrong = defined("    rate: float\n")
    with pytest.raises(PluginError, match=r"Mine: .*'rate' has no default"):
        Host.load([wrong], entry_points=False)


def test_what_is_no_plugin_is_said(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="plugin 3 is of type int; give the path of a file"):
        Host.load([3], entry_points=False)  # type: ignore[list-item]


def test_an_importable_class_has_the_version_of_its_module() -> None:
    from clbench_plugins.naive import Naive

    host = Host.load([Naive], entry_points=False)
    installed = Host.load(only="strategy")
    assert host.session_plugins == ()
    assert host.version_of("strategy", "naive") == installed.version_of("strategy", "naive")
    assert host.versions()["Naive"].endswith(host.version_of("strategy", "naive"))
