"""How many workers a machine is good for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clbench_plugins.local_launcher import machine


@pytest.fixture
def quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as the kernel has it; the process may use four cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    return tmp_path / "cpu.max"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("200000 100000", 2),  # two cores' time
        ("250000 100000", 2),  # and half of one, which is no worker
        ("50000 100000", 1),  # half a core is one worker still
        ("900000 100000", 4),  # more than the process may use
        ("max 100000", 4),  # no quota
        ("", 4),
    ],
)
def test_the_quota_of_a_container_counts_where_it_is_less(
    quota: Path, text: str, expected: int
) -> None:
    quota.write_text(text)
    assert machine.cores(quota) == expected


def test_without_a_quota_the_affinity_counts(quota: Path) -> None:
    assert machine.cores(quota) == 4


def test_a_system_that_knows_no_affinity_lends_all_cores(
    quota: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert machine.cores(quota) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores(quota) == 1
