"""`clbench data import`: arrays a person already has, as a known data set or a new one."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from clbench.data import store
from clbench.data.arrays import Arrays
from clbench.data.check import KEYS, make_arrays
from clbench.data.dataset import Dataset
from clbench.data.npz import memory_size, npz_sizes
from clbench.data.roots import destination
from clbench.errors import UnknownName, UserError

if TYPE_CHECKING:
    from clbench.host import Host

Named = Mapping[str, npt.NDArray[Any]]


def import_data(
    name: str, path: Path, root: Path | None = None, host: Host | None = None
) -> Arrays:
    """Check the arrays in `path` (an .npz file, or a folder with train/CLASS/*.png and test/CLASS/*.png) and keep them under `name`."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise UserError(f"{name!r} cannot name a data set: use lower-case letters, digits and _")
    dataset = None if host is None else _stands_for(name, host)
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder")
    found = _folder(path) if path.is_dir() else _npz(path)
    arrays = make_arrays(
        name, (found["x_train"], found["y_train"], found["x_test"], found["y_test"]), dataset
    )
    place = destination(root)
    try:
        store.write(
            place.folder / f"{name}.h5",
            arrays,
            store.IMPORTED,
            {key: value for key, value in found.items() if key not in KEYS},
        )
    except OSError as error:
        raise UserError(
            f"cannot write {place.folder / f'{name}.h5'}: {error.strerror or error}"
        ) from error
    return arrays


def _stands_for(name: str, host: Host) -> Dataset | None:
    """The known data set that arrays called `name` would stand for, if any; refused where they never would be read."""
    try:
        dataset: Dataset = host.get("dataset", name)()
    except UnknownName:
        return None
    if not dataset.files(Path()):
        raise UserError(
            f"{name!r} is a data set that is computed, not read from files; import the arrays under another name"
        )
    if dataset.options:
        raise UserError(
            f"{name!r} has the options {', '.join(dataset.options)}, and arrays have none; import them under another name"
        )
    return dataset


def _npz(path: Path) -> Named:
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is not an .npz file; one with {', '.join(KEYS)} is needed")
    try:
        claimed = npz_sizes(path)
        _check_room(path, claimed)
        with np.load(path, allow_pickle=False) as archive:
            found = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} cannot be read as an .npz file of plain arrays: {error}"
        ) from error
    absent = [key for key in KEYS if key not in found]
    if absent:
        raise UserError(
            f"{path} lacks {', '.join(absent)}; it holds {', '.join(sorted(found)) or 'nothing'}"
        )
    return found


def _check_room(path: Path, claimed: Mapping[str, int]) -> None:
    """Refuse what cannot fit before anything of it is read: small files unpack to any size."""
    needed, there = sum(claimed.values()), memory_size()
    if needed > there:
        raise UserError(
            f"the arrays in {path} take {needed / 1e9:,.1f} GB, and this machine has "
            f"{there / 1e9:,.1f} GB of memory; import fewer or smaller images"
        )


def _folder(path: Path) -> Named:
    """Classes are the folders of `train` in alphabetical order, as torchvision's ImageFolder counts them."""
    for part in ("train", "test"):
        if not (path / part).is_dir():
            raise UserError(
                f"{path} lacks the folder {part!r}; images are laid out as train/CLASS/*.png and test/CLASS/*.png"
            )
    classes = sorted(folder.name for folder in (path / "train").iterdir() if folder.is_dir())
    strangers = sorted(
        folder.name
        for folder in (path / "test").iterdir()
        if folder.is_dir() and folder.name not in classes
    )
    if not classes or strangers:
        lacking = f"folder for the class {strangers[0]!r}" if strangers else "class folders"
        raise UserError(f"{path / 'train'} has no {lacking}")
    files = {part: _labelled(path / part, classes) for part in ("train", "test")}
    found: dict[str, npt.NDArray[Any]] = {"class_names": np.array(classes)}
    grey = all(_mode(file) in ("1", "L") for items in files.values() for file, _ in items)
    for part, items in files.items():
        found[f"x_{part}"] = _read_pictures([file for file, _ in items], "L" if grey else "RGB")
        found[f"y_{part}"] = np.array([label for _, label in items], dtype=np.int64)
    return found


def _labelled(folder: Path, classes: list[str]) -> list[tuple[Path, int]]:
    from PIL import Image

    known = Image.registered_extensions()
    items = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((folder / name).glob("*"))
        if file.suffix.lower() in known
    ]
    if not items:
        raise UserError(f"{folder} has no images")
    return items


def _mode(file: Path) -> str:
    from PIL import Image

    try:
        with Image.open(file) as image:
            return str(image.mode)
    except OSError as error:
        raise UserError(f"{file} cannot be read as an image: {error}") from error


def _read_pictures(files: list[Path], mode: str) -> npt.NDArray[np.uint8]:
    from PIL import Image

    pictures = []
    for file in files:
        try:
            with Image.open(file) as image:
                pictures.append(np.asarray(image.convert(mode)))
        except OSError as error:
            raise UserError(f"{file} cannot be read as an image: {error}") from error
        if pictures[-1].shape != pictures[0].shape:
            sizes = [
                "x".join(map(str, picture.shape[:2])) for picture in (pictures[-1], pictures[0])
            ]
            raise UserError(
                f"{file} is {sizes[0]}, but {files[0]} is {sizes[1]}; all images must have one size, so resize them first"
            )
    return np.stack(pictures)
