"""What the checks of a metric take for a value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench import RecordMetric, Undefined
from clbench.testing.metric import MetricConformance, _check_value, _class_of

from .planted import fails


class Last(RecordMetric):
    """The last accuracy of the stream."""

    def value(self, run: Any) -> Any:
        """Of one run."""
        return run.accuracy[-1, -1]


@pytest.mark.parametrize(
    "value", [0.5, 3, np.float32(0.5), [0.5], np.zeros((2, 3)), float("nan"), Undefined("why")]
)
def test_numbers_arrays_and_reasons_are_values(value: Any) -> None:
    _check_value(value)


@pytest.mark.parametrize("value", [[], np.zeros(0), np.zeros((3, 0))])
def test_nothing_at_all_is_none(value: Any) -> None:
    with pytest.raises(AssertionError, match="a number, an array or Undefined is wanted"):
        _check_value(value)


@pytest.mark.parametrize("value", ["much", object(), {"a": 1}])
def test_what_is_no_number_is_none(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        _check_value(value)


def test_a_metric_may_be_given_as_a_class_or_an_object() -> None:
    assert _class_of(Last) is Last
    assert _class_of(Last()) is Last


# ------------------------------------------------------------------ planted faults


def test_probe_that_moves_the_weights():
    from clbench import ProbeMetric

    class Moving(ProbeMetric):
        """Moves what it looks at."""

        when = "task_end"

        def measure(self, probe):
            for p in probe.net.parameters():
                p.data.mul_(0.9)
            return probe.x.flatten(1).sum(1)

    class Late(Moving):
        """When nothing comes after it."""

        when = "run_end"

    checks = MetricConformance()
    for probe in (Moving, Late):
        with fails("wrote to the tensors of the strategy while it measured"):
            checks.test_probe_changes_nothing(probe, checks._bench([probe]))
