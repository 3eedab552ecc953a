"""Checks that every data set inherits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.data import Dataset
from clbench.data.arrays import Arrays
from clbench.data.check import make_arrays
from clbench.data.load import missing_files
from clbench.errors import ClbenchError
from clbench.options import name_of
from clbench.testing.documented import check_docstring, check_options_documented
from clbench.testing.watch import global_draws


class DatasetConformance:
    """Subclass it and give it a fixture `dataset`: the class, or an instance with options.

    A data set that reads files also needs a fixture `root`: the folder below which they lie.
    """

    @pytest.fixture
    def dataset(self) -> Any:
        """What is checked."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture named 'dataset' that returns the data set's"
            " class"
        )

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """Where the files lie."""
        return tmp_path

    @pytest.fixture
    def made(self, dataset: Any, root: Path) -> Dataset:
        """The data set with its options, its files at hand."""
        made: Dataset = dataset() if isinstance(dataset, type) else dataset
        missing = missing_files(made, root)
        if missing:
            pytest.fail(
                f"{name_of(type(made))} reads {missing[0].name}, which is not there:"
                " give a fixture 'root' that returns a folder with its files"
            )
        return made

    def test_options_are_documented(self, made: Dataset) -> None:
        """`clbench describe` has something to say about the data set and each option."""
        check_docstring(type(made), "say what it shows")
        check_options_documented(type(made))

    def test_arrays(self, made: Dataset, root: Path) -> None:
        """Images, labels, declared classes and sizes are what clbench takes."""
        arrays = _loaded(made, root)
        for split, labels in (("training", arrays.y_train), ("test", arrays.y_test)):
            absent = np.setdiff1d(np.arange(arrays.classes), labels)
            assert not len(absent), f"there is no {split} image of class {absent[0]}"
        assert made.scale > 0, "scale is the pixel value that stands for 1"

    def test_same_arrays_again(self, made: Dataset, root: Path) -> None:
        """Loading twice gives the same, and draws from no global generator."""
        first = _fingerprint(made, root)
        # Elsewhere than at the first load: who draws from it gives other arrays.
        np.random.random(3)
        with global_draws() as drawn:
            second = _fingerprint(made, root)
        advice = "a computed data set draws from a generator that it seeds itself"
        assert not drawn, f"{' and '.join(drawn)} global generator was drawn from; {advice}"
        assert first == second, f"two loads give different arrays; {advice}"

    def test_files_lie_below_the_root(self, made: Dataset, root: Path) -> None:
        """Wherever a person keeps data, and nowhere else."""
        for path in made.files(root):
            assert path.is_relative_to(root), f"{path} lies outside of the data root {root}"

    def test_missing_files_are_named(self, made: Dataset, root: Path, tmp_path: Path) -> None:
        """Without its files it says so, or clbench can; an embedded data set needs none."""
        empty = tmp_path / "an-empty-root"
        empty.mkdir()
        if missing_files(made, empty):
            return
        try:
            made.load(empty)
        except ClbenchError:
            return
        except Exception as error:
            pytest.fail(
                f"load from an empty folder raised {type(error).__name__}: {error};"
                " list the files it reads in files(root), so that clbench can name what is missing"
            )


def _fingerprint(made: Dataset, root: Path) -> str:
    return _loaded(made, root).fingerprint


def _loaded(made: Dataset, root: Path) -> Arrays:
    """The arrays that a data set gives when it is loaded now."""
    return make_arrays(name_of(type(made)), tuple(made.load(root)), made)
