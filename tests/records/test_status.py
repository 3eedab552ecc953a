"""How members and cells ended."""

from __future__ import annotations

import numpy as np
import pytest

from clbench.records.status import is_finished, status_of
from tests.records.cells import words


@pytest.mark.parametrize(
    ("members", "status"),
    [
        (["done", "done"], "done"),
        (["done", "diverged"], "done"),
        (["diverged", "diverged"], "diverged"),
        (["done", "timeout"], "partial"),
        (["diverged", "failed"], "partial"),
        (["failed", "timeout"], "failed"),
        ([], "failed"),
    ],
)
def test_a_cells_status_follows_from_its_members(members: list[str], status: str) -> None:
    assert status_of(np.array(members, dtype=object)) == status


@pytest.mark.parametrize(
    ("status", "finished"),
    [("done", True), ("diverged", True), ("failed", False), ("timeout", False)],
)
def test_who_came_to_an_end_need_not_run_again(status: str, finished: bool) -> None:
    """A run that diverged would diverge again; one that failed, or took too long, may not."""
    assert is_finished(words(status, status)).tolist() == [finished, finished]


def test_no_members_have_come_to_no_end() -> None:
    assert is_finished(words()).tolist() == []


def test_statuses_may_be_texts_of_any_kind() -> None:
    """h5py gives objects, numpy texts of a fixed length."""
    fixed = np.array(["done", "failed"])
    assert is_finished(fixed).tolist() == is_finished(fixed.astype(object)).tolist()
    assert status_of(fixed) == status_of(fixed.astype(object)) == "partial"
