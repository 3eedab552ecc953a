"""The p of tests that draw their patterns."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.stats.result import drawn_p


@pytest.mark.parametrize(
    ("far", "draws", "p"),
    [
        (0, 19, 1 / 20),  # never 0: the observed pattern is as far as itself
        (1, 19, 2 / 20),
        (19, 19, 1.0),
        (0, 0, 1.0),  # nothing was drawn, so nothing is shown
    ],
)
def test_the_observed_pattern_counts_as_one_of_those_drawn(far: int, draws: int, p: float) -> None:
    assert drawn_p(np.arange(draws) < far) == pytest.approx(p)


def test_such_a_p_is_no_more_often_small_than_it_says() -> None:
    """The observed statistic is one of 20 alike: p <= 1/20 in one of twenty cases."""
    statistics = np.random.default_rng(0).normal(size=(4000, 20))
    found = np.array([drawn_p(row[1:] >= row[0]) for row in statistics])
    assert (found <= 0.05).mean() == pytest.approx(0.05, abs=0.012)
