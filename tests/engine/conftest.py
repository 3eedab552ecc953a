from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clbench import Arrays
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

Make = Callable[..., Bench]


def pictures(train: Sequence[int], test: int = 10, size: int = 4, noise: float = 40.0) -> Arrays:
    """One random picture a class, seen through noise; so many training images of each class, and as
    many test images of all.
    """
    rng = np.random.default_rng(0)
    means = rng.uniform(0, 255, (len(train), size, size, 1))

    def draw(counts: Sequence[int]) -> tuple[Any, Any]:
        y = rng.permutation(np.repeat(np.arange(len(train)), counts))
        return (means[y] + noise * rng.standard_normal((len(y), size, size, 1))).clip(
            0, 255
        ).astype(np.uint8), y

    return Arrays("pictures", *draw(train), *draw([test] * len(train)), len(train), "none")


@pytest.fixture(scope="session")
def host() -> Host:
    """The real host."""
    return Host.load()


@pytest.fixture(scope="session")
def tiny() -> Arrays:
    """Six classes of 4x4 pixels, so unequal that members have unequal numbers of samples."""
    return pictures([17, 20, 23, 14, 26, 20])


@pytest.fixture
def make_bench(host: Host, tiny: Arrays) -> Make:
    """A strategy on tasks of two classes of the tiny pictures; further keywords are the
    protocol's.
    """

    def make(
        strategy: Any,
        *,
        tasks: int = 3,
        setting: str = "class",
        metrics: Any = (),
        arrays: Arrays = tiny,
        order: str = "random",
        **protocol: Any,
    ) -> Bench:
        standard = {
            "model": {"mlp": {"hidden": [12]}},
            "batch_size": 8,
            "optimizer": {"sgd": {"lr": 0.1}},
        }
        split = Choice(
            "split", {"dataset": "digits", "tasks": 5, "setting": setting, "class_order": order}
        )
        bench = Bench(strategy, host, split, {**standard, **protocol}, metrics)
        bench.arrays = arrays
        bench.cell = replace(
            bench.cell, scenario=Choice("split", {**bench.cell.scenario.options, "tasks": tasks})
        )
        return bench

    return make
