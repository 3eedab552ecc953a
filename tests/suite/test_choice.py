"""`name`, or `{name: options}`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clbench.suite.choice import Choice, MetricChoice, is_choice


@pytest.mark.parametrize(
    ("written", "name", "options"),
    [
        ("er", "er", {}),
        ({"er": {"memory": 5}}, "er", {"memory": 5}),
        ({"er": {}}, "er", {}),
        ({"er": None}, "er", {}),
    ],
)
def test_a_choice_is_a_name_with_its_options(written: Any, name: str, options: Any) -> None:
    assert is_choice(written)
    assert Choice.of(written) == Choice(name, options)


@pytest.mark.parametrize(
    "value",
    [None, 3, 1.5, True, [], ["er"], {}, {"er": 5}, {"er": [1]}, {"er": {}, "ewc": {}}, ("er",)],
)
def test_anything_else_is_none(value: object) -> None:
    assert not is_choice(value)


def test_a_choice_leaves_what_was_written_as_it_is() -> None:
    written = {"er": {"memory": 5}}
    choice = Choice.of(written)
    choice.options["memory"] = 7  # type: ignore[index]
    assert written == {"er": {"memory": 5}}


def test_a_choice_is_written_with_changes_to_its_options() -> None:
    choice = Choice("er", {"memory": 5, "batch": 2})
    assert choice.written() == {"er": {"memory": 5, "batch": 2}}
    assert choice.written(memory=7, self=1) == {"er": {"memory": 7, "batch": 2, "self": 1}}
    assert choice.options == {"memory": 5, "batch": 2}
    assert Choice.of(choice.written()) == choice


@pytest.mark.parametrize("options", [{}, {"memory": 5, "of": ["a", "b"]}])
def test_a_choice_travels_as_json(options: dict[str, Any]) -> None:
    choice = Choice("er", options)
    assert Choice.from_plain(json.loads(json.dumps(choice.to_plain()))) == choice


def test_a_metric_travels_with_its_label() -> None:
    metric = MetricChoice("drift", {"window": 2}, "late")
    assert MetricChoice.from_plain(json.loads(json.dumps(metric.to_plain()))) == metric


def test_a_metric_of_an_older_worker_goes_by_its_name() -> None:
    assert MetricChoice.from_plain(["drift", {}]) == MetricChoice("drift", {}, "drift")
