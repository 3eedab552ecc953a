"""What the suite says of a comparison, what is asked for now, and what cannot be."""

from __future__ import annotations

import pytest

from clbench.errors import RecordError, UnknownName, UserError


def test_the_suite_chooses_unless_somebody_else_does(made) -> None:
    text = "compare: {metric: final_accuracy, baseline: poor, alpha: 0.1, correction: fdr_bh}"
    found = made.compared(*made.three(), text=text)
    assert (found.metric, found.baseline, found.alpha, found.correction) == (
        "final_accuracy",
        "poor",
        0.1,
        "fdr_bh",
    )
    found = made.compared(
        *made.three(),
        text=text,
        metric="average_accuracy",
        baseline="good",
        alpha=0.01,
        correction="none",
    )
    assert (found.metric, found.baseline, found.alpha, found.correction) == (
        "average_accuracy",
        "good",
        0.01,
        "none",
    )


@pytest.mark.parametrize(
    "text", ["", "compare: {metric: [1}", "compare: {alpha: two}", "just text", "compare: null"]
)
def test_a_suite_that_says_nothing_useful_is_no_obstacle(made, text: str) -> None:
    assert made.compared(*made.three(), text=text).metric == "average_accuracy"


def test_the_suite_is_read_as_suites_are_and_what_cannot_be_used_is_told(made) -> None:
    """YAML 1.1 took `no` for false, and with it the whole block for wrong."""
    cells = made.cells({"no": made.draw(0.5, 8, 1), "b": made.draw(0.9, 8, 2)})
    found = made.compared(
        *cells, text="compare: {baseline: no, alpha: 0.01, metric: final_accuracy}"
    )
    assert (found.baseline, found.alpha, found.metric) == ("no", 0.01, "final_accuracy")
    wrong = made.compared(*cells, text="compare: {alpha: two}")
    assert "what the suite says of its comparison is not used: compare.alpha: " in wrong.left_out[0]


def test_a_baseline_of_the_suite_that_is_not_there_is_noted(made) -> None:
    found = made.compared(*made.three(), text="compare: {baseline: naive}")
    assert found.baseline is None
    assert (
        "the baseline that the suite names is not used: the record has no strategy 'naive'"
        in found.left_out[0]
    )


def test_wrong_questions_are_answered_in_a_sentence(made) -> None:
    with pytest.raises(RecordError, match="no strategy 'goood'; did you mean 'good'"):
        made.compared(*made.three(), baseline="goood")
    grid = [made.cell(f"er(memory={size})", made.draw(0.7, 6, size)) for size in (10, 20)]
    with pytest.raises(
        RecordError,
        match=(
            r"'er' names 2 strategies; choose one as the baseline: er\(memory=10\), "
            r"er\(memory=20\)"
        ),
    ):
        made.compared(*grid, baseline="er")
    with pytest.raises(UnknownName, match="did you mean 'forgetting'"):
        made.compared(*made.three(), metric="forgeting")
    for wrong in (
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"rope": -1.0},
        {"rope": float("inf")},
        {"correction": "holms"},
    ):
        with pytest.raises(UserError):
            made.compared(*made.three(), **wrong)
