"""What a record says of its metrics, for readers without the plugin that offers them."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from clbench.metrics import Metric, ProbeMetric
from clbench.records.metric_facts import (
    facts_of,
    how_measured,
    kind_of,
    kind_of_cost,
    labelled,
    name_in,
    named,
    options_in,
)


class Drift(ProbeMetric):
    """A metric in which nothing is as usual."""

    summary = "max"
    higher_is_better = False
    unit = "bytes"
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    when = "run_end"


FACTS = ("summary", "higher_is_better", "unit", "limits", "when")


# ---------------------------------------------------------------------- written and read


def test_a_metric_is_known_by_its_facts_as_by_its_class() -> None:
    known = kind_of(facts_of(Drift, "drift"))
    for name in FACTS:
        assert getattr(known, name) == getattr(Drift, name)


def test_a_metric_without_limits_stays_without() -> None:
    facts = facts_of(Metric, "metric")
    assert facts["limits"] is None
    assert kind_of(facts).limits is None
    assert "when" not in facts  # only what is measured during a run has one


@pytest.mark.parametrize(("label", "metric"), [("drift", None), ("late_drift", "drift")])
def test_only_a_label_of_its_own_needs_the_metrics_name(label: str, metric: str | None) -> None:
    for facts in (facts_of(Drift, label), named(label, "drift"), labelled([(label, "drift")])):
        told = facts.get(label, facts)
        assert name_in(told) == metric


def test_of_metrics_that_go_by_their_names_nothing_is_said() -> None:
    asked = [("drift", "drift"), ("a", "drift"), ("b", "rank")]
    assert labelled(asked) == {"a": {"metric": "drift"}, "b": {"metric": "rank"}}
    assert labelled([]) == {}


def test_how_a_metric_was_measured_names_its_options_and_version() -> None:
    options = {"window": 3}
    how = how_measured("a", "drift", options, "1.2")
    assert how == {"options": {"window": 3}, "version": "1.2", "metric": "drift"}
    assert how["options"] is not options
    assert "metric" not in how_measured("drift", "drift", {}, "1.2")


# ---------------------------------------------------------------------- what strangers say


@pytest.mark.parametrize("facts", [None, "drift", ["drift"], {}, {"metric": 3}, {"metric": None}])
def test_anything_else_names_no_metric(facts: Any) -> None:
    assert name_in(facts) is None


@pytest.mark.parametrize(
    ("how", "options"),
    [
        ({"options": {"window": 3}}, {"window": 3}),
        ({"options": {}}, {}),
        ({"options": [3]}, None),
        ({}, None),
        (None, None),
        ("options", None),
    ],
)
def test_only_a_mapping_holds_options(how: Any, options: Any) -> None:
    assert options_in(how) == options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("summary", "median"),
        ("summary", ["max"]),
        ("higher_is_better", "no"),
        ("higher_is_better", 0),
        ("unit", 3),
        ("unit", "by\x1b[31mtes"),
        ("limits", [0]),
        ("limits", [0, 1, 2]),
        ("limits", ["0", "1"]),
        ("limits", [0, float("inf")]),
        ("limits", [float("nan"), 1]),
        ("limits", 3),
        ("when", "sometimes"),
        ("value", "a method"),
        ("__doc__", "another name"),
    ],
)
def test_facts_that_make_no_sense_are_as_usual(name: str, value: Any) -> None:
    known = kind_of({name: value})
    assert vars(known).get(name) != value
    for fact in ("summary", "higher_is_better", "unit", "limits"):
        assert getattr(known, fact) == getattr(Metric, fact)


@pytest.mark.parametrize("facts", [None, "facts", ["summary"], 3])
def test_facts_that_are_none_are_as_usual(facts: Any) -> None:
    assert kind_of(facts).summary == Metric.summary


def test_limits_of_json_are_a_pair_again() -> None:
    assert kind_of({"limits": [0, 1]}).limits == (0, 1)


# ---------------------------------------------------------------------- costs


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("train_seconds", "seconds"),
        ("state_bytes", "bytes"),
        ("peak_memory", "bytes"),
        ("parameters", ""),
        ("bytes_per_seconds", "bytes"),
    ],
)
def test_the_unit_of_a_cost_is_in_its_name(name: str, unit: str) -> None:
    kind = kind_of_cost(name)
    assert (kind.unit, kind.higher_is_better, kind.summary) == (unit, False, "sum")
