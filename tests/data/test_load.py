from __future__ import annotations

import gzip
import os
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clbench.data import (
    catalogue,
    dataset_choice,
    fetch,
    fingerprint_of,
    import_data,
    imported_names,
    load_arrays,
    where,
)
from clbench.errors import DataMissing, OptionError, PluginError, UnknownName, UserError
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench_plugins.builtin_data.vision import IMAGENETTE_CLASSES

STRIPES = """
import numpy as np
from clbench import Dataset, hookimpl

class Stripes(Dataset):
    def load(self, root):
        y = np.arange(20) % 2
        x = np.full((20, 2, 2), 9, np.uint8) * y[:, None, None].astype(np.uint8)
        return x, y, np.zeros((4, 2, 2), np.uint8), y[:4]

@hookimpl
def clbench_datasets():
    return [Stripes]
"""


def test_the_digits_are_those_that_scikit_learn_loads() -> None:
    from sklearn.datasets import load_digits

    digits, found = load_arrays(Choice("digits", {}), Host.load(), None), load_digits()
    for label in range(10):
        mine = np.concatenate(
            [digits.x_train[digits.y_train == label], digits.x_test[digits.y_test == label]]
        )
        theirs = found.images[found.target == label]
        assert sorted(mine.reshape(-1, 64).tolist()) == sorted(theirs.reshape(-1, 64).tolist())


