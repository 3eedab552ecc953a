"""How many test images all runs share, as the engine's tables count them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.engine.tables import TaskTables
from clbench_plugins.builtin_scenarios.random_labels import RandomLabels
from clbench_plugins.builtin_scenarios.split import Split
from clbench_plugins.builtin_scenarios.warped import Permuted


def arrays() -> Arrays:
    """Six classes of four test images each."""
    x = np.zeros((60, 2, 2, 1), np.uint8)
    y_train, y_test = np.repeat(np.arange(6), 10), np.repeat(np.arange(6), 4)
    return Arrays("six", x, y_train, x[:24], y_test, 6, "")


@pytest.mark.parametrize(
    ("scenario", "images"),
    [
        (Split(dataset="six", tasks=3), 24),
        (Permuted(dataset="six", tasks=4), 24),  # each task shows the same images
        (Split(dataset="six", tasks=2, classes_per_task=2, class_order="random"), 0),
        (RandomLabels(dataset="six", tasks=2, samples=10), 0),  # tested on training images
    ],
)
def test_a_test_set_is_shared_where_every_stream_is_tested_on_all_of_it(
    scenario: Any, images: int
) -> None:
    data = arrays()
    streams = [scenario.stream(data, seed, 0, 0.0) for seed in (0, 1)]
    assert TaskTables(data, scenario.layout(data), streams).test_images == images
