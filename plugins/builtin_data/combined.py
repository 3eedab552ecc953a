"""Data sets put together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from clbench import Arrays, Dataset, errors, find_dataset, load_arrays

Images = npt.NDArray[np.uint8]
Shape = tuple[int, int, int]  # height, width, channels


def _several(parts: list[Any]) -> list[Any]:
    # Options in any order: the same data set all the same.
    if len({json.dumps(part, sort_keys=True) for part in parts}) < len(parts):
        raise ValueError("names a data set twice; its classes would be the same ones again")
    return parts


class Combined(Dataset):
    """Several data sets as one: the classes of each are counted on from those of the one before.

    Images must be of one size and of as many channels, unless `pad` brings them there. Pixel values
    that go to another maximum than 255 are scaled to it.
    """

    of_others = True

    of: Annotated[list[str | dict[str, Any]], AfterValidator(_several)] = Field(
        ["mnist", "kmnist", "fashion_mnist"], min_length=2
    )  # names of data sets, or names with options
    # smaller images in the middle of a black one of the largest size, grey ones in every channel
    pad: bool = False

    @property
    def classes(self) -> int | None:
        """The sum, where every part knows its own."""
        total = 0
        for part in self.of:
            count = find_dataset(part).classes
            if count is None:
                return None
            total += count
        return total

    @property
    def shape(self) -> Shape | None:
        """The largest height, width and number of channels."""
        shapes = []
        for part in self.of:
            shape = find_dataset(part).shape
            if shape is None:
                return None
            shapes.append(shape)
        return _largest(shapes)

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        parts = [load_arrays(part) for part in self.of]
        wanted = self._shape_of_all(parts)
        found = []
        classes = 0  # of the data sets before, which labels are counted on from
        for part in parts:
            found.append(_brought_in(part, wanted, classes))
            classes += part.classes
        return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))

    def _shape_of_all(self, parts: Sequence[Arrays]) -> Shape:
        """The largest of the parts' shapes; without `pad` they have to be equal."""
        shapes = {part.name: _shape_of(part) for part in parts}
        wanted = _largest(list(shapes.values()))
        if not self.pad and set(shapes.values()) != {wanted}:
            raise errors.UserError(
                f"data set 'combined': images (height, width, channels) differ: {_said(shapes)};"
                " `pad: true` brings them to the largest"
            )
        return wanted


def _said(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(f"{name} has {'x'.join(map(str, shape))}" for name, shape in shapes.items())


def _shape_of(part: Arrays) -> Shape:
    _, height, width, channels = part.x_train.shape
    return height, width, channels


def _largest(shapes: list[Shape]) -> Shape:
    height, width, channels = (max(sizes) for sizes in zip(*shapes, strict=True))
    return height, width, channels


def _brought_in(part: Arrays, wanted: Shape, before: int) -> tuple[npt.NDArray[Any], ...]:
    """The four arrays of a part, behind parts with so many classes."""
    train, test = (_brought(part, images, wanted) for images in (part.x_train, part.x_test))
    return train, part.y_train + before, test, part.y_test + before


def _brought(part: Arrays, images: Images, wanted: Shape) -> Images:
    """The images with values up to 255, padded and repeated to the shape."""
    if part.scale != 255.0:
        # Digits go to 16: the brightest pixel becomes 255.
        images = np.rint(images * (255.0 / part.scale)).astype(np.uint8)
    *_, channels = images.shape
    if images.shape[1:] == wanted:
        return images
    if channels not in (1, wanted[2]):
        raise errors.UserError(
            f"data set 'combined': {part.name} has {channels} channels and another part"
            f" {wanted[2]}; only a single channel can be repeated"
        )
    return _padded(images, wanted)


def _padded(images: Images, wanted: Shape) -> Images:
    """In the middle of zeros."""
    count, height, width, _ = images.shape
    padded = np.zeros((count, *wanted), dtype=np.uint8)
    # An odd rest goes below and to the right.
    top, left = (wanted[0] - height) // 2, (wanted[1] - width) // 2
    padded[:, top : top + height, left : left + width] = images  # one channel goes to every one
    return padded
