"""A folder of class folders of images."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from clbench.data import Dataset, room
from clbench.data.pictures import read_pictures
from clbench.errors import UserError


class Two(Dataset):
    """Two classes."""

    classes = 2


def picture(path: Path, value: int = 0, *, mode: str = "L", size: tuple[int, int] = (3, 2)) -> None:
    """An image of one value, `size` wide and high."""
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode in ("L", "P", "1") else (value,) * len(mode)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Classes `b` and `a`, the values of whose images name them."""
    for name, value in {"b": 20, "a": 10}.items():
        picture(tmp_path / "train" / name / "0.png", value)
        picture(tmp_path / "train" / name / "1.png", value + 1)
        picture(tmp_path / "test" / name / "0.png", value + 2)
    return tmp_path


def refused(folder: Path, dataset: Dataset | None = None) -> str:
    with pytest.raises(UserError) as caught:
        read_pictures(folder, dataset)
    return str(caught.value)


def test_classes_are_counted_in_alphabetical_order(folder: Path) -> None:
    found = read_pictures(folder, None)
    assert found["class_names"].tolist() == ["a", "b"]
    assert found["y_train"].tolist() == [0, 0, 1, 1]
    assert found["x_train"][:, 0, 0].tolist() == [10, 11, 20, 21]
    assert found["x_test"][:, 0, 0].tolist() == [12, 22]
    # Two rows of three pixels.
    assert found["x_train"].shape == (4, 2, 3)


def test_one_image_in_colour_makes_all_of_them_colour(folder: Path) -> None:
    picture(folder / "test" / "a" / "1.png", 7, mode="RGB")
    found = read_pictures(folder, None)
    assert found["x_train"].shape == (4, 2, 3, 3)
    assert found["x_train"][0, 0, 0].tolist() == [10, 10, 10]


@pytest.mark.parametrize(("mode", "white"), [("1", 1), ("L", 255)])
def test_black_and_white_is_grey(folder: Path, mode: str, white: int) -> None:
    picture(folder / "train" / "a" / "0.png", white, mode=mode)
    found = read_pictures(folder, None)
    assert found["x_train"].ndim == 3
    assert found["x_train"][0, 0, 0] == 255


def test_files_of_other_kinds_are_left_alone(folder: Path) -> None:
    (folder / "train" / "a" / "licence.txt").write_text("free")
    (folder / "train" / "list.txt").write_text("a b")
    assert len(read_pictures(folder, None)["x_train"]) == 4


def test_suffixes_may_be_in_capitals(folder: Path) -> None:
    picture(folder / "train" / "a" / "2.PNG", 12)
    assert read_pictures(folder, None)["x_train"][:, 0, 0].tolist() == [10, 11, 12, 20, 21]


@pytest.mark.parametrize("part", ["train", "test"])
def test_both_parts_have_to_be_there(folder: Path, part: str) -> None:
    (folder / part).rename(folder / "other")
    assert f"lacks the folder {part!r}" in refused(folder)


def test_a_class_that_is_only_tested_is_named(folder: Path) -> None:
    picture(folder / "test" / "c" / "0.png")
    assert refused(folder) == f"{folder / 'train'} has no folder for the class 'c'"


def test_a_class_that_is_only_trained_is_fine(folder: Path) -> None:
    picture(folder / "train" / "c" / "0.png", 30)
    assert read_pictures(folder, None)["y_train"].tolist() == [0, 0, 1, 1, 2]


def test_no_class_at_all(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part).mkdir()
    assert refused(tmp_path) == f"{tmp_path / 'train'} has no class folders"


def test_classes_without_any_image(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / part / "a").mkdir(parents=True)
    assert refused(tmp_path) == f"{tmp_path / 'train'} has no images"


def test_a_known_data_set_keeps_its_number_of_classes(folder: Path) -> None:
    read_pictures(folder, Two())
    picture(folder / "train" / "c" / "0.png")
    said = refused(folder, Two())
    assert said.startswith(f"{folder / 'train'} has 3 class folders, but 'two' has 2 classes")


def test_images_have_one_size(folder: Path) -> None:
    wide = folder / "train" / "b" / "1.png"
    picture(wide, size=(4, 2))
    first = folder / "train" / "a" / "0.png"
    assert refused(folder) == (
        f"{wide} is 2x4, but {first} is 2x3; all images must have one size, so resize them first"
    )


def test_a_damaged_image_is_named(folder: Path) -> None:
    damaged = folder / "test" / "b" / "0.png"
    damaged.write_bytes(damaged.read_bytes()[:20])
    assert refused(folder).startswith(f"{damaged} cannot be read as an image: ")


def test_room_is_asked_for_all_images_as_large_as_the_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four training images of six bytes.
    monkeypatch.setattr(room, "memory_size", lambda: 24)
    read_pictures(folder, None)
    monkeypatch.setattr(room, "memory_size", lambda: 23)
    assert "GB of memory" in refused(folder)
