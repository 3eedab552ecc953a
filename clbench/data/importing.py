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
from clbench.data.npz import npz_sizes
from clbench.data.pictures import read_pictures
from clbench.data.room import check_room
from clbench.data.roots import destination
from clbench.errors import UnknownName, UserError

if TYPE_CHECKING:
    from clbench.host import Host

Named = Mapping[str, npt.NDArray[Any]]


def import_data(
    name: str, path: Path, root: Path | None = None, host: Host | None = None
) -> Arrays:
    """Check the arrays in `path` and keep them under `name`.

    It is an .npz file, a folder with train/CLASS/*.png and test/CLASS/*.png, or one as the data set
    lays it out itself.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name):
        raise UserError(f"{name!r} cannot name a data set: use lower-case letters, digits and _")
    # Arrays under a known name have to be what that name promises.
    dataset = None if host is None else _stands_for(name, host)
    path = Path(path).expanduser()
    if not path.exists():
        raise UserError(f"{path}: there is no such file or folder")
    found = _folder(path, dataset) if path.is_dir() else _npz(path)
    four = tuple(found[key] for key in KEYS)
    arrays = make_arrays(name, four, dataset)
    # Kept beside the arrays (class names, say), and used by nothing.
    extra = {key: value for key, value in found.items() if key not in KEYS}
    target = destination(root).folder / f"{name}.h5"
    try:
        store.write(target, arrays, store.IMPORTED, extra)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    return arrays


def _stands_for(name: str, host: Host) -> Dataset | None:
    """The known data set that arrays called `name` would stand for, if any;
    refused where they never would be read.
    """
    try:
        dataset: Dataset = host.get("dataset", name)()
    except UnknownName:
        return None
    if not dataset.files(Path()):
        # An import under this name would never be found: computed data is not looked for.
        raise UserError(
            f"{name!r} is a data set that is computed, not read from files;"
            " import the arrays under another name"
        )
    if dataset.options:
        raise UserError(
            f"{name!r} has the options {', '.join(dataset.options)}, and arrays have none;"
            " import them under another name"
        )
    return dataset


def _npz(path: Path) -> Named:
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is not an .npz file; one with {', '.join(KEYS)} is needed")
    try:
        # Before decompressing: a small archive may claim any size.
        claimed = npz_sizes(path)
        check_room(path, sum(claimed.values()))
        # A pickle runs code.
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


def _folder(path: Path, dataset: Dataset | None) -> Named:
    """A layout of the data set's own, where it knows this one;
    images in class folders otherwise.
    """
    own = None if dataset is None else dataset.read_folder(path)
    if own is None:
        return read_pictures(path, dataset)
    return dict(zip(KEYS, own, strict=True))
