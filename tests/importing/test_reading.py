"""What the importers of tables and logs have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.errors import RecordError
from clbench_plugins.builtin_importers.reading import (
    check_mean,
    files_of,
    matrix_of,
    missing,
    number,
    read_text,
    whole_number,
)


def refused(read: Any, *given: Any) -> str:
    with pytest.raises(RecordError) as caught:
        read(*given)
    return str(caught.value)


# ---------------------------------------------------------------------- files


def test_files_are_taken_as_named_and_folders_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "below/d.csv"):
        file = tmp_path / "folder" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    single = tmp_path / "single.txt"
    single.touch()
    folder = tmp_path / "folder"
    assert files_of([single, folder], "*.csv") == [single, folder / "a.csv", folder / "b.csv"]
    everywhere = files_of([folder], "**/*.csv")
    assert [file.name for file in everywhere] == ["a.csv", "b.csv", "d.csv"]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "absent.csv"
    assert refused(files_of, [absent], "*.csv") == f"{absent}: there is no such file"
    assert refused(files_of, [tmp_path], "**/logs.pyd") == (
        f"{tmp_path}: there is no logs.pyd in this folder"
    )


def test_the_first_path_that_is_wrong_is_the_one_that_is_told(tmp_path: Path) -> None:
    absent = tmp_path / "absent.csv"
    assert str(absent) in refused(files_of, [absent, tmp_path], "*.csv")
    assert "in this folder" in refused(files_of, [tmp_path, absent], "*.csv")


def test_bytes_that_are_no_text_are_said(tmp_path: Path) -> None:
    file = tmp_path / "image.csv"
    file.write_bytes(b"\xff\xfe\x00")
    assert refused(read_text, file) == f"{file} is no text file"
    assert refused(read_text, tmp_path).startswith(f"{tmp_path} cannot be read: ")
    file.write_text("zoë", encoding="utf-8")
    assert read_text(file) == "zoë"


# ---------------------------------------------------------------------- fields


def test_the_first_column_that_lacks() -> None:
    assert missing(("a", "b", "c"), ["c", "a"]) == "b"
    assert missing(("a", "b"), ["b", "a", "more"]) is None
    assert missing((), []) is None


def test_whole_numbers_are_digits_alone() -> None:
    assert whole_number("007", "seed", "here") == 7


@pytest.mark.parametrize("text", [None, "", "1.0", "-1", "1e3", " 1"])
def test_what_is_no_whole_number_is_quoted(text: str | None) -> None:
    said = refused(whole_number, text, "seed", "file.csv, line 2")
    assert said == f"file.csv, line 2: seed is {text!r}, and no whole number"


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("1e-2", 0.01), (" 97 ", 97.0)])
def test_numbers_are_read_as_python_reads_them(text: str, value: float) -> None:
    assert number(text, "accuracy", "here") == value


@pytest.mark.parametrize("text", [None, "", "good"])
def test_what_is_no_number_is_quoted(text: str | None) -> None:
    said = refused(number, text, "accuracy", "file.csv, line 2")
    assert said == f"file.csv, line 2: accuracy is {text!r}, and no number"


# ---------------------------------------------------------------------- matrices


def test_a_matrix_is_as_large_as_what_is_in_it() -> None:
    found = matrix_of({(1, 0): 0.5, (2, 0): 0.25, (2, 1): 0.75})
    nan = np.nan
    np.testing.assert_array_equal(found, [[nan, nan], [0.5, nan], [0.25, 0.75]])


def test_a_task_that_was_only_tested_early_widens_it() -> None:
    # Task 3 (index 2) after one task: four rows, for after 0 to 3 tasks.
    found = matrix_of({(1, 2): 0.1})
    assert found.shape == (4, 3)
    assert np.count_nonzero(~np.isnan(found)) == 1


def test_a_mean_may_be_rounded_and_no_more() -> None:
    accuracy = np.array([0.5, 0.6])
    # 55.00 % in the middle: 0.1 of a per cent point either way.
    for stated in (0.55, 0.5505, 0.5495):
        check_mean(accuracy, stated, "accmean_task2", "here")
    for stated in (0.5515, 0.5485):
        said = refused(check_mean, accuracy, stated, "accmean_task2", "here")
        assert said == (
            f"here: accmean_task2 is {100 * stated:.2f}, and the mean of its accuracies 55.00"
        )
