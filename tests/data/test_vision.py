"""Data sets that torchvision reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clbench.data import load_arrays
from clbench.errors import DataMissing, UserError
from clbench.suite.choice import Choice
from clbench_plugins.builtin_data.vision import IMAGENETTE_CLASSES


def test_pickles_of_unknown_origin_are_not_opened(host, tmp_path):
    (tmp_path / "cifar-100-python").mkdir()
    for name in ("train", "test", "meta"):
        (tmp_path / "cifar-100-python" / name).write_bytes(
            b"cos\nsystem\n(S'touch /tmp/opened'\ntR."
        )
    with pytest.raises(UserError, match="MD5 differs"):
        load_arrays(Choice("cifar100", {}), host, tmp_path)


def write_stl10(root: Path) -> dict[str, np.ndarray]:
    """Few images as STL-10 has them: channels first, columns before rows, labels from 1."""
    folder = root / "stl10_binary"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    images = {
        "train": rng.integers(0, 256, (12, 96, 96, 3), dtype=np.uint8),
        "test": rng.integers(0, 256, (4, 96, 96, 3), dtype=np.uint8),
    }
    for part, x in images.items():
        (folder / f"{part}_X.bin").write_bytes(x.transpose(0, 3, 2, 1).tobytes())
        (folder / f"{part}_y.bin").write_bytes(
            (np.arange(len(x)) % 10 + 1).astype(np.uint8).tobytes()
        )
    (folder / "unlabeled_X.bin").write_bytes(b"")
    return images


def test_stl10_is_read_as_rows_columns_channels(host, tmp_path, monkeypatch):
    from torchvision import datasets

    images = write_stl10(tmp_path)
    with pytest.raises(UserError, match="MD5 differs"):
        load_arrays(Choice("stl10", {}), host, tmp_path)
    monkeypatch.setattr(datasets.STL10, "_check_integrity", lambda self: True)
    arrays = load_arrays(Choice("stl10", {}), host, tmp_path)
    assert np.array_equal(arrays.x_train, images["train"])
    assert np.array_equal(arrays.x_test, images["test"])
    assert arrays.y_train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert arrays.classes == 10
    assert (tmp_path / "clbench" / "stl10.h5").is_file()


def write_imagenette(root: Path) -> Path:
    """Two training images and a test image a class, wide, high and square; the brightness says
    which class.
    """
    for label, name in enumerate(IMAGENETTE_CLASSES):
        for split, sizes in (("train", [(30, 20), (20, 30)]), ("val", [(24, 24)])):
            folder = root / "imagenette2-160" / split / name
            folder.mkdir(parents=True)
            for number, (width, height) in enumerate(sizes):
                picture = np.full((height, width, 3), 20 * label, dtype=np.uint8)
                picture[:, : (width - min(width, height)) // 2] = (
                    255  # what the middle square leaves out, on the left
                )
                Image.fromarray(picture).save(folder / f"{name}_{number}.JPEG", quality=95)
    return root / "imagenette2-160"


def test_imagenette_is_resized_and_cropped_to_its_middle(host, tmp_path):
    folder = write_imagenette(tmp_path)
    arrays = load_arrays(Choice("imagenette", {"size": 10}), host, tmp_path)
    assert arrays.x_train.shape == (20, 10, 10, 3)
    assert arrays.y_train.tolist() == [label for label in range(10) for _ in range(2)]
    assert arrays.y_test.tolist() == list(range(10))
    middle = arrays.x_train[:, :, 2:].astype(int)
    assert np.abs(middle - 20 * arrays.y_train[:, None, None, None]).max() <= 8
    larger = load_arrays(Choice("imagenette", {"size": 12}), host, tmp_path)
    assert larger.input_shape == (3, 12, 12)
    assert len(list((tmp_path / "clbench").glob("imagenette-*.h5"))) == 2
    next((folder / "train" / "n03028079").iterdir()).write_bytes(b"no picture")
    with pytest.raises(UserError, match="damaged"):
        load_arrays(Choice("imagenette", {"size": 10}), host, tmp_path)


def test_a_class_of_imagenette_without_images_is_named(host, tmp_path):
    with pytest.raises(
        DataMissing,
        match=r"missing imagenette2-160; looked in .*fetch imagenette` or name the folder",
    ) as caught:
        load_arrays(Choice("imagenette", {"size": 10}), host, tmp_path)
    assert "data import" not in str(caught.value)
    folder = write_imagenette(tmp_path)
    next((folder / "val" / "n03425413").iterdir()).unlink()
    with pytest.raises(DataMissing, match="missing imagenette2-160/val/n03425413;"):
        load_arrays(Choice("imagenette", {"size": 10}), host, tmp_path)
