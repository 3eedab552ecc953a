from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.lib import format as npy
from PIL import Image

from clbench.data import catalogue, import_data, imported_names, load_arrays
from clbench.errors import UserError
from clbench.suite.choice import Choice


def test_further_keys_are_kept_aside(four, tmp_path):
    np.savez(tmp_path / "a.npz", coarse_train=np.arange(12), names=np.array(["ä", "b"]), **four)
    import_data("mine", tmp_path / "a.npz", tmp_path)
    with h5py.File(tmp_path / "clbench" / "mine.h5") as file:
        assert file["extra/coarse_train"][()].tolist() == list(range(12))
        assert [name.decode() for name in file["extra/names"]] == ["ä", "b"]
        assert file.attrs["stamp"] == "imported"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"x_train": None}, "lacks x_train; it holds x_test, y_test, y_train"),
        ({"x_test": np.zeros((6, 4, 4, 3), np.float32)}, "x_test must be uint8, not float32"),
        ({"x_train": np.zeros((12, 48), np.uint8)}, r"x_train must be \[N, H, W, C\]"),
        ({"x_train": np.zeros((12, 3, 32, 32), np.uint8)}, "looks like"),
        ({"x_test": np.zeros((6, 5, 5, 3), np.uint8)}, "4x4x3, those of x_test 5x5x3"),
        ({"y_train": np.zeros(11, int)}, "11 labels for 12 images"),
        ({"y_train": np.zeros((12, 1), int)}, "must be a row of integers"),
        ({"y_test": np.zeros(6)}, "must be a row of integers"),
        ({"y_test": np.full(6, -1)}, "negative label"),
        (
            {"y_train": np.full(12, 10**9)},
            "labels go up to 1000000000, but y_train has none of class 0",
        ),
        ({"y_test": np.full(6, 7)}, "labels go up to 7, but y_train has none of class"),
        (
            {"x_test": np.zeros((0, 4, 4, 3), np.uint8), "y_test": np.zeros(0, int)},
            "x_test is empty",
        ),
        ({"y_test": np.array([object()] * 6)}, "pickled objects"),
    ],
)
def test_wrong_arrays_are_one_sentence(four, tmp_path, change, sentence):
    arrays = {key: value for key, value in (four | change).items() if value is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(UserError, match=sentence) as caught:
        import_data("mine", tmp_path / "a.npz", tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "clbench").exists()


def test_a_file_that_is_no_npz_is_said(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"nonsense")
    np.save(tmp_path / "b.npy", np.zeros(3))
    for name in ("a.npz", "b.npy"):
        with pytest.raises(UserError, match=r"is not an \.npz file"):
            import_data("mine", tmp_path / name, tmp_path)
    with pytest.raises(UserError, match="no such file"):
        import_data("mine", tmp_path / "c.npz", tmp_path)


def test_a_truncated_npz_is_said(four, tmp_path):
    np.savez(tmp_path / "a.npz", **four)
    whole = bytearray((tmp_path / "a.npz").read_bytes())
    whole[200:260] = bytes(60)
    (tmp_path / "a.npz").write_bytes(whole)
    with pytest.raises(UserError, match=r"cannot be read as an \.npz file of plain arrays"):
        import_data("mine", tmp_path / "a.npz", tmp_path)


def test_known_data_sets_keep_their_classes_and_size(host, four, tmp_path):
    np.savez(tmp_path / "a.npz", **four)
    with pytest.raises(UserError, match="4x4x3, but 'cifar10' has 32x32x3"):
        import_data("cifar10", tmp_path / "a.npz", tmp_path, host)
    np.savez(tmp_path / "b.npz", **(four | {"y_test": np.full(6, 10)}))
    with pytest.raises(UserError, match="label 10"):
        import_data("cifar10", tmp_path / "b.npz", tmp_path, host)
    with pytest.raises(UserError, match="another name"):
        import_data("digits", tmp_path / "a.npz", tmp_path, host)


@pytest.mark.parametrize("name", ["../evil", "My Data", "", ".hidden"])
def test_names_are_plain(tmp_path, name):
    with pytest.raises(UserError, match="cannot name a data set"):
        import_data(name, tmp_path, tmp_path)


def test_a_folder_that_cannot_be_written_is_said(four, tmp_path):
    np.savez(tmp_path / "a.npz", **four)
    with pytest.raises(UserError, match="cannot write"):
        import_data("mine", tmp_path / "a.npz", tmp_path / "a.npz")


def make_folder(root, size=(4, 5), mode="L"):
    for part in ("train", "test"):
        for label, name in enumerate(("cat", "dog")):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(3):
                Image.new(mode, size, 10 * label + number).save(folder / f"{number}.png")
            (folder / "notes.txt").write_text("not an image")


def test_a_folder_of_class_folders(host, tmp_path):
    make_folder(tmp_path / "pets")
    arrays = import_data("pets", tmp_path / "pets", tmp_path, host)
    assert arrays.x_train.shape == (6, 5, 4, 1)
    assert arrays.y_train.tolist() == [0, 0, 0, 1, 1, 1]
    assert arrays.x_train[:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert load_arrays(Choice("pets", {}), host, tmp_path).fingerprint == arrays.fingerprint


def test_one_colour_image_makes_all_of_them_colour(tmp_path):
    make_folder(tmp_path / "pets")
    Image.new("RGB", (4, 5), (1, 2, 3)).save(tmp_path / "pets" / "test" / "dog" / "9.png")
    assert import_data("pets", tmp_path / "pets", tmp_path).x_train.shape == (6, 5, 4, 3)


def test_what_is_wrong_with_a_folder_is_one_sentence(tmp_path):
    root = tmp_path / "pets"
    make_folder(root)
    Image.new("L", (9, 9)).save(root / "train" / "dog" / "big.png")
    with pytest.raises(
        UserError,
        match=(
            r"big\.png is 9x9, but .* is 5x4; all images must have one size, so resize them "
            r"first"
        ),
    ):
        import_data("pets", root, tmp_path)
    (root / "train" / "dog" / "big.png").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="cannot be read as an image"):
        import_data("pets", root, tmp_path)
    (root / "train" / "dog" / "big.png").unlink()
    (root / "test" / "cow").mkdir()
    with pytest.raises(UserError, match="no folder for the class 'cow'"):
        import_data("pets", root, tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="lacks the folder 'train'"):
        import_data("pets", tmp_path / "empty", tmp_path)


def test_a_data_set_with_options_cannot_be_imported(host, four, tmp_path):
    np.savez(tmp_path / "a.npz", **four)
    with pytest.raises(
        UserError,
        match="has the options size, and arrays have none; import them under another name",
    ):
        import_data("imagenette", tmp_path / "a.npz", tmp_path, host)


def test_an_imported_file_that_was_cut_off_is_said_to_be_damaged(four, host, tmp_path):
    np.savez(tmp_path / "a.npz", **four)
    import_data("mine", tmp_path / "a.npz", tmp_path)
    file = tmp_path / "clbench" / "mine.h5"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(
        UserError,
        match=r"mine.h5 is damaged: .*Bring it again: `clbench data import mine FILE.npz`",
    ):
        load_arrays(Choice("mine", {}), host, tmp_path)
    (info,) = [info for info in catalogue(host, tmp_path) if info.name == "mine"]
    assert (info.state, info.place) == ("damaged", tmp_path)
    assert str(file) in info.doc
    assert "mine" in imported_names(tmp_path)
    import_data("mine", tmp_path / "a.npz", tmp_path)
    assert load_arrays(Choice("mine", {}), host, tmp_path).classes == 3


def forged(path: Path, shape: tuple[int, ...], body: bytes = b"\0" * 64) -> Path:
    """An .npz file whose x_train says of itself that it has this shape."""
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", header.getvalue() + body)
    return path


def test_a_header_that_claims_more_than_there_is_is_refused_unread(data_root, tmp_path) -> None:
    path = forged(tmp_path / "huge.npz", (1_000_000, 1000, 1000))
    with pytest.raises(UserError, match=r"x_train claims 1.0 TB, but there are 64 bytes of it"):
        import_data("mine", path)


def test_arrays_larger_than_memory_are_refused_unread(data_root, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("clbench.data.room.memory_size", lambda: 1000)
    path = forged(tmp_path / "bomb.npz", (20, 10, 10), b"\0" * 2000)
    with pytest.raises(UserError, match=r"take 0\.0 GB, and this machine has"):
        import_data("mine", path)


def test_an_import_never_goes_to_another_folder_than_the_one_named(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    monkeypatch.setenv("CLBENCH_DATA", str(locked))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    x, y = np.zeros((4, 8, 8), dtype=np.uint8), np.array([0, 1, 0, 1])
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(UserError, match=r"cannot write to .*locked \(\$CLBENCH_DATA\); name"):
        import_data("mine", tmp_path / "a.npz")
    assert not (tmp_path / "cache").exists()
