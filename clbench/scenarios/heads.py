"""`head: multi`: one block of outputs a task."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clbench.scenarios.stream import Layout, LazyTasks, Stream, TaskSpec


def with_head_per_task(layout: Layout, streams: list[Stream]) -> tuple[Layout, list[Stream]]:
    """Give every task outputs of its own; nothing changes where the layout says that it has them.

    The streams are not asked: a job sees some seeds of a cell, and all of a cell's networks are of
    one shape.
    """
    if layout.own_outputs:
        return layout, streams
    apart = replace(layout, classes=layout.classes * layout.tasks, own_outputs=True)
    return apart, [_apart(stream, layout.classes) for stream in streams]


def _apart(stream: Stream, width: int) -> Stream:
    """The stream with outputs `width * number` and on in each task."""

    def moved(number: int) -> TaskSpec:
        task = stream.tasks[number]
        # Each task's labels are moved to its own block; -1 stays.
        labels = np.where(task.labels >= 0, task.labels + number * width, -1)
        return replace(task, classes=task.classes + number * width, labels=labels)

    return replace(stream, tasks=LazyTasks(len(stream.tasks), moved))
