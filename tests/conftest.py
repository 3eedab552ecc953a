"""Fixtures for every test: one thread, a data folder of their own, and whole projects written from
strings.
"""

from __future__ import annotations

import os

# Before anything imports torch: one thread, here and in every worker process a test starts.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import contextlib
import gc
import io
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported and collected: it stays, and is most of the
    heap.
    """
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project:
    """A folder with suites and plugins in it, so that a test of a command reads like a bug
    report.
    """

    folder: Path

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip())
        return path

    def clbench(self, *arguments: str | Path) -> Answer:
        """Run one command line in the folder."""
        with contextlib.chdir(self.folder):
            return _command(*arguments)


def _command(*arguments: str | Path) -> Answer:
    from clbench.cli import main

    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as leaving,
    ):
        main([str(argument) for argument in arguments])
    return Answer(int(leaving.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="session", autouse=True)
def shared_data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder all tests of a process cache their data in; never the user's."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_DATA", str(folder))
        yield folder


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder for tests of fetching, importing and caching."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("CLBENCH_DATA", str(folder))
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)


@pytest.fixture
def run_cli() -> Callable[..., Answer]:
    """`run_cli("list", "strategies").stdout`."""
    return _command
