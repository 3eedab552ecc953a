"""From a parsed suite to a checked one: what is sound, and what one problem does not hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from clbench.errors import UserError
from clbench.host import Host
from tests.suite.conftest import Complaints, Loader
from tests.suite.texts import with_lines


def test_a_sound_suite_is_read(load: Loader, host: Host) -> None:
    suite = load(
        with_lines(compare="compare: {metric: average_accuracy, baseline: er, alpha: 0.1, rope: 0}")
    )
    assert (suite.name, suite.seeds, suite.warnings) == ("digits", (0, 1, 2), ())
    assert (suite.compare.baseline, suite.compare.alpha, suite.compare.correction) == (
        "er",
        0.1,
        None,
    )
    assert suite.text.startswith("name: digits\n")
    assert Path(suite.file).name == "suite.yaml"
    assert len(suite.cells) == 2


def test_only_the_metrics_at_hand_are_defaults(load: Loader) -> None:
    assert [metric.name for metric in load().metrics] == ["average_accuracy"]


def test_a_wrong_metric_does_not_hide_a_wrong_baseline(complaints: Complaints) -> None:
    found = complaints(with_lines(compare="compare: {metric: accuracy, baseline: nave}"))
    assert (
        found["7: compare.baseline"] == "'nave' is no strategy of this suite; did you mean 'naive'?"
    )
    assert "7: compare.metric" in found


def test_a_wrong_level_does_not_hide_a_wrong_metric_and_baseline(complaints: Complaints) -> None:
    found = complaints(
        with_lines(compare="compare: {metric: accuracy, baseline: nave, alpha: 2, foo: 1}")
    )
    assert sorted(found) == [
        "7: compare.alpha",
        "7: compare.baseline",
        "7: compare.foo",
        "7: compare.metric",
    ]


def test_what_is_no_plugin_does_not_hide_one_that_is_missing(complaints: Complaints) -> None:
    assert sorted(complaints(with_lines(plugins="plugins: [5, mine.py]"))) == [
        "8: plugins[0]",
        "8: plugins[1]",
    ]


def test_a_long_value_does_not_drown_what_is_wrong_with_it(complaints: Complaints) -> None:
    assert len(complaints(with_lines(name=f"name: {list(range(1000))}"))["1: name"]) < 200


def test_a_missing_plugin_is_one_problem_among_others(
    complaints: Complaints, tmp_path: Path
) -> None:
    found = complaints(with_lines(protocol="protocol: {epochs: 0}", plugins="plugins: [mine.py]"))
    assert (
        found["8: plugins[0]"]
        == f"there is no file {tmp_path / 'mine.py'} (plugins are relative to the suite's file)"
    )
    assert "3: protocol.epochs" in found


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ("{tests: by_design, correction: holm}", "correction"),
        ("{tests: by_design, unpaired: true}", "unpaired"),
        ("{tests: ranks, family: baseline, baseline: er}", "family"),
    ],
)
def test_a_comparison_that_contradicts_itself_is_a_problem_of_the_suite(
    load: Loader, block: str, key: str
) -> None:
    with pytest.raises(UserError, match=rf"compare\.{key}.*belongs to"):
        load(with_lines(compare=f"compare: {block}"))
