"""The checks of a data set, on data sets that are sound and on such that are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from clbench import Dataset
from clbench.errors import UserError
from clbench.testing import DatasetConformance


class Made(Dataset):
    """Two classes of dots, computed."""

    classes: ClassVar[int] = 2

    def load(self, root: Path) -> Any:
        """Two images of each."""
        x = np.zeros((4, 2, 2, 1), dtype=np.uint8)
        y = np.array([0, 1, 0, 1])
        return x, y, x, y


class TestMade(DatasetConformance):
    """A sound one passes."""

    @pytest.fixture
    def dataset(self):
        return Made


def planted(**members: Any) -> Dataset:
    """The same with something wrong in it."""
    made: Dataset = type("Planted", (Made,), {"__doc__": "Planted.", **members})()
    return made


CHECKS = DatasetConformance()


def test_a_class_without_an_image_is_told(tmp_path: Path) -> None:
    def load(self: Dataset, root: Path) -> Any:
        x = np.zeros((2, 2, 2, 1), dtype=np.uint8)
        return x, np.array([0, 1]), x, np.array([0, 0])

    with pytest.raises(AssertionError, match="there is no test image of class 1"):
        CHECKS.test_arrays(planted(load=load), tmp_path)


def test_arrays_that_are_drawn_anew_are_told(tmp_path: Path) -> None:
    def load(self: Dataset, root: Path) -> Any:
        x = np.random.randint(0, 255, (2, 2, 2, 1)).astype(np.uint8)
        return x, np.array([0, 1]), x, np.array([0, 1])

    with pytest.raises(AssertionError, match="NumPy's global generator was drawn from"):
        CHECKS.test_same_arrays_again(planted(load=load), tmp_path)


def test_arrays_that_change_without_a_generator_are_told(tmp_path: Path) -> None:
    times = iter(range(5))

    def load(self: Dataset, root: Path) -> Any:
        x = np.full((2, 2, 2, 1), next(times), dtype=np.uint8)
        return x, np.array([0, 1]), x, np.array([0, 1])

    with pytest.raises(AssertionError, match="two loads give different arrays"):
        CHECKS.test_same_arrays_again(planted(load=load), tmp_path)


def test_files_outside_of_the_root_are_told(tmp_path: Path) -> None:
    odd = planted(files=lambda self, root: [Path("/elsewhere/a.bin")])
    with pytest.raises(AssertionError, match="lies outside of the data root"):
        CHECKS.test_files_lie_below_the_root(odd, tmp_path)
    CHECKS.test_files_lie_below_the_root(
        planted(files=lambda self, root: [root / "a.bin"]), tmp_path
    )


@pytest.mark.parametrize("error", [FileNotFoundError("a.bin"), KeyError("a")])
def test_a_data_set_that_fails_without_its_files_has_to_list_them(
    error: Exception, tmp_path: Path
) -> None:
    def load(self: Dataset, root: Path) -> Any:
        raise error

    with pytest.raises(pytest.fail.Exception, match=r"list the files it reads in files\(root\)"):
        CHECKS.test_missing_files_are_named(planted(load=load), tmp_path, tmp_path)


def test_a_sentence_of_its_own_is_as_good(tmp_path: Path) -> None:
    def load(self: Dataset, root: Path) -> Any:
        raise UserError("a.bin is missing; it is had from the author")

    CHECKS.test_missing_files_are_named(planted(load=load), tmp_path, tmp_path)
