"""What a data set is for its author: four arrays and, where it comes from files, which ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy.typing as npt

from clbench.errors import DataMissing
from clbench.options import Configurable, name_of

Four = tuple[npt.NDArray[Any], ...]  # x_train, y_train, x_test, y_test


class Dataset(Configurable):
    """A data set.

    Its author writes `load`; clbench checks the arrays, counts the classes, takes the fingerprint
    and keeps a copy.

        class Stripes(Dataset):
            classes = 2
            def load(self, root):
                return x_train, y_train, x_test, y_test

    Images are `uint8 [N, H, W, C]`, or `[N, H, W]` for grey ones; labels are integers from 0.
    """

    scale: ClassVar[float] = 255.0  # the pixel value that stands for 1
    # whether `load` asks for other data sets, which have to be here
    of_others: ClassVar[bool] = False

    # Where its files are to be had, for data that clbench cannot download: a clause for messages.
    origin: ClassVar[str] = ""

    @property
    def classes(self) -> int | None:
        """How many classes there are, where that is known before loading:
        scenarios are checked against it early.
        """
        return None

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels, where they are known before loading."""
        return None

    def load(self, root: Path) -> Four:
        """`x_train, y_train, x_test, y_test`, computed or read from files below the data root."""
        raise NotImplementedError(f"data set {name_of(type(self))!r} has no load()")

    def files(self, root: Path) -> Sequence[Path]:
        """The files below `root` that `load` reads, so that clbench can say what is missing,
        and keep the arrays as one HDF5 file; none for data that is computed or embedded.
        """
        return ()

    def read_folder(self, folder: Path) -> Four | None:
        """The four arrays in a folder that was given to `clbench data import`, where it is laid out
        in a way of the data set's own; None where it is not: then images in train/CLASS/*.png and
        test/CLASS/*.png are looked for.
        """
        return None

    def fetch(self, root: Path) -> None:
        """Download the files to below `root`, with a progress bar."""
        raise DataMissing(f"data set {name_of(type(self))!r} has nothing to download")
