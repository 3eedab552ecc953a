"""`head: multi` gives every task outputs of its own."""

import numpy as np
import pytest

from clbench import Arrays
from clbench.host import Host
from clbench.scenarios.heads import with_head_per_task


@pytest.fixture
def arrays():
    x = np.zeros((60, 2, 2, 1), np.uint8)
    y = np.arange(60) % 6
    return Arrays("tiny", x, y, x[:12], y[:12], classes=6, fingerprint="tiny")


def split(arrays, **options):
    scenario = Host.load().get("scenario", "split")(
        dataset="digits", tasks=3, setting="task", **options
    )
    return scenario.layout(arrays), [scenario.stream(arrays, 0, 0, 0.0)]


def test_shared_outputs_become_a_block_a_task(arrays):
    layout, (stream,) = with_head_per_task(*split(arrays, labels="mapped"))
    assert layout.classes == 6
    assert [task.classes.tolist() for task in stream.tasks] == [[0, 1], [2, 3], [4, 5]]
    assert [task.labels[task.labels >= 0].tolist() for task in stream.tasks] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]


def test_outputs_that_are_apart_stay_as_they_are(arrays):
    before = split(arrays)
    assert with_head_per_task(*before) == before
