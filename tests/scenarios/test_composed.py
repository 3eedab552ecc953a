"""Permutations one after the other, and where the pixels of a rotation come from."""

from __future__ import annotations

import numpy as np
import pytest

from clbench_plugins.builtin_scenarios.warped import Composed, _neighbours, rotation


def drawn(index: int) -> np.ndarray:
    return np.random.default_rng(index).permutation(6)


def by_hand(index: int) -> np.ndarray:
    """What is seen of an image whose pixel p is p."""
    image = np.arange(6)[drawn(0)]
    for later in range(1, index + 1):
        image = image[drawn(later)]
    return image


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3], [3, 1], [2, 2, 0, 3]])
def test_a_permutation_is_the_same_in_whatever_order_tasks_are_asked_for(
    order: list[int],
) -> None:
    composed = Composed(drawn)
    for index in order:
        np.testing.assert_array_equal(composed(index), by_hand(index))


def test_neighbours_share_a_number_by_their_distance() -> None:
    (below, of_below), (above, of_above) = _neighbours(np.array([1.25, -0.5, 3.0]))
    assert below.tolist() == [1, -1, 3]
    assert above.tolist() == [2, 0, 4]
    assert of_below.tolist() == [0.75, 0.5, 1.0]
    np.testing.assert_array_equal(of_below + of_above, 1.0)


def seen(image: np.ndarray, degrees: float) -> np.ndarray:
    warp = rotation(*image.shape, degrees)
    assert warp.weight is not None
    return (warp.weight * image.ravel()[warp.index]).sum(1).reshape(image.shape)


IMAGE = np.random.default_rng(0).random((5, 5))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, -1])
def test_quarter_turns_are_numpys(turns: int) -> None:
    np.testing.assert_allclose(seen(IMAGE, 90 * turns), np.rot90(IMAGE, turns), atol=1e-6)


def test_weights_add_up_to_1_inside_and_to_less_at_the_border() -> None:
    warp = rotation(5, 5, 30)
    assert warp.weight is not None
    totals = warp.weight.sum(1).reshape(5, 5)
    np.testing.assert_allclose(totals[1:4, 1:4], 1.0, atol=1e-6)
    # What comes from outside the image is 0.
    assert totals[0, 0] < 1.0
    assert (warp.weight >= 0.0).all()


def test_every_index_is_of_a_pixel_that_is_there() -> None:
    warp = rotation(4, 7, 45)
    assert warp.index.shape == (28, 4)
    assert warp.index.min() >= 0
    assert warp.index.max() < 28


def test_there_and_back_again_a_smooth_image_is_nearly_the_same() -> None:
    rows = np.linspace(0, 1, 9)
    smooth = np.outer(np.sin(np.pi * rows), np.sin(np.pi * rows))
    back = seen(seen(smooth, 20), -20)
    assert np.abs(back - smooth)[2:7, 2:7].max() < 0.06
