"""Several agents a seed, each with a sequence of small tasks of its own."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydantic import Field, NonNegativeInt, PositiveInt

from clbench import Arrays, Layout, LazyTasks, Scenario, Stream, TaskSpec

from .labels import Labels, are_mapped, check_labels

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


class Agents(Scenario):
    """Several agents a seed; each agent draws the classes and the samples of its tasks for itself.

    The classes of a task are distinct. Over the tasks of an agent they are drawn with replacement,
    so that a class may come back, or without. The agents of a seed train side by side, and sharing
    methods (`naive+fedavg`) let them exchange what they learn; a table counts a seed with the mean
    of its agents. With `head: multi` in the protocol every task has outputs of its own.

    The protocol's `validation` says which part of each class is held out. It is drawn once a seed,
    so that no agent trains on a sample that another one validates with. Test sets are whole.

    (The streams of Le et al., Distributed Continual Learning, 2024, and with `agents: 1` those of
    Mendez & Eaton, Lifelong Learning of Compositional Structures, 2021.)
    """

    settings = ("task", "domain", "class")
    setting = "task"

    agents: PositiveInt = 8  # agents of each seed
    tasks: PositiveInt = 10  # tasks of each agent
    classes_per_task: PositiveInt = 2  # classes of each task
    # Whether a class may come back in a later task of the same agent.
    replacement: bool = True
    # Training samples of each class in a task, drawn anew for each task; by default all.
    samples_per_class: PositiveInt | None = None
    # Held-out samples of each class in a task, at most; by default all.
    validation_per_class: PositiveInt | None = None
    # So many first tasks are the same for all agents of a seed, sample for sample.
    shared_tasks: NonNegativeInt = 0
    # mapped: to 0..n-1 in every task (domain: always; task: if wanted)
    labels: Labels | None = None
    # Sizes of groups of classes, in the order of the classes: [10, 10, 10] for a data set combined
    # of three. The groups take turns, and a task has classes of one group only.
    groups: list[PositiveInt] | None = Field(None, min_length=1)

    def check(self, classes: int) -> None:
        check_labels(self, self.labels)
        if self.shared_tasks > self.tasks:
            self.refuse("shared_tasks", f"{self.shared_tasks}; an agent has {self.tasks} tasks")
        if self.groups is not None and sum(self.groups) != classes:
            self.refuse(
                "groups",
                f"has {sum(self.groups)} classes in all, and the data set has {classes}",
            )
        for number, among in enumerate(self._groups(classes)):
            named = "there are" if self.groups is None else f"group {number + 1} has"
            self._check_width(len(among), named)
            if not self.replacement:
                self._check_count(self._tasks_of_group(number), len(among), named)

    def _check_width(self, size: int, named: str) -> None:
        """Refuse tasks that are wider than a group of classes."""
        width = self.classes_per_task
        if width > size:
            self.refuse("classes_per_task", f"a task has {width} classes; {named} {size}")

    def _check_count(self, count: int, size: int, named: str) -> None:
        """Refuse more tasks than a group has classes for, where none comes back."""
        needed = count * self.classes_per_task
        if needed > size:
            self.refuse(
                "replacement",
                f"without it, {count} tasks of {self.classes_per_task} classes need {needed};"
                f" {named} {size}: write replacement: true, or fewer tasks",
            )

    def _tasks_of_group(self, number: int) -> int:
        """How many: the groups take turns, from the first one on."""
        groups = 1 if self.groups is None else len(self.groups)
        return len(range(number, self.tasks, groups))

    def layout(self, arrays: Arrays) -> Layout:
        self.check(arrays.classes)
        return Layout(
            self.classes_per_task if self._mapped else arrays.classes,
            self.tasks,
            self.setting,
            arrays.input_shape,
            agents=self.agents,
            shared_tasks=self.shared_tasks,
            # Classes that come back share their outputs between tasks.
            own_outputs=not self._mapped and not self.replacement,
        )

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        classes_of = self._classes(arrays.classes, seed, agent)
        # Agent 0's draw, for all agents: nobody trains on what another one validates with.
        held = self.held_out_by_class(arrays, seed, 0, validation)

        def task(index: int) -> TaskSpec:
            chosen, drawer = classes_of[index], self._drawer(agent, index)
            labels = np.full(arrays.classes, -1)
            # Mapped in the order in which the classes were drawn.
            labels[chosen] = np.arange(len(chosen)) if self._mapped else chosen
            train, held_out = self._samples(arrays, seed, drawer, index, chosen, held)
            test = arrays.test_positions.of(labels >= 0)
            return TaskSpec(np.sort(labels[chosen]), labels, train, test, held_out)

        return Stream(LazyTasks(self.tasks, task))

    @property
    def _mapped(self) -> bool:
        return are_mapped(self, self.labels)

    def _drawer(self, agent: int, index: int) -> int:
        """The agent whose generator a task is drawn with: the first one's where all share it."""
        return 0 if index < self.shared_tasks else agent

    def _groups(self, classes: int) -> list[Ints]:
        """The classes of each group; without groups all of them are one."""
        # Cuts behind each group; the last sum is the end.
        return np.split(np.arange(classes), np.cumsum(self.groups or [classes])[:-1])

    def _classes(self, classes: int, seed: int, agent: int) -> list[Ints]:
        """The classes of each task, in the order in which labels are mapped."""
        groups, found = self._groups(classes), list[Ints]()
        for index in range(self.tasks):
            # The groups take turns.
            among = groups[index % len(groups)]
            if not self.replacement:
                # What no task of this agent has had.
                among = np.setdiff1d(among, found)
            draw = self.generator(seed, self._drawer(agent, index), "classes", index)
            found.append(draw.choice(among, self.classes_per_task, replace=False))
        return found

    def _samples(
        self, arrays: Arrays, seed: int, drawer: int, index: int, classes: Ints, held: Bools
    ) -> tuple[Ints, Ints]:
        """A task's training samples, and those held out."""
        train, held_out = [], []
        for number in classes.tolist():
            positions = arrays.train_positions.of_class[number]
            out = held[positions]
            # A generator for each task and class: no draw depends on how many others there were.
            draw = self.generator(seed, drawer, "samples", index, number)
            train.append(self._train(draw, number, positions[~out]))
            draw = self.generator(seed, drawer, "validation_samples", index, number)
            held_out.append(_some(draw, positions[out], self.validation_per_class))
        return _joined(train), _joined(held_out)

    def _train(self, draw: np.random.Generator, number: int, positions: Ints) -> Ints:
        """The training samples of one class, of these that are not held out."""
        if self.samples_per_class is not None and self.samples_per_class > len(positions):
            self.refuse(
                "samples_per_class",
                f"{self.samples_per_class}; class {number} has {len(positions)} training samples"
                " that are not held out for validation",
            )
        return _some(draw, positions, self.samples_per_class)


def _joined(of_classes: list[Ints]) -> Ints:
    """The samples of all classes, in ascending order."""
    return np.sort(np.concatenate(of_classes))


def _some(draw: np.random.Generator, positions: Ints, most: int | None) -> Ints:
    """So many of them, or all."""
    if most is None or most >= len(positions):
        return positions
    # The sample is sorted afterwards, so its order costs nothing here.
    return draw.choice(positions, most, replace=False, shuffle=False)
