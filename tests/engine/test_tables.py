"""What the engine keeps of every task: small, and made in one look at each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clbench import Arrays, LazyTasks, Stream, TaskSpec, Warp
from clbench.engine import streams as streams_module
from clbench.engine.streams import Streams
from clbench.engine.tables import TaskTables, WarpTables, integers_holding
from clbench_plugins.builtin_scenarios.pairs import Pairs
from clbench_plugins.builtin_scenarios.warped import Permuted

PIXELS = 6


@pytest.fixture
def arrays() -> Arrays:
    x = np.random.default_rng(0).integers(0, 256, (40, 2, 3, 1), dtype=np.uint8)
    y = np.arange(40) % 4
    return Arrays("noise", x, y, x[:20], y[:20], 4, "none")


def over(arrays: Arrays, scenario, seeds=(0, 1)) -> Streams:
    layout = scenario.layout(arrays)
    made = [scenario.stream(arrays, seed, 0, 0.0) for seed in seeds]
    members = [(seed, 0) for seed in seeds]
    return Streams(arrays, layout, made, members, torch.device("cpu"), "unit")


def test_every_task_is_made_once(arrays):
    scenario = Pairs(dataset="noise", tasks=50)
    layout, stream = scenario.layout(arrays), scenario.stream(arrays, 0, 0, 0.0)
    made = []

    def make(index: int) -> TaskSpec:
        made.append(index)
        return stream.tasks[index]

    tables = TaskTables(arrays, layout, [Stream(LazyTasks(50, make))])
    assert made == list(range(50))
    assert tables.sizes["train"].tolist() == [[20] * 50]
    assert tables.sizes["test"].tolist() == [[10] * 50]


def test_labels_take_a_byte_where_a_byte_holds_them(arrays):
    """Two thousand tasks of thirty seeds over a thousand classes: 60 MB, not 480."""
    assert over(arrays, Pairs(dataset="noise", tasks=3)).label_table.dtype == torch.int8
    for classes, kind in [(2, np.int8), (128, np.int8), (129, np.int16), (40_000, np.int32)]:
        assert integers_holding(classes) == kind
        assert np.array([-1, classes - 1]).astype(kind).tolist() == [-1, classes - 1]


def test_labels_of_a_batch_are_those_of_its_tasks(arrays):
    streams = over(arrays, Pairs(dataset="noise", tasks=4))
    for member in range(2):
        for number in range(4):
            spec = streams.spec(member, number)
            index = torch.from_numpy(np.stack([spec.train, spec.train]))
            found = streams.labels_of(index, torch.full_like(index, number))[member]
            assert found.dtype == torch.int64
            assert found.tolist() == spec.labels[arrays.y_train[spec.train]].tolist()


def shown(tables: WarpTables, task: int, image: np.ndarray) -> np.ndarray:
    """The image as the tables have it."""
    assert tables.index is not None
    pixels = image[tables.index[0, task]]
    return (pixels if tables.weight is None else pixels * tables.weight[0, task]).sum(-1)


def warped(image, warp):
    """By the definition: the weighted sum of each pixel's neighbours."""
    weight = 1 if warp.weight is None else warp.weight
    return (image[warp.index] * weight).sum(-1)


def test_warps_of_unequal_neighbours_are_each_their_own():
    """Whichever comes first: none, one neighbour, three without weights, two with."""
    rng = np.random.default_rng(0)
    image = rng.random(PIXELS)
    weighted = Warp(rng.integers(0, PIXELS, (PIXELS, 2)), rng.random((PIXELS, 2), dtype="f"))
    warps = [
        None,
        Warp(rng.permutation(PIXELS)[:, None]),
        Warp(rng.integers(0, PIXELS, (PIXELS, 3))),
        weighted,
    ]
    wanted = [image if warp is None else warped(image, warp) for warp in warps]
    for order in ([1, 2, 3], [3, 2, 1], [2, 1], [1, 2]):
        tables = WarpTables(1, 4, PIXELS)
        for task in order:
            tables.put(0, task, warps[task])
        tables.finish()
        for task in [0, *order]:
            np.testing.assert_allclose(shown(tables, task, image), wanted[task], rtol=1e-6)


def test_permutations_need_no_weights(arrays):
    streams = over(arrays, Permuted(dataset="noise", tasks=3))
    assert streams.warps is not None
    assert streams.warps.weight is None
    assert streams.warps.index.dtype == np.int32


def test_test_sets_are_kept_up_to_a_bound(arrays, monkeypatch):
    monkeypatch.setattr(streams_module, "MAX_KEPT_ROWS", 3 * 2 * 64)
    streams = over(arrays, Pairs(dataset="noise", tasks=9))
    first = [batch.y for batch in streams.batches(streams.tasks[0], "test", 64)]
    for task in streams.tasks:
        assert sum(batch.size for batch in streams.batches(task, "test", 64)) == 64
        assert len(streams._kept) <= 3
    again = [batch.y for batch in streams.batches(streams.tasks[0], "test", 64)]
    for one, other in zip(first, again, strict=True):
        assert one.tolist() == other.tolist()
