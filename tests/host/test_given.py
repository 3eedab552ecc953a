"""What a session defines, and how it is told from one state to the next."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import clbench
from clbench.errors import PluginError
from clbench.host import Host, PluginReference, as_plugins, session_source
from clbench.host.given import load_given

RATE = 0.1


class Enumerated(Enum):
    """A class that is iterable by its metaclass."""

    ONE = 1


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


# ------------------------------------------------------------------ what may be handed over


@pytest.mark.parametrize(
    ("given", "several"),
    [
        ("a.py", ["a.py"]),
        (Path("a.py"), [Path("a.py")]),
        (["a.py", "b.py"], ["a.py", "b.py"]),
        ((), []),
        (Enumerated, [Enumerated]),
        (helper, [helper]),
        ([Enumerated, "a.py"], [Enumerated, "a.py"]),
    ],
)
def test_one_plugin_is_a_list_of_one(given: Any, several: list[Any]) -> None:
    assert as_plugins(given) == several


def test_an_importable_thing_is_found_again_by_its_reference() -> None:
    from clbench_plugins.naive import Naive

    given = load_given(Naive)
    assert given.is_item
    assert given.reference is not None
    assert given.reference.module == Naive.__module__
    again = load_given(given.reference)
    assert again.reference == given.reference
    assert again.loaded.plugin.item is Naive  # type: ignore[attr-defined]


def test_a_module_is_found_again_by_its_name() -> None:
    import clbench_plugins.naive as module

    given = load_given(module)
    assert given.reference == PluginReference(module="clbench_plugins.naive")
    assert not given.is_item
    assert load_given(given.reference).loaded.plugin is module


def test_a_file_is_found_again_as_long_as_nobody_edits_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("x = 1\n")
    reference = load_given(path).reference
    assert reference is not None
    assert (reference.file, reference.module) == (str(path), "")
    assert load_given(str(path)).reference == load_given(reference).reference == reference
    path.write_text("x = 2\n")
    with pytest.raises(PluginError, match="was edited since the run began; run the same command"):
        load_given(reference)


def test_what_no_other_process_could_import_has_no_reference() -> None:
    class Local(clbench.RecordMetric):
        """Of a function's body."""

    given = load_given(Local)
    assert given.reference is None
    assert given.loaded.in_session
    script = type("Mine", (clbench.RecordMetric,), {"__module__": "__main__"})
    assert load_given(script).reference is None


def test_a_name_that_means_something_else_by_now_is_no_reference() -> None:
    other = type("helper", (clbench.RecordMetric,), {"__module__": __name__})
    assert load_given(other).reference is None


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (PluginReference(module="nowhere_at_all"), "plugin nowhere_at_all: ModuleNotFoundError"),
        (
            PluginReference(module="json", item="Absent.Inner"),
            "plugin json.Absent.Inner: AttributeError",
        ),
    ],
)
def test_a_reference_that_leads_nowhere_is_one_sentence(
    reference: PluginReference, said: str
) -> None:
    with pytest.raises(PluginError, match=f"^{said}"):
        load_given(reference)


@pytest.mark.parametrize("plugin", [3, None, cached_property(helper)])
def test_what_cannot_be_named_is_no_plugin(plugin: Any) -> None:
    with pytest.raises(PluginError, match="give the path of a file, a module, a class, or"):
        load_given(plugin)


def test_a_plain_function_can_only_be_a_model_s_factory() -> None:
    given = load_given(helper)
    assert [name for name in dir(given.loaded.plugin) if name.startswith("clbench_")] == [
        "clbench_models"
    ]
    assert given.loaded.plugin.clbench_models() == [helper]  # type: ignore[attr-defined]


def test_a_reference_is_plain_text_for_a_worker() -> None:
    reference = PluginReference(module="lab", item="Mine")
    assert PluginReference(**reference.to_plain()) == reference
    assert set(reference.to_plain()) == {"file", "content", "module", "item"}
