"""How data sets are found, read, kept and named."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from clbench.data import (
    catalogue,
    dataset_choice,
    fingerprint_of,
    import_data,
    imported_names,
    load_arrays,
    where,
)
from clbench.errors import DataMissing, OptionError, PluginError, UnknownName, UserError
from clbench.host import Host
from clbench.suite.choice import Choice
from tests.data.idx import mnist, write_idx

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
