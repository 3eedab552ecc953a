"""A few small runs whose numbers are kept, so that nobody moves them unawares: they go with
`ENGINE_VERSION`.

Bits differ between processors: products add up in another order with AVX2, AVX-512 or AMX. So the
runs are made in float64, where that is a relative 1e-15 a step, and a few dozen steps end far below
the tolerance of 1e-9. What is kept are the sums of the final weights' absolute values and squares,
and accuracies, which are counts. Only draws that are whole numbers or uniform are used: normal ones
come from functions (logarithm, cosine) that processors round differently in float32.

`python -m tests.engine.reference` writes the numbers anew, once `ENGINE_VERSION` has gone up.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from clbench import SoloStrategy
from clbench.data import load_arrays
from clbench.engine.streams import Streams
from clbench.host import Host
from clbench.suite import ENGINE_VERSION
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench

PLACE = Path(__file__).with_name("reference.json")
TOLERANCE = 1e-9  # relative
DIGITS = {"digits": {}}
LARGE = {"synthetic": {"size": 24, "train": 160, "test": 40, "classes": 4}}


class Solo(SoloStrategy):
    """Everything by default."""

    name = "solo"


def _scaled(streams: Streams, pixels: Tensor) -> Tensor:
    """As `Streams._scaled`, in float64."""
    x = pixels.double() * streams.scale
    return x if streams.offset is None else x + streams.offset


@contextlib.contextmanager
def in_float64() -> Iterator[None]:
    """Images and networks in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with mock.patch.object(Streams, "_scaled", _scaled):
            yield
    finally:
        torch.set_default_dtype(before)


Configuration = tuple[Any, dict[str, Any], dict[str, Any], str]


def configurations(host: Host) -> dict[str, Configuration]:
    """By name: strategy, scenario, protocol, form."""
    naive = host.get("strategy", "naive")
    er = host.get("strategy", "er")(memory=40)
    small = {"mlp": {"hidden": [16, 12]}}
    momentum = {"sgd": {"lr": 0.05, "momentum": 0.9, "weight_decay": 1e-3}}
    adam = {"adam": {"lr": 0.002}}
    by_task = {"setting": "task"}
    return {
        "mlp, sgd": (naive, {}, {"model": small, "optimizer": momentum}, "auto"),
        "mlp with dropout, adam, er": (
            er,
            {},
            {"model": {"mlp": {"hidden": [16], "dropout": 0.25}}, "optimizer": adam},
            "auto",
        ),
        "batch norm, schedule, two heads, augmented": (
            naive,
            by_task,
            {
                "model": {"mlp": {"hidden": [16], "norm": "batch"}},
                "optimizer": {"sgd": {"lr": 0.1}},
                "schedule": "cosine",
                "head": "multi",
                "augment": "crop_flip",
                "epochs": 2,
            },
            "loop",
        ),
        "convnet, adamw": (
            naive,
            {"dataset": LARGE, "tasks": 2},
            {"model": "convnet", "optimizer": {"adamw": {"lr": 0.001}}},
            "auto",
        ),
        "solo, sgd": (Solo, by_task, {"model": small, "optimizer": momentum, "clip": 1.0}, "auto"),
    }


Runs = dict[str, dict[str, Any]]


def measure(host: Host) -> Runs:
    """What the runs measure, as plain numbers."""
    return {name: measure_one(host, *how) for name, how in configurations(host).items()}


def measure_one(
    host: Host, strategy: Any, scenario: dict[str, Any], protocol: dict[str, Any], form: str
) -> dict[str, Any]:
    """One run."""
    options = {"dataset": DIGITS, "tasks": 3, "class_order": "random", **scenario}
    if options["dataset"] is DIGITS:
        options["classes_per_task"] = 2
    ((dataset, chosen),) = options["dataset"].items()
    with in_float64():
        budget = {"epochs": 1, "batch_size": 32, "keep": ["weights"], **protocol}
        bench = Bench(strategy, host, Choice("split", options), budget)
        bench.arrays = load_arrays(Choice(dataset, chosen), host, None)
        record = bench.run(3, 11, form=form)
    assert record.accuracy is not None
    accuracy = np.nan_to_num(record.accuracy, nan=-1.0)
    last = f"weights/{record.tasks}/"
    read = [rows.read() for name, rows in sorted(record.stored.items()) if name.startswith(last)]
    weights = [value for value in read if value.dtype.kind == "f"]  # others count
    assert weights
    assert all(value.dtype == np.float64 for value in weights)
    flat = np.concatenate([value.reshape(record.members, -1) for value in weights], axis=1)
    sums = [np.abs(flat).sum(axis=1), np.square(flat).sum(axis=1)]
    return {"accuracy": accuracy.tolist(), "weights": np.stack(sums, axis=1).tolist()}


def difference(one: Runs, other: Runs) -> str | None:
    """The first numbers that differ by more than processors do, in words."""
    for name in dict.fromkeys((*one, *other)):
        if name not in one or name not in other:
            return f"{name}: only one of the two has this run"
        for what in ("accuracy", "weights"):
            a, b = np.asarray(one[name][what]), np.asarray(other[name][what])
            if a.shape != b.shape:
                return f"{name}: {what} are {list(a.shape)} and {list(b.shape)}"
            if not np.allclose(a, b, rtol=TOLERANCE, atol=0):
                worst = np.nanmax(np.abs(a - b) / np.abs(b))
                return f"{name}: {what} differ by up to {worst:.2g} of their size"
    return None


def kept() -> dict[str, Any]:
    """The version and the numbers of the file."""
    found: dict[str, Any] = json.loads(PLACE.read_text())
    return found


def main() -> None:
    """Write the numbers of this version; refuse to write others under the same version."""
    runs = measure(Host.load())
    if PLACE.exists():
        before = kept()
        moved = difference(runs, before["runs"])
        if moved and before["engine_version"] == ENGINE_VERSION:
            sys.exit(f"{moved}: raise ENGINE_VERSION in clbench/suite/cell.py first")
    whole = {"engine_version": ENGINE_VERSION, "runs": runs}
    PLACE.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
