"""Loading plugins: each in its own guard, clashes refused, mistakes named."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from clbench.errors import PluginError, UnknownName
from clbench.host import Host

from .conftest import METRIC, Install, WriteFile, bare

# ------------------------------------------------------------------ bare files


def test_a_file_contributes(write: WriteFile) -> None:
    host = bare(write("mine.py", METRIC))
    assert host.names("metric") == ["spread"]
    assert host.get("metric", "spread").__name__ == "Spread"
    (info,) = host.plugins
    assert (info.hooks, info.contributes, info.package, info.error) == (
        ("clbench_metrics",),
        {"metric": ["spread"]},
        None,
        None,
    )
    assert [reference.file for reference in host.references] == [info.origin]
    assert host.warnings == []


def test_a_file_named_twice_is_one_plugin(write: WriteFile) -> None:
    path = write("mine.py", METRIC)
    assert len(bare(path, path.parent / "." / "mine.py").plugins) == 1


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("x = 1\ndef f(:\n", "line 4: SyntaxError: invalid syntax"),
        ("x = 1\n1 / 0\n", "line 4: ZeroDivisionError: division by zero"),
        (
            "import nowhere_at_all\n",
            "line 3: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("raise SystemExit(3)\n", "line 3: SystemExit: 3"),
        (
            "x = 1\n",
            "implements no hook; write @hookimpl above a function such as clbench_strategies",
        ),
        ("@hookimpl\ndef clbench_metric(): ...\n", "unknown hook 'clbench_metric' in plugin"),
        ("@hookimpl\ndef clbench_metric(): ...\n", "; did you mean 'clbench_metrics'"),
        ("def clbench_metrics(): ...\n", "clbench_metrics in plugin"),
        ("def clbench_metrics(): ...\n", "is not marked; write @hookimpl above it"),
        (
            "@hookimpl\ndef clbench_metrics(host): ...\n",
            "asks for 'host'; it is called without arguments",
        ),
        (
            "@hookimpl\ndef clbench_suite_started(evnt): ...\n",
            "asks for 'evnt'; it may ask for 'event'",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    write: WriteFile, body: str, sentence: str
) -> None:
    path = write("bad.py", body)
    with pytest.raises(PluginError) as caught:
        bare(path)
    assert sentence in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_is_no_python_is_said(tmp_path: Path) -> None:
    text = tmp_path / "plugin.txt"
    text.write_text("")
    for path, sentence in (
        (tmp_path / "no.py", "does not exist"),
        (tmp_path, "is not a file"),
        (text, "must end in .py"),
    ):
        with pytest.raises(PluginError, match=sentence):
            bare(path)


# ------------------------------------------------------------------ contributions


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return None", "clbench_metrics returned None instead of a list"),
        ("return 'spread'", "clbench_metrics returned str instead of a list"),
        ("raise ValueError('no\\nluck')", "clbench_metrics failed: ValueError: no luck"),
        ("return [int]", "int is not a subclass of clbench.RecordMetric or clbench.ProbeMetric"),
        ("return [RecordMetric]", "RecordMetric is not a subclass of"),
        ("return [3]", "3 is not a class"),
        (
            "return [type('Odd', (RecordMetric,), {'__annotations__': {'x': 'Nope'}, 'x': 1})]",
            "Odd: option 'x': its type `Nope` cannot be read",
        ),
        (
            "return [type('Odd', (RecordMetric,), {'__annotations__': {'grid': int}, 'grid': 1})]",
            "an option cannot be called 'grid'",
        ),
        (
            "return [type('Odd', (RecordMetric,), "
            "{'__annotations__': {'value': int}, 'value': 1})]",
            "an option cannot be called 'value'",
        ),
        (
            "return [type('Odd', (RecordMetric,), {'summary': 'median'})]",
            "Odd: summary is 'median'; it is one of 'last', 'mean'",
        ),
        (
            "return [type('Odd', (RecordMetric,), {'name': 'a/b'})]",
            "Odd: its name 'a/b' is not one word",
        ),
    ],
)
def test_a_bad_contribution_is_left_out_and_named(write: WriteFile, body: str, reason: str) -> None:
    good = write("good.py", METRIC)
    bad = write("bad.py", f"@hookimpl\ndef clbench_metrics():\n    {body}\n")
    host = bare(bad, good)
    assert host.names("metric") == ["spread"]
    (warning,) = host.warnings
    assert reason in warning
    assert str(bad) in warning
    assert reason in str(host.plugins[0].error)


def test_several_functions_may_stand_for_one_hook(write: WriteFile) -> None:
    more = """
        class Other(Spread):
            pass
        @hookimpl(specname="clbench_metrics")
        def more():
            return [Other]
    """
    host = bare(write("mine.py", METRIC + textwrap.dedent(more)))
    assert (host.names("metric"), host.warnings) == (["other", "spread"], [])


def test_the_sound_ones_of_a_list_are_taken(write: WriteFile) -> None:
    host = bare(write("mixed.py", METRIC.replace("[Spread]", "[int, Spread]")))
    assert host.names("metric") == ["spread"]
    assert len(host.warnings) == 1


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "def small(input_shape): ...",
            "takes 1 positional arguments; a model takes input_shape and classes",
        ),
        (
            "def small(input_shape, classes, hidden=3): ...",
            "'hidden' is no option yet; write `*` before it",
        ),
        ("small = 3", "3 is not a function or class"),
    ],
)
def test_a_model_must_be_callable_as_one(write: WriteFile, source: str, reason: str) -> None:
    host = bare(write("m.py", f"{source}\n@hookimpl\ndef clbench_models():\n    return [small]\n"))
    assert reason in host.warnings[0]


def test_an_option_of_a_strategy_cannot_be_called_label(write: WriteFile) -> None:
    body = """
        from clbench.options import Configurable
        Strategy = type("Strategy", (Configurable,), {"__module__": "clbench.stand_in"})
        class Mine(Strategy):
            label: str = "x"
        @hookimpl
        def clbench_strategies():
            return [Mine]
    """
    assert "an option cannot be called 'label'" in bare(write("s.py", body)).warnings[0]


# ------------------------------------------------------------------ names


def test_an_unknown_name_gets_suggestions(write: WriteFile) -> None:
    with pytest.raises(UnknownName, match="unknown metric 'spred'; did you mean 'spread'"):
        bare(write("mine.py", METRIC)).get("metric", "spred")


def test_an_unknown_name_mentions_what_is_broken(install: Install) -> None:
    install("brokenpkg", "import nowhere_at_all", version="2.1")
    with pytest.raises(
        UnknownName, match=r"offers it: 'brokenpkg' \(brokenpkg 2.1\): ModuleNotFoundError"
    ):
        Host.load().get("metric", "spread")


def test_two_plugins_with_one_name_are_refused_by_name(write: WriteFile) -> None:
    one, two = write("one.py", METRIC), write("two.py", METRIC)
    host = bare(one, two)
    assert host.names("metric") == []
    (warning,) = host.warnings
    assert str(one) in warning
    assert str(two) in warning
    with pytest.raises(PluginError, match="the metric 'spread' is offered by plugins"):
        host.get("metric", "spread")


def test_one_plugin_with_one_name_twice_is_told_so(write: WriteFile) -> None:
    twice = METRIC.replace("return [Spread]", "return [Spread, type('Spread', (Spread,), {})]")
    assert "offers the metric 'spread' 2 times" in bare(write("one.py", twice)).warnings[0]
