"""Second views of images: what is drawn says what is seen."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from clbench_plugins.modular.views import (
    BLUR,
    NOISE,
    _blurred,
    _gaussian,
    _ratio,
    affine_blur,
    crop_flip,
    flip_blur_noise,
)

IMAGES = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
MIDDLE = 0.5  # of everything that is drawn: no turn, no shift, no zoom


def drawn(*values: float) -> Tensor:
    """The same for both images."""
    return torch.tensor([values, values])


def test_a_whole_square_that_is_not_mirrored_is_the_image() -> None:
    # The largest area, the ratio 1, and no matter where.
    found = crop_flip(IMAGES, drawn(1.0, MIDDLE, 0.3, 0.7, 0.9))
    torch.testing.assert_close(found, IMAGES, atol=1e-5, rtol=0)


def test_half_of_the_time_an_image_is_mirrored() -> None:
    found = crop_flip(IMAGES, drawn(1.0, MIDDLE, 0.3, 0.7, 0.1))
    torch.testing.assert_close(found, IMAGES.flip(-1), atol=1e-5, rtol=0)


def ramp(dim: int) -> Tensor:
    """Images that rise from 0 to 1 along their rows (2) or columns (3)."""
    middles = (torch.arange(8) + 0.5) / 8
    shape = [1, 1, 1, 1]
    shape[dim] = 8
    return middles.view(shape).expand(1, 1, 8, 8)


@pytest.mark.parametrize(("place", "first"), [(0.0, 0.0), (1.0, 0.5)])
def test_a_crop_begins_where_it_is_placed(place: float, first: float) -> None:
    # A quarter of the area is half of each side: (0.25 - 0.2) / 0.8.
    given = torch.tensor([[0.05 / 0.8, MIDDLE, place, MIDDLE, 0.9]])
    rows = crop_flip(ramp(2), given)[0, 0, :, 3]
    # Half of the ramp, seen at twice the size: the middle of its first pixel lies at 1/32 of it.
    assert rows[1].item() == pytest.approx(first + 1.5 / 16, abs=1e-4)
    assert (rows[-2] - rows[1]).item() == pytest.approx(5 / 16, abs=1e-4)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.75), (0.5, 1.0), (1.0, 4 / 3)])
def test_ratios_are_even_in_the_logarithm(share: float, expected: float) -> None:
    assert _ratio(torch.tensor(share)).item() == pytest.approx(expected)


def test_without_a_turn_a_shift_or_a_zoom_an_image_is_only_blurred() -> None:
    given = drawn(MIDDLE, MIDDLE, MIDDLE, MIDDLE, 0.2)
    expected = _blurred(IMAGES, given[:, 4])
    torch.testing.assert_close(affine_blur(IMAGES, given), expected, atol=1e-5, rtol=0)


def test_a_shift_moves_along_the_side_it_is_drawn_for() -> None:
    # 0.75 is half of the largest shift: 5 % of a side, 0.05 of the ramp.
    given = torch.tensor([[MIDDLE, MIDDLE, 0.75, MIDDLE, 0.0]])
    inner = (slice(None), slice(None), slice(2, 6), slice(2, 6))
    moved = affine_blur(ramp(3), given)[inner] - ramp(3)[inner]
    torch.testing.assert_close(moved, torch.full_like(moved, 0.05), atol=1e-4, rtol=0)
    unmoved = affine_blur(ramp(2), given)[inner] - ramp(2)[inner]
    torch.testing.assert_close(unmoved, torch.zeros_like(unmoved), atol=1e-4, rtol=0)


def test_a_zoom_brings_pixels_apart_about_the_middle() -> None:
    given = torch.tensor([[MIDDLE, 1.0, MIDDLE, MIDDLE, 0.0]])
    seen = affine_blur(ramp(3), given)[0, 0, 4]
    # 10 % larger: a step of 1/8 becomes one of 1/8 / 1.1.
    assert (seen[4] - seen[3]).item() == pytest.approx(0.125 / 1.1, abs=1e-4)
    assert (seen[4] + seen[3]).item() == pytest.approx(1.0, abs=1e-4)


def test_a_turn_mixes_both_axes() -> None:
    given = torch.tensor([[1.0, MIDDLE, MIDDLE, MIDDLE, 0.0]])
    angle = math.radians(10)
    inner = (0, 0, slice(2, 6), slice(2, 6))
    seen = affine_blur(ramp(3), given)[inner]
    across = (ramp(3) - 0.5)[inner]
    down = (ramp(2) - 0.5)[inner]
    expected = 0.5 + math.cos(angle) * across - math.sin(angle) * down
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=0)


def test_a_blur_keeps_brightness_and_a_flat_image() -> None:
    shares = torch.tensor([0.0, 0.5, 1.0])
    middle, side = _gaussian(shares)
    torch.testing.assert_close(middle + 2 * side, torch.ones(3))
    # A wider Gaussian gives more to its neighbours: exp(-1 / (2 s^2)) of the middle.
    deviations = BLUR[0] + (BLUR[1] - BLUR[0]) * shares
    torch.testing.assert_close(side / middle, (-0.5 / deviations.square()).exp())
    flat = torch.full((2, 3, 8, 8), 0.3)
    torch.testing.assert_close(_blurred(flat, torch.tensor([0.1, 0.9])), flat)


def test_noise_is_added_behind_the_blur() -> None:
    noise = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(1))
    given = drawn(0.9, 0.3)
    expected = _blurred(IMAGES, given[:, 1]) + NOISE * noise
    torch.testing.assert_close(flip_blur_noise(IMAGES, given, noise), expected)
    mirrored = flip_blur_noise(IMAGES, drawn(0.1, 0.3), 0 * noise)
    torch.testing.assert_close(mirrored, _blurred(IMAGES.flip(-1), given[:, 1]))
