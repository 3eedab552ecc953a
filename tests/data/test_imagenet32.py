"""`imagenet32`: class files and images, and one sentence for everything else. The real one is read
with the same code.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numpy.lib import format as npy
from PIL import Image

from clbench import read_class_arrays
from clbench.data import catalogue, fetch, fingerprint_of, import_data, load_arrays
from clbench.errors import DataMissing, UserError
from clbench.host import Host
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.resolving import resolve_protocol
from clbench.suite.smoke import tiny_cells

CHOICE = Choice("imagenet32", {})


@pytest.fixture(autouse=True)
def known(host: Host, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The data set that `host` knows, with three classes of five and two images."""
    found = host.get("dataset", "imagenet32")
    monkeypatch.setattr(found, "classes", 3)
    monkeypatch.setattr(found, "train", 5)
    monkeypatch.setattr(found, "test", 2)
    return found


def images_of(label: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(label).integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)


def write_classes(folder: Path, *, channels_first: bool = False) -> Path:
    folder.mkdir(parents=True)
    for label in range(3):
        images = images_of(label)
        np.save(folder / f"{label}.npy", images.transpose(0, 3, 1, 2) if channels_first else images)
    return folder


@pytest.mark.parametrize("channels_first", [True, False])
def test_class_files_are_split_into_training_and_test(host, tmp_path, channels_first) -> None:
    write_classes(tmp_path / "given" / "classes", channels_first=channels_first)
    arrays = import_data("imagenet32", tmp_path / "given", tmp_path, host)
    assert (arrays.x_train.shape, arrays.x_test.shape) == ((15, 32, 32, 3), (6, 32, 32, 3))
    assert arrays.y_train.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert arrays.y_test.tolist() == [0, 0, 1, 1, 2, 2]
    for label in range(3):
        assert np.array_equal(arrays.x_train[arrays.y_train == label], images_of(label)[:5])
        assert np.array_equal(arrays.x_test[arrays.y_test == label], images_of(label)[5:])
    assert load_arrays(CHOICE, host, tmp_path).fingerprint == arrays.fingerprint


def test_the_way_in_leaves_no_trace_in_the_fingerprint(host, tmp_path) -> None:
    write_classes(tmp_path / "first" / "classes", channels_first=True)
    write_classes(tmp_path / "last")
    write_classes(tmp_path / "root" / "imagenet32" / "classes")
    write_pictures(tmp_path / "pictures")
    prints = {
        import_data("imagenet32", tmp_path / "first", tmp_path / "a", host).fingerprint,
        import_data("imagenet32", tmp_path / "last", tmp_path / "b", host).fingerprint,
        import_data("imagenet32", tmp_path / "pictures", tmp_path / "c", host).fingerprint,
        load_arrays(CHOICE, host, tmp_path / "root").fingerprint,
        fingerprint_of(CHOICE, host, tmp_path / "root"),
    }
    assert len(prints) == 1


def write_pictures(folder: Path) -> Path:
    for label in range(3):
        for number, image in enumerate(images_of(label)):
            place = folder / ("train" if number < 5 else "test") / f"n0{label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{number}.png")
    return folder


def test_images_are_not_resized(host, tmp_path) -> None:
    folder = write_pictures(tmp_path / "pictures")
    for file in folder.rglob("*.png"):
        Image.new("RGB", (64, 64)).save(file)
    with pytest.raises(UserError, match="images are 64x64x3, but 'imagenet32' has 32x32x3"):
        import_data("imagenet32", folder, tmp_path, host)


def test_images_of_too_few_classes_are_refused(host, tmp_path, known, monkeypatch) -> None:
    monkeypatch.setattr(known, "classes", 1000)
    with pytest.raises(UserError, match="3 class folders, but 'imagenet32' has 1,000 classes"):
        import_data("imagenet32", write_pictures(tmp_path / "pictures"), tmp_path, host)


