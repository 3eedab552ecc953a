"""Second views of images, for contrastive training: `[B, C, H, W]` of one member, and what was
drawn for each image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_AREA = 0.2  # of a crop, of the whole image
STRETCH = 4 / 3  # width over height of a crop, at most; and height over width
TURN = math.radians(10)  # either way
SHIFT = 0.1  # of height and width, either way
ZOOM = 0.1  # more or less than 1
BLUR = 0.1, 2.0  # deviations
NOISE = 0.05  # deviation, in units of the normalised image


def crop_flip(images: Tensor, drawn: Tensor) -> Tensor:
    """A part of the image at its full size, mirrored half of the time; `drawn [B, 5]` in [0, 1).

    The part has 0.2 to 1 of the image's area, and a ratio of 3/4 to 4/3. Where a side would be
    longer than the image it is cut.
    """
    for_area, for_ratio, down, right, mirrored = drawn.unbind(1)
    height, width = images.shape[-2:]
    area = LEAST_AREA + (1 - LEAST_AREA) * for_area
    # Sides are measured as shares of the image's own, hence `height / width`.
    ratio = _ratio(for_ratio) * height / width
    # A share s of the height and t of the width: s * t is the area, t / s the ratio.
    rows = _positions((area / ratio).sqrt().clamp(max=1), down, height)
    columns = _positions((area * ratio).sqrt().clamp(max=1), right, width)
    columns = torch.where(mirrored[:, None] < 0.5, columns.flip(1), columns)
    return _sampled(images, rows[:, :, None], columns[:, None])


def _ratio(drawn: Tensor) -> Tensor:
    """Width over height: even in the logarithm, so that wide and high are drawn alike."""
    return torch.exp((2 * drawn - 1) * math.log(STRETCH))


def _positions(share: Tensor, place: Tensor, size: int) -> Tensor:
    """`[B, size]`: the middles of `size` equal parts of a share of the side, `place`d along it."""
    # In grid_sample's units, -1 to 1 from border to border: the crop never sticks out.
    centre = (2 * place - 1) * (1 - share)
    return centre[:, None] + share[:, None] * _middles(size, share)


def _middles(size: int, like: Tensor) -> Tensor:
    """The middles of the pixels along a side, which goes from -1 to 1."""
    return (2 * torch.arange(size, device=like.device) + 1) / size - 1


def affine_blur(images: Tensor, drawn: Tensor) -> Tensor:
    """Turned, shifted and zoomed a little, and blurred; `drawn [B, 5]` in [0, 1)."""
    around_zero = 2 * drawn[:, :4, None, None] - 1
    turn, stretch, *shift = around_zero.unbind(1)
    angle, zoom = TURN * turn, 1 + ZOOM * stretch
    # The inverse map, from a pixel of the view to where it is read: a zoom of more than 1
    # divides.
    sine, cosine = angle.sin() / zoom, angle.cos() / zoom
    # The grid's side is 2, hence the factor.
    right, down = (2 * SHIFT * share for share in shift)
    height, width = images.shape[-2:]
    across, along = _middles(width, drawn), _middles(height, drawn)[:, None]
    # A turn is one in pixels: the ratio of the sides corrects for units that are of unlike
    # length.
    columns = cosine * across - sine * along * height / width + right
    rows = sine * across * width / height + cosine * along + down
    return _blurred(_sampled(images, rows, columns), drawn[:, 4])


def flip_blur_noise(images: Tensor, drawn: Tensor, noise: Tensor) -> Tensor:
    """Mirrored half of the time, blurred, with unit `noise`; `drawn [B, 2]` in [0, 1)."""
    mirrored = drawn[:, 0, None, None, None] < 0.5
    flipped = torch.where(mirrored, images.flip(-1), images)
    return _blurred(flipped, drawn[:, 1]) + NOISE * noise


def _sampled(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The images at these positions, `[B, H, W]` or what broadcasts to it, from -1 to 1.

    Between pixels linearly; beyond the border the border's pixel.
    """
    shape = len(images), *images.shape[-2:]
    # x before y, as grid_sample wants them.
    grid = torch.stack([columns.expand(shape), rows.expand(shape)], -1)
    return F.grid_sample(images, grid, "bilinear", "border", align_corners=False)


def _blurred(images: Tensor, drawn: Tensor) -> Tensor:
    """By a Gaussian on 3 x 3 pixels, one deviation an image; the border is mirrored."""
    middle, side = _gaussian(drawn[:, None, None, None])
    wide = F.pad(images, (1, 1, 1, 1), mode="reflect")
    # A Gaussian is separable: first along rows, then along columns.
    left, centre, right = wide[..., :-2], wide[..., 1:-1], wide[..., 2:]
    across = middle * centre + side * (left + right)
    above, centre, below = across[..., :-2, :], across[..., 1:-1, :], across[..., 2:, :]
    return middle * centre + side * (above + below)


def _gaussian(drawn: Tensor) -> tuple[Tensor, Tensor]:
    """A Gaussian's weights of the middle of three pixels, and of either side."""
    least, most = BLUR
    deviation = least + (most - least) * drawn
    of_neighbour = torch.exp(-0.5 / deviation.square())
    total = 1 + 2 * of_neighbour
    # With the sum 1 (middle and two sides): brightness stays.
    return 1 / total, of_neighbour / total
