"""A folder of class folders of images: train/CLASS/*.png and test/CLASS/*.png."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clbench.data.dataset import Dataset
from clbench.data.room import check_room
from clbench.errors import UserError
from clbench.options import name_of

PARTS = ("train", "test")


def read_pictures(path: Path, dataset: Dataset | None) -> Mapping[str, npt.NDArray[Any]]:
    """Classes are the folders of `train` in alphabetical order,
    as torchvision's ImageFolder counts them.
    """
    for part in PARTS:
        if not (path / part).is_dir():
            raise UserError(
                f"{path} lacks the folder {part!r};"
                " images are laid out as train/CLASS/*.png and test/CLASS/*.png"
            )
    classes = _folders(path / "train")
    _check_classes(path, classes, dataset)
    files = {part: _labelled(path / part, classes) for part in PARTS}
    found: dict[str, npt.NDArray[Any]] = {"class_names": np.array(classes)}
    # Training and test images alike: a network has one number of channels.
    mode = _common_mode([file for items in files.values() for file, _ in items])
    for part, items in files.items():
        found[f"x_{part}"] = _read([file for file, _ in items], mode)
        found[f"y_{part}"] = np.array([label for _, label in items], dtype=np.int64)
    return found


def _folders(path: Path) -> list[str]:
    return sorted(folder.name for folder in path.iterdir() if folder.is_dir())


def _check_classes(path: Path, classes: list[str], dataset: Dataset | None) -> None:
    strangers = [name for name in _folders(path / "test") if name not in classes]
    if not classes or strangers:
        lacking = f"folder for the class {strangers[0]!r}" if strangers else "class folders"
        raise UserError(f"{path / 'train'} has no {lacking}")
    declared = None if dataset is None else dataset.classes
    if dataset is not None and declared not in (None, len(classes)):
        raise UserError(
            f"{path / 'train'} has {len(classes):,} class folders, but {name_of(type(dataset))!r} "
            f"has {declared:,} classes; import them under another name, or add those that lack"
        )


def _labelled(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    items: list[tuple[Path, int]] = []
    for label, name in enumerate(classes):
        items += [(file, label) for file in _images_in(folder / name)]
    if not items:
        raise UserError(f"{folder} has no images")
    return items


def _images_in(folder: Path) -> list[Path]:
    from PIL import Image

    # By extension: other files of the folder (licences, lists) are no images.
    known = Image.registered_extensions()
    return [file for file in sorted(folder.glob("*")) if file.suffix.lower() in known]


def _common_mode(files: list[Path]) -> str:
    """Grey where every image is; one in colour makes all of them colour."""
    # One bit or eight bits a pixel, without colour.
    grey = all(_mode(file) in ("1", "L") for file in files)
    return "L" if grey else "RGB"


def _mode(file: Path) -> str:
    with _opened(file) as image:
        return str(image.mode)


def _read(files: list[Path], mode: str) -> npt.NDArray[np.uint8]:
    """All of them in one array, which is as large as the first one says: no second copy is held."""
    first = _pixels(files[0], mode)
    # The first one tells how large the others are.
    check_room(files[0].parent.parent, len(files) * first.size)
    pictures = np.empty((len(files), *first.shape), dtype=np.uint8)
    for row, file in enumerate(files):
        picture = _pixels(file, mode)
        if picture.shape != first.shape:
            raise UserError(
                f"{file} is {_size(picture)}, but {files[0]} is {_size(first)}; "
                "all images must have one size, so resize them first"
            )
        pictures[row] = picture
    return pictures


def _pixels(file: Path, mode: str) -> npt.NDArray[np.uint8]:
    with _opened(file) as image:
        # Palettes, transparency and 16 bits all become the common mode.
        return np.asarray(image.convert(mode))


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """An image, read as far as somebody asks; whatever is wrong with it is one sentence."""
    from PIL import Image

    try:
        with Image.open(file) as image:
            yield image
    except OSError as error:
        raise UserError(f"{file} cannot be read as an image: {error}") from error


def _size(picture: npt.NDArray[np.uint8]) -> str:
    return "x".join(map(str, picture.shape[:2]))