def damage(file: Path, kind: str) -> None:
    image = images_of(0)
    if kind == "pickle":
        file.write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    elif kind == "objects":
        np.save(file, np.array([{}]), allow_pickle=True)
    elif kind == "cut off":
        file.write_bytes(file.read_bytes()[:5000])
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "archive":
        buffer = io.BytesIO()
        np.savez(buffer, image)
        file.write_bytes(buffer.getvalue())
    elif kind == "floats":
        np.save(file, image.astype(np.float32))
    elif kind == "short":
        np.save(file, image[:6])
    elif kind == "flat":
        np.save(file, image.reshape(7, -1))
    elif kind == "huge":
        header = io.BytesIO()
        shape = (10**9, 32, 32, 3)
        npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write_bytes(header.getvalue() + bytes(100))
    else:
        file.unlink()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("pickle", r"2\.npy cannot be read as an \.npy file of a plain array: .*magic string"),
        ("objects", r"2\.npy cannot be read as an \.npy file of a plain array: .*Python objects"),
        ("cut off", r"2\.npy cannot be read as an \.npy file of a plain array"),
        ("empty", r"2\.npy cannot be read as an \.npy file of a plain array"),
        ("archive", r"2\.npy cannot be read as an \.npy file of a plain array"),
        ("huge", r"2\.npy cannot be read as an \.npy file of a plain array"),
        ("floats", r"2\.npy is float32 \[7, 32, 32, 3\]; a class is uint8 \[7, 32, 32, 3\] or \["),
        ("short", r"is uint8 \[6, 32, 32, 3\]; .*5 images for training and then 2 for testing"),
        ("flat", r"is uint8 \[7, 3072\]"),
        ("missing", r"lacks 2\.npy; it must hold 0\.npy to 2\.npy, one file a class"),
    ],
)
def test_a_wrong_class_file_is_one_sentence(host, tmp_path, monkeypatch, kind, sentence) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_classes(tmp_path / "classes")
    damage(folder / "2.npy", kind)
    with pytest.raises(UserError, match=sentence) as caught:
        import_data("imagenet32", folder, tmp_path, host)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "clbench").exists()
    assert not (tmp_path / "opened").exists()


def test_the_pickles_of_the_official_release_are_not_opened(host, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "official").mkdir()
    batch = pickle.dumps({"data": images_of(0).reshape(7, -1), "labels": [1] * 7})
    (tmp_path / "official" / "train_data_batch_1").write_bytes(batch)
    with pytest.raises(UserError, match="batches of the official release have to be converted"):
        import_data("imagenet32", tmp_path / "official", tmp_path, host)


def test_classes_that_do_not_fit_into_memory_are_refused_unread(
    host, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("clbench.data.room.memory_size", lambda: 10_000)
    with pytest.raises(UserError, match="and this machine has"):
        import_data("imagenet32", write_classes(tmp_path / "classes"), tmp_path, host)


def test_absent_it_says_how_it_is_brought(host, tmp_path) -> None:
    said = set()
    for ask in (load_arrays, fingerprint_of):
        with pytest.raises(DataMissing, match="clbench cannot download it") as caught:
            ask(CHOICE, host, tmp_path)
        said.add(str(caught.value))
    with pytest.raises(DataMissing) as caught:
        fetch("imagenet32", host, tmp_path)
    said.add(str(caught.value))
    (message,) = said
    assert "missing imagenet32/classes; looked in" in message
    assert "`clbench data import imagenet32 FOLDER`" in message
    assert "data fetch" not in message
    (info,) = [info for info in catalogue(host, tmp_path) if info.name == "imagenet32"]
    assert (info.state, info.command) == ("missing", "clbench data import imagenet32 FOLDER")


def test_files_that_lack_are_counted_and_not_all_named(host, tmp_path, known, monkeypatch) -> None:
    monkeypatch.setattr(known, "classes", 1000)
    write_classes(tmp_path / "imagenet32" / "classes")
    with pytest.raises(DataMissing) as caught:
        load_arrays(CHOICE, host, tmp_path)
    assert "imagenet32/classes/10.npy, and 989 more" in str(caught.value)
    with pytest.raises(UserError, match=r"lacks 3\.npy, 4\.npy, 5\.npy and 994 more"):
        import_data("imagenet32", tmp_path / "imagenet32", tmp_path, host)


def test_small_images_of_three_rows_are_read_with_channels_last(tmp_path) -> None:
    images = np.arange(3 * 27, dtype=np.uint8).reshape(3, 3, 3, 3)
    np.save(tmp_path / "0.npy", images)
    x_train, y_train, x_test, _ = read_class_arrays(
        tmp_path, classes=1, shape=(3, 3, 3), train=2, test=1
    )
    assert np.array_equal(np.concatenate([x_train, x_test]), images)
    assert y_train.tolist() == [0, 0]


def test_smoke_keeps_its_thousand_classes_and_its_format() -> None:
    host = Host.load()
    scenario = Choice("split", {"dataset": "imagenet32", "tasks": 500, "setting": "task"})
    cell = Cell(scenario, "split", (), "naive", resolve_protocol({}, host)[0], (), (0, 1, 2))
    (tiny,) = tiny_cells([cell], host)
    data = tiny.scenario.options["dataset"]["synthetic"]
    arrays = load_arrays(Choice("synthetic", data), host)
    assert (arrays.classes, arrays.input_shape) == (1000, (3, 32, 32))
    assert set(np.unique(arrays.y_train)) == set(np.unique(arrays.y_test)) == set(range(1000))
