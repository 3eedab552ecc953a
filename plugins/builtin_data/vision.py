"""Data sets read, and if wanted downloaded, by torchvision."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from clbench import Dataset, errors


class TorchvisionSet(Dataset):
    """What all of them share: the arrays of torchvision's own class. torchvision is imported when it is needed, not before."""

    source: ClassVar[str]  # torchvision's class, which is also its folder

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        train, test = self._part(root, train=True), self._part(root, train=False)
        return np.asarray(train.data), np.asarray(train.targets), np.asarray(test.data), np.asarray(test.targets)

    def fetch(self, root: Path) -> None:
        for train in (True, False):
            self._part(root, train=train, download=True)

    def _part(self, root: Path, **how: bool) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.source)(root, **how)


class IdxSet(TorchvisionSet):
    """MNIST and the sets in its format: four files, packed or not, in torchvision's folder or in one named like the data set."""

    classes = 10
    shape = (28, 28, 1)
    parts: ClassVar[tuple[str, ...]] = (
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    )

    def files(self, root: Path) -> Sequence[Path]:
        return [self._file(root, part) for part in self.parts]

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        """Lay the files out as torchvision wants them, in a folder that goes away again."""
        with tempfile.TemporaryDirectory(prefix="clbench-") as folder:
            raw = Path(folder) / self.source / "raw"
            raw.mkdir(parents=True)
            for part, file in zip(self.parts, self.files(root), strict=True):
                self._unpack(file, raw / part)
            try:
                return super().load(Path(folder))
            except (ValueError, AssertionError, RuntimeError) as error:
                raise errors.UserError(f"the {self.source} files in {self.files(root)[0].parent} are damaged: {error}") from error

    def _file(self, root: Path, part: str) -> Path:
        small = self.source.lower()
        names = (small, f"{small.removesuffix('mnist')}-mnist", f"{small.removesuffix('mnist')}_mnist")
        folders = [root / self.source / "raw", *(root / name for name in names)]
        candidates = [folder / (part + suffix) for folder in folders for suffix in ("", ".gz")]
        return next((path for path in candidates if path.is_file()), candidates[0])

    def _unpack(self, file: Path, to: Path) -> None:
        if file.suffix != ".gz":
            to.symlink_to(file.resolve())
            return
        try:
            with gzip.open(file) as packed, to.open("wb") as raw:
                shutil.copyfileobj(packed, raw)
        except (OSError, EOFError) as error:
            raise errors.UserError(f"{file} is damaged: {error}") from error


class MNIST(IdxSet):
    """Handwritten digits, 28x28 grey, 60,000 / 10,000 (LeCun, Cortes, Burges)."""

    source = "MNIST"


class FashionMNIST(IdxSet):
    """Articles of clothing in the format of MNIST, 60,000 / 10,000 (Xiao, Rasul, Vollgraf 2017)."""

    source = "FashionMNIST"


class KMNIST(IdxSet):
    """Cursive Japanese characters in the format of MNIST, 60,000 / 10,000 (Clanuwat et al. 2018)."""

    source = "KMNIST"


class CifarSet(TorchvisionSet):
    """Both CIFAR sets. Their files are pickles, so they are opened only by torchvision and only after its MD5 check."""

    shape = (32, 32, 3)
    folder: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]

    def files(self, root: Path) -> Sequence[Path]:
        return [root / self.folder / part for part in self.parts]

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        try:
            return super().load(root)
        except RuntimeError as error:
            raise errors.UserError(
                f"the files in {root / self.folder} are not the original ones (their MD5 differs); pickles of unknown origin are not opened"
            ) from error


class CIFAR10(CifarSet):
    """Photographs of ten kinds of things, 32x32 colour, 50,000 / 10,000 (Krizhevsky 2009)."""

    source, folder, classes = "CIFAR10", "cifar-10-batches-py", 10
    parts = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")


class CIFAR100(CifarSet):
    """Photographs of a hundred kinds of things (the fine labels), 32x32 colour, 50,000 / 10,000 (Krizhevsky 2009)."""

    source, folder, classes = "CIFAR100", "cifar-100-python", 100
    parts = ("train", "test", "meta")