def write_idx(folder: Path, *, packed: bool, train: int = 6) -> Path:
    """Four files as MNIST has them, with few images."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", train), ("t10k", 3)):
        images = np.arange(count * 28 * 28).astype(np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        contents = {
            f"{part}-images-idx3-ubyte": struct.pack(">IIII", 2051, count, 28, 28)
            + images.tobytes(),
            f"{part}-labels-idx1-ubyte": struct.pack(">II", 2049, count) + labels.tobytes(),
        }
        for name, content in contents.items():
            (folder / (name + ".gz" * packed)).write_bytes(
                gzip.compress(content) if packed else content
            )
    return folder


def mnist(host: Host, root: Path | None):
    return load_arrays(Choice("mnist", {}), host, root)


def test_digits_need_no_file(host, tmp_path):
    arrays = load_arrays(Choice("digits", {}), host, None)
    assert arrays.x_train.shape == (1442, 8, 8, 1)
    assert arrays.x_test.shape == (355, 8, 8, 1)
    assert (arrays.classes, arrays.scale, arrays.x_train.max()) == (10, 16.0, 16)
    assert np.bincount(arrays.y_test).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
    assert arrays.input_shape == (1, 8, 8)
    assert fingerprint_of(Choice("digits", {}), host, None) == arrays.fingerprint
    assert not (tmp_path / "xdg").exists()


def test_synthetic_follows_its_options_and_can_be_learnt(host):
    options = {"classes": 3, "size": 5, "channels": 3, "train": 60, "test": 30, "noise": 0.2}
    first, again, other = (
        load_arrays(Choice("synthetic", choice), host)
        for choice in (options, options, options | {"noise": 0.5})
    )
    assert first.x_train.shape == (60, 5, 5, 3)
    assert first.classes == 3
    assert first.fingerprint == again.fingerprint != other.fingerprint
    means = np.stack([first.x_train[first.y_train == label].mean(0) for label in range(3)])
    nearest = ((first.x_test[:, None] - means) ** 2).sum((2, 3, 4)).argmin(1)
    assert (nearest == first.y_test).mean() > 0.95


def test_synthetic_images_do_not_depend_on_how_many_are_drawn_at_once(host, monkeypatch):
    choice = Choice("synthetic", {"train": 70, "test": 10})
    whole = load_arrays(choice, host)
    module = sys.modules[host.get("dataset", "synthetic").__module__]
    monkeypatch.setattr(module, "AT_ONCE", 16)
    assert load_arrays(choice, host).fingerprint == whole.fingerprint


def test_a_strangers_data_set_is_a_few_lines(tmp_path):
    (tmp_path / "stripes.py").write_text(STRIPES)
    host = Host.load([tmp_path / "stripes.py"], entry_points=False)
    arrays = load_arrays(Choice("stripes", {}), host)
    assert (arrays.classes, arrays.x_train.shape, arrays.y_train.dtype) == (
        2,
        (20, 2, 2, 1),
        np.int64,
    )


def test_a_data_set_may_read_below_the_root_it_is_given(tmp_path):
    (tmp_path / "stripes.py").write_text(
        STRIPES.replace(
            "np.full((20, 2, 2), 9", "np.full((20, 2, 2), int((root / 'value').read_text())"
        )
    )
    host, prints = Host.load([tmp_path / "stripes.py"], entry_points=False), set()
    for value in ("1", "2"):
        (tmp_path / value).mkdir()
        (tmp_path / value / "value").write_text(value)
        prints |= {fingerprint_of(Choice("stripes", {}), host, tmp_path / value)}
        assert prints >= {load_arrays(Choice("stripes", {}), host, tmp_path / value).fingerprint}
    assert len(prints) == 2


def test_a_data_set_that_raises_is_named(tmp_path):
    (tmp_path / "stripes.py").write_text(STRIPES.replace("y = np", "y = nonsense"))
    host = Host.load([tmp_path / "stripes.py"], entry_points=False)
    with pytest.raises(PluginError, match=r"'stripes'.*NameError"):
        load_arrays(Choice("stripes", {}), host)


@pytest.mark.parametrize(
    ("folder", "packed"), [("MNIST/raw", False), ("MNIST/raw", True), ("mnist", True)]
)
def test_files_are_found_in_either_layout_and_kept_once(host, tmp_path, folder, packed):
    write_idx(tmp_path / folder, packed=packed)
    arrays = mnist(host, tmp_path)
    kept = tmp_path / "clbench" / "mnist.h5"
    assert arrays.x_train.shape == (6, 28, 28, 1)
    assert kept.is_file()
    for path in (tmp_path / folder).iterdir():
        path.unlink()
    assert (
        mnist(host, tmp_path).fingerprint
        == arrays.fingerprint
        == fingerprint_of(Choice("mnist", {}), host, tmp_path)
    )


def test_the_way_in_leaves_no_trace_in_the_fingerprint(host, tmp_path):
    write_idx(tmp_path / "a" / "mnist", packed=True)
    first = mnist(host, tmp_path / "a")
    npz = tmp_path / "mnist.npz"
    np.savez(
        npz,
        x_train=first.x_train[..., 0],
        y_train=first.y_train.astype(np.uint8),
        x_test=first.x_test,
        y_test=first.y_test,
    )
    assert import_data("mnist", npz, tmp_path / "b", host).fingerprint == first.fingerprint
    assert mnist(host, tmp_path / "b").fingerprint == first.fingerprint


def test_a_damaged_copy_is_made_again(host, tmp_path):
    write_idx(tmp_path / "mnist", packed=True)
    arrays, kept = mnist(host, tmp_path), tmp_path / "clbench" / "mnist.h5"
    for damage in (
        kept.read_bytes()[:5000],
        b"nonsense",
        kept.read_bytes().replace(arrays.x_train[1].tobytes(), bytes(784)),
    ):
        kept.write_bytes(damage)
        assert mnist(host, tmp_path).fingerprint == arrays.fingerprint
        assert mnist(host, tmp_path).x_train.tobytes() == arrays.x_train.tobytes()
        assert kept.read_bytes() != damage


def test_files_that_changed_are_read_again(host, tmp_path):
    write_idx(tmp_path / "mnist", packed=True)
    before = mnist(host, tmp_path)
    write_idx(tmp_path / "mnist", packed=True, train=7)
    assert len(mnist(host, tmp_path).x_train) == len(before.x_train) + 1


def test_a_read_only_root_is_left_alone(host, tmp_path, user_cache):
    root = tmp_path / "data"
    write_idx(root / "mnist", packed=True)
    root.chmod(0o555)
    try:
        arrays = mnist(host, root)
        assert sorted(path.name for path in root.iterdir()) == ["mnist"]
        assert len(list((user_cache / "clbench" / "derived").iterdir())) == 1
        assert fingerprint_of(Choice("mnist", {}), host, root) == arrays.fingerprint
    finally:
        root.chmod(0o755)


def test_where_nothing_can_be_written_data_is_read_all_the_same(host, tmp_path, monkeypatch):
    write_idx(tmp_path / "data" / "mnist", packed=True)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "data").chmod(0o555)
    try:
        assert len(mnist(host, tmp_path / "data").x_train) == 6
    finally:
        (tmp_path / "data").chmod(0o755)


def test_missing_files_are_named_with_the_places_and_the_ways_to_get_them(
    host, tmp_path, monkeypatch
):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(DataMissing) as caught:
        mnist(host, tmp_path)
    message = str(caught.value)
    for part in (
        "train-images-idx3-ubyte",
        str(tmp_path),
        "$CLBENCH_DATA",
        "user cache",
        "data fetch mnist",
        "--data DIR",
        "data import mnist",
    ):
        assert part in message
    assert "\n" not in message


def test_a_root_that_is_not_there_is_said(host, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        mnist(host, tmp_path / "nowhere")


def test_truncated_files_are_said_to_be_damaged(host, tmp_path):
    folder = write_idx(tmp_path / "mnist", packed=True)
    images = folder / "train-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:-30])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        mnist(host, tmp_path)


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


def test_fetching_offline_is_one_sentence(host, tmp_path, monkeypatch):
    from torchvision import datasets

    def offline(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(datasets, "MNIST", offline)
    with pytest.raises(
        DataMissing, match=r"could not be downloaded.*unreachable.*data import mnist"
    ):
        fetch("mnist", host, tmp_path)


def test_a_failed_fetch_tells_the_whole_cause_and_does_not_advise_itself(
    host, tmp_path, monkeypatch
):
    from torchvision import datasets

    def offline(*_, **__):
        try:
            raise TimeoutError("timed out")
        except TimeoutError as error:
            raise RuntimeError("Error downloading train:\nTried https://a/b, got:\n404") from error

    monkeypatch.setattr(datasets, "MNIST", offline)
    with pytest.raises(DataMissing) as failed:
        fetch("mnist", host, tmp_path)
    said = str(failed.value)
    assert "Tried https://a/b, got: 404; because of TimeoutError: timed out" in said
    assert "data fetch" not in said
    assert "\n" not in said


def test_fetching_mends_what_is_damaged(host, tmp_path, monkeypatch):
    from torchvision import datasets

    folder = write_idx(tmp_path / "old" / "mnist", packed=True)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"nonsense")
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "old"))
    monkeypatch.setattr(
        datasets.MNIST,
        "download",
        lambda self: write_idx(Path(self.root) / "MNIST" / "raw", packed=False),
    )
    assert len(fetch("mnist", host).x_train) == 6


def test_fetching_reads_what_was_downloaded(host, tmp_path, monkeypatch):
    from torchvision import datasets

    monkeypatch.setattr(
        datasets.MNIST,
        "download",
        lambda self: write_idx(Path(self.root) / "MNIST" / "raw", packed=False),
    )
    assert len(fetch("mnist", host, tmp_path / "new").x_train) == 6
    assert (tmp_path / "new" / "clbench" / "mnist.h5").is_file()


def test_the_first_root_that_has_the_data_counts(host, tmp_path, monkeypatch):
    write_idx(tmp_path / "named" / "mnist", packed=True, train=7)
    write_idx(tmp_path / "variable" / "mnist", packed=True, train=8)
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "variable"))
    assert len(mnist(host, tmp_path / "named").x_train) == 7
    assert len(mnist(host, None).x_train) == 8


def test_new_names_can_be_imported_and_used(host, tmp_path, four):
    np.savez(tmp_path / "mine.npz", coarse_train=np.zeros(12), **four)
    import_data("mine", tmp_path / "mine.npz", tmp_path, host)
    assert imported_names(tmp_path) == ["mine"]
    choice = dataset_choice({"dataset": "mine"}, host, tmp_path)
    assert load_arrays(choice, host, tmp_path).classes == 3
    with pytest.raises(UnknownName):
        load_arrays(choice, host, None)


def test_a_choice_has_all_options_filled_in(host):
    assert dataset_choice({"dataset": "mnist"}, host) == Choice("mnist", {})
    chosen = dataset_choice({"dataset": {"synthetic": {"classes": 4}}}, host)
    assert chosen.options["classes"] == 4
    assert chosen.options["size"] == 8
    with pytest.raises(OptionError, match=r"dataset\.synthetic\.clases.*classes"):
        dataset_choice({"dataset": {"synthetic": {"clases": 4}}}, host)
    with pytest.raises(UnknownName, match="fashion_mnist"):
        dataset_choice({"dataset": "fashion_mnst"}, host)


def test_the_catalogue_and_the_roots_say_what_is_here(host, tmp_path, four):
    np.savez(tmp_path / "mine.npz", **four)
    import_data("mine", tmp_path / "mine.npz", tmp_path)
    write_idx(tmp_path / "kmnist", packed=True)
    states = {info.name: info.state for info in catalogue(host, tmp_path)}
    assert states["digits"] == "embedded"
    assert states["mine"] == "imported"
    assert states["kmnist"] == "files found"
    assert states["cifar10"] == "missing"
    load_arrays(Choice("kmnist", {}), host, tmp_path)
    assert {info.name: info.state for info in catalogue(host, tmp_path)}["kmnist"] == "cached"
    here, cache = where(host, tmp_path)
    assert here.contents == ("kmnist", "mine")
    assert (here.origin, cache.origin, cache.exists) == ("--data", "user cache", False)


def test_no_half_written_file_is_left_behind(host, tmp_path, monkeypatch):
    write_idx(tmp_path / "mnist", packed=True)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    assert len(mnist(host, tmp_path).x_train) == 6
    assert list((tmp_path / "clbench").iterdir()) == []


def test_a_kept_copy_is_used_without_reading_the_files(host, tmp_path, monkeypatch):
    write_idx(tmp_path / "mnist", packed=True)
    mnist(host, tmp_path)
    monkeypatch.setattr(type(host.get("dataset", "mnist")()), "load", lambda *_: 1 / 0)
    started = time.monotonic()
    assert len(mnist(host, tmp_path).x_train) == 6
    assert time.monotonic() - started < 5
