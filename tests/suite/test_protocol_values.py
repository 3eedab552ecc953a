"""Protocol keys that may be written in several forms: each is read into one, and stays it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clbench.suite import protocol_values as values

read_model = values.one_choice("{mlp: {hidden: [400]}}")
READERS: dict[str, Callable[[Any], Any]] = {
    "one_choice": read_model,
    "none_or_number": values.none_or_number,
    "stop_at": values.stop_at,
    "evaluate": values.evaluate,
    "logits": values.logits,
    "keep": values.keep,
}


def evaluated(tasks: str, last: int | None = None, every: int | None = None) -> dict[str, Any]:
    return {"tasks": tasks, "last": last, "every": every}


READ = [
    ("one_choice", "mlp", {"mlp": {}}),
    ("one_choice", {"mlp": None}, {"mlp": {}}),
    ("one_choice", {"mlp": {"hidden": [5]}}, {"mlp": {"hidden": [5]}}),
    ("none_or_number", "none", None),
    ("none_or_number", None, None),
    ("none_or_number", 3, 3),
    ("stop_at", None, None),
    ("stop_at", "none", None),
    ("stop_at", 0.95, 0.95),
    ("stop_at", 1, 1.0),
    ("stop_at", {"train": 0.98}, {"train": 0.98}),
    ("evaluate", "all", evaluated("all")),
    ("evaluate", "seen", evaluated("seen")),
    ("evaluate", {"last": 3}, evaluated("last", last=3)),
    ("evaluate", {"every": 10}, evaluated("all", every=10)),
    ("evaluate", {"tasks": "current", "every": 10}, evaluated("current", every=10)),
    ("evaluate", {"last": 1, "every": 1}, evaluated("last", last=1, every=1)),
    ("logits", "seen", {"train": "seen", "evaluate": "seen"}),
    ("logits", {"train": "current"}, {"train": "current", "evaluate": "all"}),
    ("logits", {}, {"train": "all", "evaluate": "all"}),
    ("keep", None, []),
    ("keep", [], []),
    ("keep", "weights", ["weights"]),
    ("keep", ["predictions", "weights"], ["weights", "predictions"]),
    ("keep", ["weights", "weights"], ["weights"]),
]


@pytest.mark.parametrize(("reader", "written", "read"), READ)
def test_every_form_is_read_into_one_that_stays(reader: str, written: Any, read: Any) -> None:
    found = READERS[reader](written)
    assert found == read
    # What is read is written into records, and read again from there.
    assert READERS[reader](found) == read


WRONG = [
    ("one_choice", ["mlp"], "must be one name, or one name with its options such as {mlp: {hidden"),
    ("one_choice", {"mlp": 3}, "must be one name"),
    ("one_choice", {"a": {}, "b": {}}, "must be one name"),
    ("one_choice", 3, "must be one name"),
    ("stop_at", 0, "an accuracy is a number above 0 and at most 1, not 0"),
    ("stop_at", 95, "an accuracy is a number above 0 and at most 1, not 95"),
    ("stop_at", True, "an accuracy is a number above 0 and at most 1, not True"),
    ("stop_at", "soon", "an accuracy is a number above 0 and at most 1, not 'soon'"),
    ("stop_at", {"train": 0}, "an accuracy is a number above 0"),
    (
        "stop_at",
        {"test": 0.9},
        "must be none, a validation accuracy such as 0.95, or {train: 0.98}",
    ),
    ("stop_at", {}, "must be none, a validation accuracy"),
    ("evaluate", "some", "must be all, seen, current, {last: n} or {every: n} with n in steps"),
    ("evaluate", "last", "must be all, seen, current"),  # how many is not said
    ("evaluate", {}, "must be all, seen, current"),
    ("evaluate", 3, "must be all, seen, current"),
    ("evaluate", {"first": 2}, "must be all, seen, current"),
    ("evaluate", {"tasks": "all", "last": 2}, "must be all, seen, current"),
    ("evaluate", {"last": 0}, "last: must be a whole number of at least 1, not 0"),
    ("evaluate", {"every": 1.5}, "every: must be a whole number of at least 1, not 1.5"),
    ("evaluate", {"every": True}, "every: must be a whole number of at least 1, not True"),
    ("logits", "some", "must be all, seen or current, or {train: ..., evaluate: ...}"),
    ("logits", {"train": "some"}, "must be all, seen or current"),
    ("logits", {"test": "all"}, "must be all, seen or current"),
    ("logits", None, "must be all, seen or current"),
    ("keep", "gradients", "must be a list of weights and predictions, or of one of them"),
    ("keep", ["weights", 3], "must be a list of weights and predictions"),
    ("keep", {"weights": True}, "must be a list of weights and predictions"),
]


@pytest.mark.parametrize(("reader", "written", "said"), WRONG)
def test_anything_else_says_what_may_be_written(reader: str, written: Any, said: str) -> None:
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the sentence is looked at
        READERS[reader](written)
    assert str(raised.value).startswith(said)


def test_what_was_written_is_not_changed() -> None:
    kept, tested = ["predictions", "weights"], {"every": 3}
    values.keep(kept)
    values.evaluate(tested)
    assert (kept, tested) == (["predictions", "weights"], {"every": 3})
