"""`clbench data`: what is listed, fetched and imported, and what is refused instead."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clbench.cli.data import _access, _contents, _folder_row
from clbench.data.listing import RootInfo


@pytest.mark.parametrize(
    ("exists", "writable", "words"),
    [
        (True, True, "yes"),
        (True, False, "read-only"),
        (False, True, "no such folder yet"),
        (False, False, "no such folder yet"),
    ],
)
def test_a_folder_says_what_can_be_done_with_it(exists: bool, writable: bool, words: str) -> None:
    assert _access(RootInfo(Path("/d"), "--data", exists, writable, ())) == words


def test_a_folder_says_who_named_it_and_what_it_holds() -> None:
    root = RootInfo(Path("/d"), "--data", True, True, ("digits", "mine"))
    assert _folder_row(root) == [Path("/d"), "--data", "yes", "digits, mine"]


def test_arrays_are_told_by_their_numbers_and_their_fingerprint() -> None:
    arrays: Any = SimpleNamespace(
        x_train=np.zeros((5, 2, 2, 1)), x_test=np.zeros((3, 2, 2, 1)), classes=2, fingerprint="ab"
    )
    assert _contents(arrays) == "5 training and 3 test images, 2 classes, ab"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "mnits"], "did you mean 'mnist'"),
        (["import", "mine", "absent.npz"], "absent.npz"),
        (["import", "mine", "text.npz"], "text.npz"),
        (["import", "mine"], "Missing argument 'FILE.npz|DIR'"),
    ],
)
def test_what_cannot_be_had_is_exit_2(
    project, data_root: Path, arguments: list[str], said: str
) -> None:
    project.write("text.npz", "these are no arrays")
    answer = project.clbench("data", *arguments)
    assert (answer.code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert list(data_root.iterdir()) == []


def test_data_that_comes_with_clbench_is_here_without_a_command(project, data_root: Path) -> None:
    answer = project.clbench("data", "fetch", "digits")
    assert answer.code == 0, answer.stderr
    assert answer.stdout.startswith("digits is here: ")
    assert ", 10 classes, " in answer.stdout


def test_missing_data_is_listed_with_the_command_that_brings_it(project, data_root: Path) -> None:
    printed = project.clbench("data", "list").stdout
    table, commands = printed.split("\nTo get what is missing:\n")
    assert "digits" in table
    assert "clbench data fetch mnist" in [line.strip() for line in commands.splitlines()]
    assert "clbench data fetch digits" not in commands
