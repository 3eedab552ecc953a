"""Why a member has no value."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.metrics import RunView
from clbench.records import Fault
from clbench.records.missing import Cause, Missing, never_measured, said_of_probe, unfinished
from tests.records.cells import cell


def test_a_run_that_broke_off_says_how() -> None:
    status = np.array(["diverged", "failed", "timeout"], dtype=object)
    one = cell(0, 1, 2, member_status=status, diverged_at=np.array([7, -1, -1]))
    found = [unfinished(RunView(one, member)) for member in range(3)]
    assert found == [
        Missing(Cause.RUN_DIVERGED, step=7),
        Missing(Cause.RUN_FAILED),
        Missing(Cause.RUN_TIMED_OUT),
    ]
    assert list(map(str, found)) == [
        "the run diverged in step 7",
        "the run failed",
        "the run took too long",
    ]
    assert str(Missing(Cause.RUN_DIVERGED)) == "the run diverged"
    assert unfinished(RunView(cell(0), 0)) is None


def test_a_probe_that_is_undefined_goes_before_one_that_failed() -> None:
    failed = Fault("ValueError: no ranks\nTraceback", "rank")
    one = cell(0, faults=(Fault("Traceback"), failed))
    assert said_of_probe("rank", one) == Missing(Cause.PROBE_FAILED, "ValueError: no ranks")
    one.faults += (Fault("no hidden layers", "rank", undefined=True),)
    assert said_of_probe("rank", one) == Missing(Cause.UNDEFINED, "no hidden layers")
    assert said_of_probe("width", one) is None


def test_what_nobody_asked_for_is_told_from_what_failed_before() -> None:
    assert never_measured("rank", cell(0)).cause is Cause.NOT_ASKED_FOR
    assert never_measured("rank", cell(0, status="failed")).cause is Cause.CELL_FAILED


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_can_be_said(cause: Cause) -> None:
    assert str(Missing(cause, "a word"))


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (Missing(Cause.RUN_DIVERGED, step=0), "the run diverged in step 0"),
        (Missing(Cause.UNDEFINED, "there is one task"), "there is one task"),
        (Missing(Cause.PROBE_FAILED, "KeyError: 'a'"), "it failed: KeyError: 'a'"),
        (Missing(Cause.NOT_STORED, "train_seconds"), "the record holds no train_seconds"),
        (Missing(Cause.METRIC_FAILED, "the metric 'x' failed"), "the metric 'x' failed"),
    ],
)
def test_reasons_are_parts_of_sentences(missing: Missing, words: str) -> None:
    assert str(missing) == words
    assert not words.endswith(".")


def test_what_is_said_may_hold_braces() -> None:
    """A stranger's error is put into a sentence, and is no template itself."""
    assert str(Missing(Cause.PROBE_FAILED, "{step} {0} {")) == "it failed: {step} {0} {"


def test_what_a_probe_said_goes_before_what_nobody_asked_for() -> None:
    said = Fault("no units", "rank", undefined=True)
    one = cell(0, status="failed", faults=(said,))
    assert never_measured("rank", one) == Missing(Cause.UNDEFINED, "no units")
    assert never_measured("width", one) == Missing(Cause.CELL_FAILED)


def test_the_fault_of_a_job_is_no_metrics() -> None:
    one = cell(0, faults=(Fault("Traceback"),))
    assert said_of_probe("", one) == Missing(Cause.PROBE_FAILED, "Traceback")
    assert said_of_probe("rank", one) is None
