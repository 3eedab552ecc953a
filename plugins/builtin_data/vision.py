"""Data sets read, and if wanted downloaded, by torchvision."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import PositiveInt

from clbench import Dataset, errors

IMAGENETTE_CLASSES = (  # in the order of their labels
    "n01440764",  # tench
    "n02102040",  # English springer
    "n02979186",  # cassette player
    "n03000684",  # chain saw
    "n03028079",  # church
    "n03394916",  # French horn
    "n03417042",  # garbage truck
    "n03425413",  # gas pump
    "n03445777",  # golf ball
    "n03888257",  # parachute
)


class TorchvisionSet(Dataset):
    """What all of them share: the arrays of torchvision's own class. torchvision is imported when
    it is needed, not before.
    """

    source: ClassVar[str]  # torchvision's class, which is also its folder

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        return *self._arrays(root, train=True), *self._arrays(root, train=False)

    def _arrays(self, root: Path, *, train: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        part = self._part(root, train=train)
        return np.asarray(part.data), np.asarray(part.targets)

    def fetch(self, root: Path) -> None:
        for train in (True, False):
            self._part(root, train=train, download=True)

    def _part(self, root: Path, *, train: bool, **how: Any) -> Any:
        """The data set of torchvision's own, its training or its test part."""
        return self._made(root, train=train, **how)

    def _made(self, root: Path, **how: Any) -> Any:
        from torchvision import datasets

        return getattr(datasets, self.source)(root, **how)


class IdxSet(TorchvisionSet):
    """MNIST and the sets in its format: four files, packed or not, in torchvision's folder or in
    one named like the data set.
    """

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
                raise errors.UserError(
                    f"the {self.source} files in {self.files(root)[0].parent} are damaged: {error}"
                ) from error

    def _file(self, root: Path, part: str) -> Path:
        small = self.source.lower()
        names = (
            small,
            f"{small.removesuffix('mnist')}-mnist",
            f"{small.removesuffix('mnist')}_mnist",
        )
        folders = [root / self.source / "raw", *(root / name for name in names)]
        # torchvision's own folder first.
        candidates = [folder / (part + suffix) for folder in folders for suffix in ("", ".gz")]
        return next((path for path in candidates if path.is_file()), candidates[0])

    def _unpack(self, file: Path, to: Path) -> None:
        if file.suffix != ".gz":
            # No copy: torchvision reads through the link.
            to.symlink_to(file.resolve())
            return
        try:
            _inflate(file, to)
        except (OSError, EOFError) as error:
            raise errors.UserError(f"{file} is damaged: {error}") from error


def _inflate(file: Path, to: Path) -> None:
    with gzip.open(file) as packed, to.open("wb") as raw:
        shutil.copyfileobj(packed, raw)


class MNIST(IdxSet):
    """Handwritten digits, 28x28 grey, 60,000 / 10,000 (LeCun, Cortes, Burges)."""

    source = "MNIST"


class FashionMNIST(IdxSet):
    """Articles of clothing in the format of MNIST, 60,000 / 10,000 (Xiao, Rasul, Vollgraf 2017)."""

    source = "FashionMNIST"


class KMNIST(IdxSet):
    """Cursive Japanese characters in MNIST's format, 60,000 / 10,000 (Clanuwat et al. 2018)."""

    source = "KMNIST"


class VerifiedSet(TorchvisionSet):
    """Files that torchvision opens only after its MD5 check: those of CIFAR are pickles."""

    folder: ClassVar[str]
    parts: ClassVar[tuple[str, ...]]

    def files(self, root: Path) -> Sequence[Path]:
        return [root / self.folder / part for part in self.parts]

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        try:
            return super().load(root)
        except RuntimeError as error:
            raise errors.UserError(
                f"the files in {root / self.folder} are not the original ones (their MD5 differs); "
                "files of unknown origin are not opened"
            ) from error


class CIFAR10(VerifiedSet):
    """Photographs of ten kinds of things, 32x32 colour, 50,000 / 10,000 (Krizhevsky 2009)."""

    source, folder, classes, shape = "CIFAR10", "cifar-10-batches-py", 10, (32, 32, 3)
    parts = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")


class CIFAR100(VerifiedSet):
    """Photographs of a hundred kinds of things (the fine labels), 32x32 colour, 50,000 / 10,000
    (Krizhevsky 2009).
    """

    source, folder, classes, shape = "CIFAR100", "cifar-100-python", 100, (32, 32, 3)
    parts = ("train", "test", "meta")


class STL10(VerifiedSet):
    """Photographs of ten kinds of things, 96x96 colour, 5,000 / 8,000 (Coates, Lee, Ng 2011).

    The 100,000 images without a label stay in their file.
    """

    source, folder, classes, shape = "STL10", "stl10_binary", 10, (96, 96, 3)
    parts = ("train_X.bin", "train_y.bin", "unlabeled_X.bin", "test_X.bin", "test_y.bin")

    def _part(self, root: Path, *, train: bool, **how: Any) -> Any:
        found = self._made(root, split="train" if train else "test", **how)
        # STL-10 is stored channels first.
        return SimpleNamespace(data=found.data.transpose(0, 2, 3, 1), targets=found.labels)


class Imagenette(TorchvisionSet):
    """Ten easily told classes of ImageNet, 9,469 / 3,925 (Howard 2019): the version whose shorter
    sides are 160 pixels.

    Images come in many shapes: each is resized until its shorter side is `size`, and the square in
    its middle is kept.
    """

    source, folder, classes = "Imagenette", "imagenette2-160", 10
    size: PositiveInt = 160  # height and width of the images

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels, as the option says."""
        return self.size, self.size, 3

    def files(self, root: Path) -> Sequence[Path]:
        """The images that are there; where a class has none, its folder."""
        home = root / self.folder
        if not home.is_dir():
            return [home]
        # The order is that of the labels.
        classes = [home / split / name for split in ("train", "val") for name in IMAGENETTE_CLASSES]
        return [path for folder in classes for path in (sorted(folder.glob("*.JPEG")) or [folder])]

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        return *self._pictures(root, train=True), *self._pictures(root, train=False)

    def _pictures(self, root: Path, *, train: bool) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        from torchvision import transforms

        found = self._part(root, train=train)
        square = transforms.Compose(
            [transforms.Resize(self.size), transforms.CenterCrop(self.size)]
        )
        x = np.empty((len(found), *self.shape), dtype=np.uint8)
        y = np.empty(len(found), dtype=np.int64)
        for row in range(len(found)):
            try:
                picture, y[row] = found[row]
            except OSError as error:
                raise errors.UserError(
                    f"an image in {root / self.folder} is damaged: {error}"
                ) from error
            x[row] = np.asarray(square(picture))
        return x, y

    def _part(self, root: Path, *, train: bool, **how: Any) -> Any:
        return self._made(root, split="train" if train else "val", size="160px", **how)
