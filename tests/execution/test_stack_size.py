"""How many members train together on a CPU follows from bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clbench.execution.stack_size import (
    MAX_STACK,
    UNKNOWN_CACHE,
    NetworkSize,
    StepSize,
    cache_of_a_worker,
    members_in_cache,
    moments_of,
)
from clbench.suite.protocol import Protocol

from .plans import a_plan, jobs_for, sizes

CACHE = 16 * 2**20


def members(units: int, batch: int = 1, optimizer: Any = None, cache: int = CACHE) -> int:
    """For 784 inputs, two layers of so many units, and ten classes."""
    network = NetworkSize(784 * units + units**2 + 10 * units, 784 + 4 * units + 10)
    protocol = Protocol.of({"optimizer": optimizer or {"sgd": {"lr": 0.1}}, "batch_size": batch})
    return members_in_cache(StepSize.of(network, protocol), cache)


def test_small_networks_share_what_a_step_costs() -> None:
    assert members(100) == MAX_STACK


def test_middling_ones_train_as_many_at_a_time_as_the_cache_holds() -> None:
    assert [members(units) for units in (256, 400, 800)] == [7, 4, 1]
    assert members(256, cache=3 * CACHE // 4) < members(256) < members(256, cache=4 * CACHE)


def test_what_fits_into_no_cache_comes_from_memory_however_many_there_are() -> None:
    assert members(6000) == MAX_STACK


def test_one_that_nearly_fits_trains_alone() -> None:
    assert members(2000) == 1


def test_large_batches_hide_the_memory_behind_arithmetic() -> None:
    assert members(800, batch=64) == MAX_STACK


def test_moments_of_optimisers() -> None:
    assert moments_of({"sgd": {"lr": 0.1}}) == 0
    assert moments_of({"sgd": {"momentum": 0.9}}) == 1
    assert moments_of({"adam": None}) == moments_of({"torch.RMSprop": {}}) == 2


def a_cache(root: Path, name: str, kind: str, size: str, shared: str) -> None:
    folder = root / name
    folder.mkdir()
    for file, text in (("type", kind), ("size", size), ("shared_cpu_list", shared)):
        (folder / file).write_text(text + "\n")


def test_the_largest_cache_is_shared_by_the_workers_that_it_serves(tmp_path: Path) -> None:
    a_cache(tmp_path, "index0", "Data", "32K", "0")
    a_cache(tmp_path, "index1", "Instruction", "999M", "0")
    a_cache(tmp_path, "index2", "Unified", "1024K", "0-1")
    a_cache(tmp_path, "index3", "Unified", "32M", "0-3,8-11")
    assert cache_of_a_worker(1, tmp_path) == 32 * 2**20
    assert cache_of_a_worker(4, tmp_path) == 8 * 2**20
    assert cache_of_a_worker(64, tmp_path) == 4 * 2**20


@pytest.mark.parametrize("broken", [None, "size", "shared_cpu_list"])
def test_a_system_that_does_not_tell_its_caches_has_some(
    tmp_path: Path, broken: str | None
) -> None:
    if broken is not None:
        a_cache(tmp_path, "index0", "Unified", "1024K", "0")
        (tmp_path / "index0" / broken).write_text("what?\n")
    assert cache_of_a_worker(1, tmp_path) == UNKNOWN_CACHE


def test_a_plan_on_a_cpu_makes_as_many_jobs_as_the_cache_asks_for() -> None:
    assert sizes(jobs_for(a_plan(12), workers=1, stacked=False, pieces=4)) == [3, 3, 3, 3]
    assert sizes(jobs_for(a_plan(12), workers=1, stacked=False, pieces=1)) == [6, 6]
