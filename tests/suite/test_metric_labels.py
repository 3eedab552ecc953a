"""What a metric may be called besides its name."""

from __future__ import annotations

import pytest

from clbench.suite.metric_labels import why_no_label

METRICS = ("drift", "rank")


@pytest.mark.parametrize("label", ["drift", "late_drift", "drift-2", "x.y", "é", "2nd", "_a"])
def test_a_label_is_one_word(label: str) -> None:
    assert why_no_label(label, "drift", METRICS) is None


@pytest.mark.parametrize("label", ["", " ", "two words", "-a", ".a", "a/b", "a(b)", "a\n", "a,b"])
def test_what_is_no_word_is_refused(label: str) -> None:
    wrong = why_no_label(label, "drift", METRICS)
    assert wrong is not None
    assert wrong.startswith("must be one word of letters, digits, -, _ and ., not ")


def test_the_name_of_another_metric_is_no_label() -> None:
    wrong = why_no_label("rank", "drift", METRICS)
    assert wrong == "'rank' is a metric of its own; choose another word"
    assert why_no_label("rank", "rank", METRICS) is None
