"""Where the pixels of an augmented image come from: shifted, mirrored, turned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from clbench.stack import Noise

MAX_CROP_SHIFT = 4  # pixels that a crop is shifted by
# Angles are drawn from a table: sines of a whole batch would have bits that depend on its size.
ANGLES = np.arange(151) / 10  # degrees, counter-clockwise
MIRRORED_BORDER = ("crop_flip_reflect", "crop_flip_rotate")


@dataclass(frozen=True)
class View:
    """How each image of a batch is seen, `[R, B]` each: first shifted, then mirrored, then turned.

    `angle` is a place in `ANGLES`; None where nothing is turned. `reflect` continues a shifted
    image by its mirror image, without repeating the border's pixels; otherwise what lies outside is
    black.
    """

    down: Tensor
    right: Tensor
    mirrored: Tensor
    angle: Tensor | None = None
    reflect: bool = False


def draw_view(noise: Noise, size: int, augmentation: str) -> View:
    """The views of a step's images, as one of the protocol's words wants them."""
    # In this order: each is one draw of the member's stream.
    mirrored = noise.integers(2, size)
    if augmentation == "flip":
        return View(torch.zeros_like(mirrored), torch.zeros_like(mirrored), mirrored)
    # -4 .. 4, a crop of the image padded by 4 pixels (He et al. 2016).
    shifts = 2 * MAX_CROP_SHIFT + 1
    down, right = (noise.integers(shifts, size) - MAX_CROP_SHIFT for _ in range(2))
    turned = augmentation == "crop_flip_rotate"
    angle = noise.integers(len(ANGLES), size) if turned else None
    return View(down, right, mirrored, angle, augmentation in MIRRORED_BORDER)


class Viewer:
    """Finds the pixels that views are made of, in images of one size."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.height, self.width, self.device = height, width, device

    def pixels(self, view: View) -> tuple[Tensor, Tensor]:
        """For every pixel seen, the place of the stored
        one, and whether there is one: `[R, B, P]` each.
        """
        # `[R, B, 1, 1]` beside rows `[H, 1]` and columns `[W]`.
        down, right, mirrored = (
            part[..., None, None] for part in (view.down, view.right, view.mirrored)
        )
        row, column, seen = self._turned(view)
        row = row + down
        # From the pixel seen back to the stored one: undone in reverse order, turned, mirrored,
        # shifted.
        column = torch.where(mirrored.bool(), self.width - 1 - column, column) + right
        if view.reflect:
            row, column = _reflected(row, self.height), _reflected(column, self.width)
        inside = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
        if seen is not None:
            inside = inside & seen
        # Clamped, so that what lies outside may be read and thrown away.
        place = row.clamp(0, self.height - 1) * self.width + column.clamp(0, self.width - 1)
        return place.flatten(2), inside.flatten(2)

    def _turned(self, view: View) -> tuple[Tensor, Tensor, Tensor | None]:
        """Row and column in the image before it was turned, and whether that is in the image."""
        if view.angle is None:
            rows = torch.arange(self.height, device=self.device)[:, None]
            return rows, torch.arange(self.width, device=self.device), None
        place = self._turns[view.angle].long().unflatten(-1, (self.height, self.width))
        # -1 is outside: its row and column mean nothing, and the last of the three says so.
        return place // self.width, place % self.width, place >= 0

    @cached_property
    def _turns(self) -> Tensor:
        """`[angles, P]`: the place that each pixel of a turned image comes from, -1 for outside."""
        places = [turned_from(self.height, self.width, float(angle)) for angle in ANGLES]
        return torch.from_numpy(np.stack(places).astype(np.int32)).to(self.device)


def turned_from(height: int, width: int, degrees: float) -> np.ndarray:
    """For each pixel of an image turned counter-clockwise about
    its centre, the nearest of the image before; -1 outside.
    """
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    row, column = (axis.ravel() for axis in np.mgrid[:height, :width])
    y, x = row - (height - 1) / 2, column - (width - 1) / 2
    # Rounded once before: what is a half on paper falls to the same side whatever the machine.
    # The inverse rotation: rows count downwards, so counter-clockwise is this sign.
    from_row = np.rint(np.round(cosine * y + sine * x + (height - 1) / 2, 6)).astype(np.int64)
    from_column = np.rint(np.round(cosine * x - sine * y + (width - 1) / 2, 6)).astype(np.int64)
    rows_fit = (from_row >= 0) & (from_row < height)
    columns_fit = (from_column >= 0) & (from_column < width)
    return np.where(rows_fit & columns_fit, from_row * width + from_column, -1)


def _reflected(place: Tensor, size: int) -> Tensor:
    """Places beyond either end, mirrored at the end's pixel."""
    last = size - 1
    # |place| mirrors at 0, the outer part at the last pixel, neither repeated.
    return last - (last - place.abs()).abs()
