"""Warps task by task, as a CPU takes them, and in one gather, as a GPU does: the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clbench.engine.warps import DeviceWarps, HostWarps

MEMBERS, TASKS, ROWS, PIXELS = 3, 4, 11, 20


@pytest.mark.parametrize("neighbours", [1, 4])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("mixed", [False, True])
def test_task_by_task_is_the_same_as_all_at_once(
    neighbours: int, weighted: bool, channels: int, dtype: torch.dtype, mixed: bool
) -> None:
    rng = np.random.default_rng(0)
    shape = MEMBERS, TASKS, PIXELS, neighbours
    index = rng.integers(0, PIXELS, shape, dtype=np.int32)
    weight = rng.random(shape, dtype=np.float32) if weighted else None
    pixels = rng.integers(0, 256 // neighbours, (MEMBERS, ROWS, PIXELS, channels))
    images = torch.from_numpy(pixels).to(dtype)
    tasks = torch.from_numpy(rng.integers(0, TASKS, (MEMBERS, ROWS if mixed else 1)))
    tasks = tasks.expand(MEMBERS, ROWS)
    kept = images.clone()
    one_by_one = HostWarps(index, weight)(images, tasks)
    at_once = DeviceWarps(index, weight, torch.device("cpu"))(images, tasks)
    assert one_by_one.dtype == at_once.dtype
    assert torch.equal(one_by_one, at_once)
    assert torch.equal(images, kept)
