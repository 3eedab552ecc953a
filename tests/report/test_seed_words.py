"""How many of its seeds a cell has, in words."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.report.seed_words import seeds_in_words


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        (["done"] * 3, "3"),
        (["done", "diverged", "done"], "2 of 3 (1 diverged)"),
        (["timeout", "failed", "diverged"], "0 of 3 (1 diverged, 1 failed, 1 timed out)"),
        (["failed"] * 3, "0 of 3 (3 failed)"),
    ],
)
def test_how_runs_ended_is_counted(made, statuses: list[str], words: str) -> None:
    cell = made.cell("a", [0.5] * 3, member_status=np.array(statuses, dtype=object))
    assert seeds_in_words(cell, ()) == words


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ([], "2"),
        ([0, 1], "2"),
        ([1, 2, 3], "2 of 4 (2 not run)"),  # seed 0 was run, though nobody asks for it
        ([7, 7], "2 of 3 (1 not run)"),
    ],
)
def test_seeds_that_are_asked_for_are_missing(made, asked: list[int], words: str) -> None:
    assert seeds_in_words(made.cell("a", [0.5, 0.6]), asked) == words


def test_what_failed_and_what_is_missing_are_told_apart(made) -> None:
    status = np.array(["done", "failed"], dtype=object)
    cell = made.cell("a", [0.5, 0.6], member_status=status)
    assert seeds_in_words(cell, [0, 1, 2]) == "1 of 3 (1 failed, 1 not run)"


def test_of_what_is_kept_apart_nothing_is_missing(made) -> None:
    cell = made.cell("a", [0.5, 0.6], apart="the suite no longer asks for it")
    assert seeds_in_words(cell, [0, 1, 2]) == "2"


def test_a_seed_with_agents_that_failed_is_one_seed(made) -> None:
    status = np.array(["done", "failed", "failed", "done"], dtype=object)
    shape = {"seed": np.array([0, 0, 0, 1]), "agent": np.array([0, 1, 2, 0])}
    cell = made.cell("a", [0.5] * 4, member_status=status, **shape)
    assert seeds_in_words(cell, ()) == "1 of 2 (1 failed)"
