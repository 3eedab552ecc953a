"""What went wrong, as data, and as the sentences that are shown of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clbench.records import Fault
from clbench.records.faults import fault_from_plain

JOB = Fault("Traceback (most recent call last):\n  ...\nValueError: é")
FAILED = Fault("KeyError: 'x'\nTraceback", "rank")
UNDEFINED = Fault("the network has no hidden layers", "rank", undefined=True)


@pytest.mark.parametrize("fault", [JOB, FAILED, UNDEFINED, Fault("")])
def test_a_fault_is_read_as_it_was_written(fault: Fault) -> None:
    text = json.dumps(fault.to_plain())
    assert fault_from_plain(json.loads(text)) == fault


@pytest.mark.parametrize(
    ("fault", "keys"),
    [(JOB, {"said"}), (FAILED, {"said", "metric"}), (UNDEFINED, {"said", "metric", "undefined"})],
)
def test_what_is_as_usual_is_left_out(fault: Fault, keys: set[str]) -> None:
    assert set(fault.to_plain()) == keys


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (JOB, JOB.said),
        (FAILED, "metric rank: KeyError: 'x'\nTraceback"),
        (UNDEFINED, "metric rank: Undefined: the network has no hidden layers"),
    ],
)
def test_a_sentence_says_of_which_metric_it_is(fault: Fault, sentence: str) -> None:
    assert str(fault) == sentence


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (JOB, "Traceback (most recent call last):"),
        (FAILED, "KeyError: 'x'"),
        (UNDEFINED, "the network has no hidden layers"),
        (Fault(""), ""),
    ],
)
def test_the_reason_is_the_first_line(fault: Fault, reason: str) -> None:
    assert fault.reason == reason


@pytest.mark.parametrize(
    ("plain", "fault"),
    [
        ("it broke", Fault("it broke")),
        (3, Fault("3")),
        (None, Fault("None")),
        ({}, Fault("")),
        ({"said": 3, "metric": ["a"]}, Fault("3", "['a']")),
        ({"said": "x", "undefined": "yes"}, Fault("x")),  # only `true` says it
        ({"said": "x", "undefined": 1}, Fault("x")),
        ({"said": "x", "more": "y"}, Fault("x")),
    ],
)
def test_whatever_a_stranger_wrote_is_a_fault(plain: Any, fault: Fault) -> None:
    assert fault_from_plain(plain) == fault
