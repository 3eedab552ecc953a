"""Downloads: what is brought is read, and what cannot be brought is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from clbench.data import fetch
from clbench.errors import DataMissing
from tests.data.idx import write_idx


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
