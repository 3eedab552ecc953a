"""What each agent has to offer to its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from clbench import Batch, Stateful, Strategy, Task, sample_bytes

ROWS = 256  # of a batch


class Stored(Stateful):
    """The training samples of the task under way, and some of each task before it.

    `of_each` says how many an agent keeps of a task that is over; None: all of them. They are drawn
    when the task is over, and stay the same.
    """

    def __init__(self, owner: Strategy, of_each: int | None) -> None:
        self.of_each = of_each
        self.each_takes = sample_bytes(owner.scenario)
        self.tasks: list[Task] = []

    def begin_task(self, task: Task) -> None:
        """This task is under way, and those before it are over."""
        self.tasks.append(task)

    def of_task(self, task: Task) -> Iterator[Batch]:
        """What the agents have of one of the tasks."""
        under_way = task is self.tasks[-1]
        return task.batches("train", ROWS, None if under_way else self.of_each)

    def batches(self) -> Iterator[Batch]:
        """All that the agents have, task by task."""
        for task in self.tasks:
            yield from self.of_task(task)

    def stands_for(self) -> list[float]:
        """The bytes of each member's samples of the tasks that have begun."""
        counts = [self._kept(task) for task in self.tasks]
        return [float(sum(of_member) * self.each_takes) for of_member in zip(*counts, strict=True)]

    def _kept(self, task: Task) -> list[int]:
        """How many samples each member keeps of a task."""
        sizes = task.size("train")
        return sizes if self.of_each is None else [min(size, self.of_each) for size in sizes]
