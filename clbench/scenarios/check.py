"""Whether a stream is what its scenario's layout promises: the author's mistakes, named where they were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clbench.errors import PluginError
from clbench.scenarios.stream import Ints, Layout, Stream, TaskSpec

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays


def check_stream(scenario: str, arrays: Arrays, layout: Layout, stream: Stream) -> None:
    """Refuse tables that point beside what they are to point at."""
    if len(stream.tasks) != layout.tasks:
        raise PluginError(
            f"scenario {scenario!r}: a stream has {len(stream.tasks)} tasks, and the layout says {layout.tasks}"
        )
    for number, task in enumerate(stream.tasks, 1):
        for name, table, below in _tables(arrays, layout, task):
            if wrong := _wrong(table, below, least=-1 if name == "labels" else 0):
                raise PluginError(f"scenario {scenario!r}, task {number}: {name} {wrong}")
        if len(task.labels) != arrays.classes:
            raise PluginError(
                f"scenario {scenario!r}, task {number}: labels has {len(task.labels)} entries; "
                f"the data set has {arrays.classes} classes, and each needs a label or -1"
            )
        for name in ("train", "test"):
            if not len(getattr(task, name)):
                raise PluginError(
                    f"scenario {scenario!r}, task {number}: there are no {name} samples"
                )

    _check_outputs(scenario, layout, stream)


def check_layout(scenario: str, setting: str, layout: Layout) -> None:
    """Refuse a scenario that was asked for one setting and makes another: its cells would bear a wrong name."""
    if layout.setting != setting:
        raise PluginError(
            f"scenario {scenario!r}: setting is {setting}, and its layout says {layout.setting};"
            f" declare settings = ({layout.setting!r},) in the class, or carry the setting out"
        )


def _check_outputs(scenario: str, layout: Layout, stream: Stream) -> None:
    """Refuse outputs that are not what the setting and `own_outputs` promise."""
    owners: dict[int, int] = {}
    for number, task in enumerate(stream.tasks, 1):
        outputs = sorted(task.classes.tolist())
        if layout.setting == "domain" and outputs != list(range(layout.classes)):
            raise PluginError(
                f"scenario {scenario!r}, task {number}: in the domain setting every task has the outputs"
                f" 0..{layout.classes - 1}, and this one has {outputs[0]}..{outputs[-1]}"
            )
        shared = [output for output in outputs if owners.setdefault(output, number) != number]
        if layout.own_outputs and shared:
            raise PluginError(
                f"scenario {scenario!r}, task {number}: the layout says own_outputs=True, and output"
                f" {shared[0]} belongs to task {owners[shared[0]]}, too"
            )


def _tables(arrays: Arrays, layout: Layout, task: TaskSpec) -> list[tuple[str, Ints, int]]:
    """Every table of a task, and the number its entries must be below."""
    train, test = len(arrays.y_train), len(arrays.y_test)
    return [
        ("classes", task.classes, layout.classes),
        ("labels", task.labels, layout.classes),
        ("train", task.train, train),
        ("validation", task.validation, train),
        ("test", task.test, test),
    ]


def _wrong(table: Ints, below: int, least: int) -> str:
    if table.ndim != 1 or not np.issubdtype(table.dtype, np.integer):
        return f"must be a row of integers, not {table.dtype} {list(table.shape)}"
    if table.size and (table.min() < least or table.max() >= below):
        return f"holds {table.min()}..{table.max()}; {least}..{below - 1} is possible"
    return ""
