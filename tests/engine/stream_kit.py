"""Streams over arrays of noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench import Arrays, Layout, Stream, TaskSpec, Warp
from clbench.engine.streams import Streams

HEIGHT, WIDTH = 3, 5


def colourful(train: int = 40, test: int = 24, classes: int = 4) -> Arrays:
    """Random images of two channels; the label is the position modulo the classes."""
    rng = np.random.default_rng(1)

    def draw(count: int) -> tuple[Any, Any]:
        return rng.integers(0, 17, (count, HEIGHT, WIDTH, 2)).astype(np.uint8), np.arange(
            count
        ) % classes

    return Arrays("colourful", *draw(train), *draw(test), classes, "none", scale=16.0)


def spec(
    arrays: Arrays,
    classes: Sequence[int],
    mapped: bool = False,
    held_out: int = 0,
    warp: Warp | None = None,
    most: int = 1000,
) -> TaskSpec:
    labels = np.full(arrays.classes, -1)
    labels[list(classes)] = range(len(classes)) if mapped else classes
    train, test = (np.flatnonzero(labels[y] >= 0) for y in (arrays.y_train, arrays.y_test))
    return TaskSpec(
        np.sort(labels[list(classes)]),
        labels,
        train[held_out:][:most],
        test[:most],
        train[:held_out],
        warp,
    )


def streams(
    arrays: Arrays,
    specs: Sequence[Sequence[TaskSpec]],
    normalise: str = "unit",
    members: Sequence[int] | None = None,
) -> Streams:
    layout = Layout(arrays.classes, len(specs[0]), "class", arrays.input_shape)
    seeds = [(seed, 0) for seed in (members or range(len(specs)))]
    return Streams(
        arrays,
        layout,
        [Stream(tuple(tasks)) for tasks in specs],
        seeds,
        torch.device("cpu"),
        normalise,
    )


def two_members(arrays: Arrays, **options: Any) -> Streams:
    return streams(
        arrays,
        [
            [spec(arrays, [2, 0]), spec(arrays, [1, 3])],
            [spec(arrays, [3, 2]), spec(arrays, [0, 1])],
        ],
        **options,
    )


def images(arrays: Arrays, index: Tensor, split: str = "train") -> Any:
    """`[R, B, C, H, W]` as stored."""
    stored = arrays.x_train if split == "train" else arrays.x_test
    return stored[index.numpy()].transpose(0, 1, 4, 2, 3).astype(np.float64)


INDEX = torch.tensor([[0, 2, 4, 6], [3, 2, 7, 6]])
