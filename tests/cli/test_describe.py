"""`clbench describe`: what a name stands for, in words and as a table of options."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clbench.cli.describe import (
    _default,
    _facts_of,
    _meanings,
    _say_what_a_metric_is,
    _what_it_runs,
)
from clbench.errors import UnknownName
from clbench.host import Host
from clbench.metrics import ProbeMetric, RecordMetric
from clbench.options import Option
from clbench.suite import load_suite

Printed = pytest.CaptureFixture[str]


class Spread(RecordMetric):
    """Best minus worst."""

    higher_is_better = False


class Picture(ProbeMetric):
    """Something to look at."""

    summary = "none"


@pytest.fixture(scope="module")
def host() -> Host:
    return Host.load()


@pytest.mark.parametrize(
    ("default", "written"),
    [
        (None, "none"),
        ("relu", "relu"),
        (0.5, "0.5"),
        (True, "true"),
        ([1, 2], "[1, 2]"),
        ({"lr": 0.1}, '{"lr": 0.1}'),
    ],
)
def test_a_default_is_written_as_a_suite_would_write_it(default: object, written: str) -> None:
    option = Option("x", "a type", default, "what it does")
    assert _default(option) == written


def test_an_option_that_must_be_given_has_no_default() -> None:
    assert _default(Option("x", "int", None, "what it does", required=True)) == "-"


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (Spread, "computed from the record; lower is better"),
        (Picture, "measured while it runs; no number"),
    ],
)
def test_a_metric_says_where_it_comes_from_and_what_is_good(
    metric: Any, words: str, capsys: Printed
) -> None:
    _say_what_a_metric_is(metric)
    assert capsys.readouterr().out == f"\n{words}\n"


def test_imported_data_is_told_in_five_facts() -> None:
    arrays: Any = SimpleNamespace(
        x_train=np.zeros((1200, 8, 6, 3), dtype=np.uint8),
        x_test=np.zeros((7, 8, 6, 3), dtype=np.uint8),
        classes=4,
        fingerprint="f00d",
    )
    assert _facts_of(arrays) == [
        ["training images", "1,200"],
        ["test images", "7"],
        ["size", "8x6x3 (height, width, channels), uint8"],
        ["classes", 4],
        ["fingerprint", "f00d"],
    ]


def test_a_suite_is_told_by_what_it_runs(host: Host) -> None:
    source = {
        "name": "tiny",
        "scenarios": [{"split": {"dataset": "digits", "tasks": 5, "label": "class"}}],
        "protocol": {"model": "mlp", "epochs": 1},
        "seeds": 3,
        "strategies": ["naive", "er"],
        "metrics": ["average_accuracy", "forgetting"],
    }
    assert _what_it_runs(load_suite(source, host)) == [
        ["scenarios", "class"],
        ["strategies", "naive, er"],
        ["seeds", "3"],
        ["runs", "6 in 2 cells"],  # one scenario x two strategies, three seeds each
        ["metrics", "average_accuracy, forgetting"],
    ]


def test_seeds_that_are_added_are_told_by_their_rule(host: Host) -> None:
    source = {
        "name": "tiny",
        "scenarios": [{"split": {"dataset": "digits", "tasks": 5}}],
        "protocol": {"model": "mlp", "epochs": 1},
        "seeds": {"until": "separated", "min": 6, "max": 12, "looks": [6, 12]},
        "strategies": ["naive", "er"],
    }
    rows = dict(_what_it_runs(load_suite(source, host)))
    assert rows["seeds"] == "6 to 12, until they tell the strategies apart"


def test_one_name_may_stand_for_several_things(host: Host) -> None:
    assert len(_meanings("average_accuracy", host, None)) == 1
    # What `compare` prints, what `export` writes, and what `import` reads.
    assert len(_meanings("csv", host, None)) == 3


def test_several_meanings_are_set_apart_by_an_empty_line(project) -> None:
    project.write(
        "mine.py",
        """
        from clbench import RecordMetric, hookimpl

        class Digits(RecordMetric):
            \"\"\"Named as a data set is.\"\"\"

            def value(self, run):
                return 0.0

        @hookimpl
        def clbench_metrics():
            return [Digits]
        """,
    )
    printed = project.clbench("describe", "digits", "--plugin", "mine.py").stdout
    first, second = printed.split("\n\ndigits: ")
    assert first.startswith("digits: a metric of plugin ")
    assert second.startswith("a dataset of plugin 'builtin_data'")


def test_every_kind_has_its_article(run_cli) -> None:
    printed = run_cli("describe", "csv").stdout
    for kind in ("a format", "an export", "an importer"):
        assert f"csv: {kind} of plugin " in printed


def test_a_name_of_nothing_is_told_with_what_is_near(host: Host) -> None:
    with pytest.raises(UnknownName, match="unknown name 'protocoll'; did you mean 'protocol'"):
        _meanings("protocoll", host, None)
