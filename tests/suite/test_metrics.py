"""The metrics of a suite, and which of them is compared."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.host import Host
from clbench.suite.metrics import asked_metrics
from clbench.suite.problems import Problems
from tests.suite.conftest import Complaints, Loader
from tests.suite.texts import with_lines


def test_a_probe_that_is_measured_can_be_compared(load: Loader) -> None:
    suite = load(
        with_lines(
            metrics="metrics: [weight_magnitude]", compare="compare: {metric: weight_magnitude}"
        )
    )
    assert suite.compare.metric == "weight_magnitude"


TWICE = (
    "metrics: [weight_magnitude: {label: at_ends}, weight_magnitude: {label: in_steps, when: step}]"
)


def test_a_metric_is_asked_for_twice_under_labels(load: Loader) -> None:
    suite = load(with_lines(metrics=TWICE, compare="compare: {metric: in_steps}"))
    asked = [(metric.label, metric.name, metric.options["when"]) for metric in suite.metrics]
    assert asked == [
        ("at_ends", "weight_magnitude", "task_end"),
        ("in_steps", "weight_magnitude", "step"),
    ]
    assert suite.compare.metric == "in_steps"


@pytest.mark.parametrize(
    ("name", "asked"),
    [("activation_maps", "activation_maps"), ("maps", "activation_maps: {label: maps}")],
)
def test_what_is_drawn_is_not_compared(complaints: Complaints, name: str, asked: str) -> None:
    found = complaints(
        with_lines(metrics=f"metrics: [{asked}]", compare=f"compare: {{metric: {name}}}")
    )
    said = f"{name!r} is there to be drawn, and no number to compare"
    assert found == {"7: compare.metric": said}


def test_of_labelled_metrics_one_is_compared_by_its_label(complaints: Complaints) -> None:
    found = complaints(with_lines(metrics=TWICE, compare="compare: {metric: weight_magnitude}"))
    assert list(found) == ["7: compare.metric"]
    assert found["7: compare.metric"].startswith(
        "'weight_magnitude' is measured here as 'at_ends' and 'in_steps'; write which"
    )
    found = complaints(with_lines(metrics=TWICE, compare="compare: {metric: at_end}"))
    assert "unknown metric 'at_end'; did you mean 'at_ends'" in found["7: compare.metric"]


# ---------------------------------------------------------------------- asking for metrics


def asked(host: Host, value: Any) -> tuple[list[str], dict[str, str]]:
    """The labels of the metrics, and what is wrong by its path."""
    problems = Problems("suite.yaml", {})
    found = asked_metrics({} if value is None else {"metrics": value}, host, problems)
    wrong = {problem.path: problem.message for problem in problems.found}
    return [metric.label for metric in found], wrong


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        (None, ["average_accuracy"]),  # of the usual ones those that there are
        ([], []),
        (["dormant_units", "average_accuracy"], ["dormant_units", "average_accuracy"]),
    ],
)
def test_metrics_stand_in_the_suites_order(host: Host, value: Any, labels: list[str]) -> None:
    assert asked(host, value) == (labels, {})


@pytest.mark.parametrize("value", ["average_accuracy", {"average_accuracy": {}}, 3])
def test_metrics_are_a_list(host: Host, value: Any) -> None:
    labels, wrong = asked(host, value)
    assert labels == []
    assert wrong["metrics"].startswith("must be a list of metrics, not ")


def test_a_wrong_metric_does_not_take_the_others_away(host: Host) -> None:
    labels, wrong = asked(host, ["average_acuracy", "dormant_units", 3])
    assert labels == ["dormant_units"]
    assert set(wrong) == {"metrics[0]", "metrics[2]"}


def test_two_metrics_of_one_label_are_named(host: Host) -> None:
    labels, wrong = asked(host, ["dormant_units", {"dormant_units": {"rule": "dead"}}])
    assert labels == ["dormant_units"]
    assert wrong == {
        "metrics[1]": "'dormant_units' is asked for twice; give one of the two a label:"
        " {dormant_units: {label: another_word}}"
    }
    both = [{name: {"label": "mine"}} for name in ("dormant_units", "average_accuracy")]
    _, wrong = asked(host, both)
    assert wrong["metrics[1]"] == "two metrics are called 'mine'; give each a label of its own"
