"""Whether a stream is what its scenario's layout promises, or where the author went wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from clbench.errors import PluginError
from clbench.scenarios.stream import Ints, Layout, LazyTasks, Stream, TaskSpec

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays


def check_stream(scenario: str, arrays: Arrays, layout: Layout, stream: Stream) -> None:
    """Refuse tables that point beside what they are to point at."""
    for _ in checked(scenario, arrays, layout, stream).tasks:
        pass


def checked(scenario: str, arrays: Arrays, layout: Layout, stream: Stream) -> Stream:
    """The same stream, each of its tasks checked when it is looked at."""
    if len(stream.tasks) != layout.tasks:
        raise PluginError(
            f"scenario {scenario!r}: a stream has {len(stream.tasks)} tasks, and the layout says "
            f"{layout.tasks}"
        )
    _check_groups(scenario, arrays, layout, stream)
    check = _TaskCheck(scenario, arrays, layout)

    def task(index: int) -> TaskSpec:
        made = stream.tasks[index]
        check(index + 1, made)
        return made

    # Checked as they are made, so thousands need not be held.
    return replace(stream, tasks=LazyTasks(layout.tasks, task))


def check_layout(scenario: str, setting: str, layout: Layout) -> None:
    """Refuse a layout that nothing can be: its cells would bear a wrong name, or its agents share
    what is not there.
    """
    if layout.setting != setting:
        raise PluginError(
            f"scenario {scenario!r}: setting is {setting}, and its layout says {layout.setting};"
            f" declare settings = ({layout.setting!r},) in the class, or carry the setting out"
        )
    if not 0 <= layout.shared_tasks <= layout.tasks:
        raise PluginError(
            f"scenario {scenario!r}: its layout says shared_tasks={layout.shared_tasks};"
            f" of {layout.tasks} tasks, 0 to {layout.tasks} can be the same for all agents"
        )


def _check_groups(scenario: str, arrays: Arrays, layout: Layout, stream: Stream) -> None:
    """Refuse groups of samples that are not what the layout says."""
    if (stream.groups is None) != (layout.groups is None):
        raise PluginError(
            f"scenario {scenario!r}: the layout says groups={layout.groups}, and a stream has"
            f" {'none' if stream.groups is None else 'some'}"
        )
    if stream.groups is None or layout.groups is None:
        return
    if wrong := _wrong(stream.groups, layout.groups, least=0):
        raise PluginError(f"scenario {scenario!r}: groups of a stream {wrong}")
    if len(stream.groups) != len(arrays.y_train):
        raise PluginError(
            f"scenario {scenario!r}: groups of a stream has {len(stream.groups)} entries;"
            f" there are {len(arrays.y_train)} training samples"
        )


class _TaskCheck:
    """Whether the tasks of one stream are what its layout promises."""

    def __init__(self, scenario: str, arrays: Arrays, layout: Layout) -> None:
        self.scenario, self.arrays, self.layout = scenario, arrays, layout
        self.owners: dict[int, int] = {}  # of outputs, where no two tasks share one

    def __call__(self, number: int, task: TaskSpec) -> None:
        for name, table, below in _tables(self.arrays, self.layout, task):
            if wrong := _wrong(table, below, least=-1 if name == "labels" else 0):
                self._refuse(number, f"{name} {wrong}")
        named = self.layout.groups or self.arrays.classes
        if len(task.labels) != named:
            who = "a stream" if self.layout.groups else "the data set"
            what = "groups" if self.layout.groups else "classes"
            self._refuse(
                number,
                f"labels has {len(task.labels)} entries; {who} has"
                f" {named} {what}, and each needs a label or -1",
            )
        for name in ("train", "test"):
            if not len(getattr(task, name)):
                self._refuse(number, f"there are no {name} samples")
        self._check_outputs(number, task)

    def _check_outputs(self, number: int, task: TaskSpec) -> None:
        """Refuse outputs that are not what the setting and `own_outputs` promise."""
        layout, outputs = self.layout, sorted(task.classes.tolist())
        if layout.setting == "domain" and outputs != list(range(layout.classes)):
            self._refuse(
                number,
                "in the domain setting every task has the outputs"
                f" 0..{layout.classes - 1}, and this one has {outputs[0]}..{outputs[-1]}",
            )
        if not layout.own_outputs:
            return
        # The first task that names an output owns it.
        shared = [output for output in outputs if self.owners.setdefault(output, number) != number]
        if shared:
            self._refuse(
                number,
                f"the layout says own_outputs=True, and output {shared[0]} belongs to"
                f" task {self.owners[shared[0]]}, too",
            )

    def _refuse(self, number: int, sentence: str) -> NoReturn:
        raise PluginError(f"scenario {self.scenario!r}, task {number}: {sentence}")


def _tables(arrays: Arrays, layout: Layout, task: TaskSpec) -> list[tuple[str, Ints, int]]:
    """Every table of a task, and the number its entries must be below."""
    train = len(arrays.y_train)
    # Where samples have groups, tests are on training images.
    test = len(arrays.y_test) if layout.groups is None else train
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
