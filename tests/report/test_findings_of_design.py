"""What pairs of so many runs can reach, once a correction has multiplied it."""

from __future__ import annotations

import pytest

from clbench.report.findings_of_design import Power


@pytest.mark.parametrize(
    ("smallest", "penalty", "after", "is_enough"),
    [
        (2 / 2**6, 1, 2 / 2**6, True),
        (2 / 2**6, 3, 6 / 2**6, False),
        (0.025, 2, 0.05, True),  # alpha itself is enough
        (0.5, 4, 1.0, False),  # no p is above 1
    ],
)
def test_the_smallest_p_after_the_correction(
    smallest: float, penalty: int, after: float, is_enough: bool
) -> None:
    power = Power(6, smallest, penalty, 0.05, False, 8)
    assert power.after_correction == after
    assert power.is_enough is is_enough
