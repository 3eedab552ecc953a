"""Small ImageNet, for studies of long streams of two classes each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy.typing as npt

from clbench import Dataset, errors, read_class_arrays


class Imagenet32(Dataset):
    """The thousand classes of ImageNet as 32x32 colour images, 600 / 100 a class.

    Made small by Chrabaszcz, Loshchilov & Hutter (2017), chosen by Dohare et al. (2024) for
    Continual ImageNet.

    clbench cannot download it. `clbench data import imagenet32 FOLDER` takes two layouts:

    - classes/0.npy to classes/999.npy, as published by Dohare et al.: each file is uint8
      [700, 3, 32, 32] or [700, 32, 32, 3], of which the first 600 images are for training and the
      last 100 for testing;
    - train/CLASS/*.png and test/CLASS/*.png, with a folder for each of the 1,000 classes (labels
      in alphabetical order) and images of 32x32 pixels, which are not resized.

    A data root (`--data DIR`) with imagenet32/classes/0.npy and so on is read as it is. The pickles
    of the official release are never opened, for a pickle can run code; docs/data.md shows how its
    .npz files become the first layout.
    """

    classes = 1000
    shape = (32, 32, 3)
    train: ClassVar[int] = 600  # images a class
    test: ClassVar[int] = 100
    origin = (
        "its class files are published with the code of Dohare et al. 2024 "
        "(shibhansh/loss-of-plasticity), "
        "or made from image-net.org's downsampled release (docs/data.md)"
    )

    def files(self, root: Path) -> Sequence[Path]:
        """A file a class; where there are none, their folder."""
        folder = root / "imagenet32" / "classes"
        if not folder.is_dir():
            return [folder]
        return [folder / f"{label}.npy" for label in range(self.classes)]

    def load(self, root: Path) -> tuple[npt.NDArray[Any], ...]:
        return self._read(root / "imagenet32" / "classes")

    def read_folder(self, folder: Path) -> tuple[npt.NDArray[Any], ...] | None:
        """Class files, in `folder` itself or in its folder `classes`; images are clbench's."""
        for place in (folder / "classes", folder):
            if any(place.glob("*.npy")):
                return self._read(place)
        if (folder / "train").is_dir():
            return None
        raise errors.UserError(
            f"{folder} has neither classes/0.npy to classes/{self.classes - 1}.npy, nor images as"
            " train/CLASS/*.png and test/CLASS/*.png; the batches of the official release have to"
            " be converted first (docs/data.md)"
        )

    def _read(self, folder: Path) -> tuple[npt.NDArray[Any], ...]:
        return read_class_arrays(
            folder, classes=self.classes, shape=self.shape, train=self.train, test=self.test
        )
