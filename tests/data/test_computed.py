"""Data sets that need no file: the digits, and what is made up on the spot."""

from __future__ import annotations

import sys

import numpy as np

from clbench.data import fingerprint_of, load_arrays
from clbench.host import Host
from clbench.suite.choice import Choice


def test_the_digits_are_those_that_scikit_learn_loads() -> None:
    from sklearn.datasets import load_digits

    digits, found = load_arrays(Choice("digits", {}), Host.load(), None), load_digits()
    for label in range(10):
        mine = np.concatenate(
            [digits.x_train[digits.y_train == label], digits.x_test[digits.y_test == label]]
        )
        theirs = found.images[found.target == label]
        assert sorted(mine.reshape(-1, 64).tolist()) == sorted(theirs.reshape(-1, 64).tolist())


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
