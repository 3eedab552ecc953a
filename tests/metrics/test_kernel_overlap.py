"""The overlap of top kernels, from sets written down by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from clbench import RunView, Undefined
from clbench.records import CellRecord
from clbench_plugins.unit_metrics import KernelOverlap

# Kernels 0 and 1, then 1 and 2, then 0 and 1 again; the other layer keeps its single one.
MOVING = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0]], dtype=float)
STEADY = np.array([[1, 0], [1, 0], [1, 0]], dtype=float)


def run_with(curves: Mapping[str, Any], tasks: int = 3) -> RunView:
    accuracy = np.zeros((1, tasks + 1, tasks))
    cell = CellRecord("key", "split", "softhebb", "softhebb", np.zeros(1, int), accuracy)
    cell.curves = {name: values[None] for name, values in curves.items()}
    return RunView(cell, 0)


STORED = run_with({"top_kernels_block1": MOVING, "top_kernels_block2": STEADY})


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"layer": "block1"}, [1 / 3, 2 / 3]),
        ({"layer": "block1", "overlap": "share"}, [1 / 2, 3 / 4]),
        ({"layer": "block1", "against": "previous"}, [1 / 3, 1 / 3]),
        ({"layer": "block1", "against": "first"}, [1 / 3, 1]),
        ({"layer": "block2"}, [1, 1]),
        ({}, [2 / 3, 5 / 6]),
    ],
)
def test_overlap_by_hand(options: Any, wanted: Any) -> None:
    found = KernelOverlap(**options).value(STORED)
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], wanted)


@pytest.mark.parametrize(
    ("run", "options", "words"),
    [
        (run_with({}), {}, "stores no top kernels"),
        (STORED, {"layer": "block7"}, "there are block1, block2"),
        (run_with({"top_kernels_block1": MOVING[:1]}, tasks=1), {}, "needs two tasks"),
    ],
)
def test_what_lacks_is_said(run: RunView, options: Any, words: str) -> None:
    with pytest.raises(Undefined, match=words):
        KernelOverlap(**options).value(run)


def test_layers_come_in_the_order_of_their_numbers() -> None:
    run = run_with({f"top_kernels_block{n}": STEADY for n in (10, 2, 1)})
    assert list(run.by_layer("top_kernels")) == ["block1", "block2", "block10"]
