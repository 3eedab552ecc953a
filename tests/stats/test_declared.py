"""When one looks, as a suite declares it."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.stats.declared import declared_looks


def test_declared_looks_grow_by_half() -> None:
    assert declared_looks(6, 30) == (6, 9, 13, 19, 30)
    assert declared_looks(6, 10) == (6, 10)
    assert declared_looks(1, 3) == (1, 2, 3)
    assert declared_looks(5, 5) == (5,)


@pytest.mark.parametrize("least", [1, 2, 3, 5, 6, 10])
@pytest.mark.parametrize("more", [0, 1, 2, 7, 24, 100])
def test_looks_ascend_from_the_least_seeds_to_the_most(least: int, more: int) -> None:
    looks = declared_looks(least, least + more)
    assert (looks[0], looks[-1]) == (least, least + more)
    assert list(looks) == sorted(set(looks))


@pytest.mark.parametrize("least", [2, 3, 6, 10])
def test_no_step_is_much_smaller_or_larger_than_half_of_the_look_before(least: int) -> None:
    for most in range(least + 1, 80):
        looks = np.array(declared_looks(least, most))
        half, steps = np.maximum(1, looks[:-1] // 2), np.diff(looks)
        # All but the last are half; the last one takes up what would be left for a small step.
        assert (steps[:-1] == half[:-1]).all()
        assert steps[-1] <= half[-1] + half[-1] // 2
        if len(steps) > 1:
            assert steps[-1] > half[-2] // 2
