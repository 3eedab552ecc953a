"""The base of every scenario: what streams a data set becomes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NoReturn

import numpy as np
from pydantic import AfterValidator, Field

from clbench.errors import OptionError
from clbench.options import Configurable
from clbench.randomness import generator
from clbench.scenarios.stream import Bools, Ints, Layout, Setting, Stream, TaskSpec, Warp

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays


def _one_name(value: Any) -> Any:
    if isinstance(value, dict) and (
        len(value) != 1 or not isinstance(next(iter(value.values())), dict | None)
    ):
        raise ValueError(
            "must be a name, or one name with its options, as in {synthetic: {classes: 4}}"
        )
    return value


class Scenario(Configurable):
    """Turns a data set into streams. Its author writes `layout` and `stream`, and `check` for what
    can be known early.

    Everything random comes from `self.generator(seed, agent, name, ...)`, so that a stream depends
    on its seed and its agent and on nothing else.

    `settings` declares what `setting` may be; anything else is refused. The class and task settings
    need nothing of a scenario; one that maps labels to the same outputs in every task where
    `self.setting` is domain says so.
    """

    settings: ClassVar[tuple[Setting, ...]] = ("class", "task")
    holds_out: ClassVar[bool] = (
        True  # whether held-out samples mean anything; else `validation` is refused
    )

    dataset: Annotated[str | dict[str, Any], AfterValidator(_one_name)] = (
        Field()
    )  # a name, or a name with its options
    # what is known at test time: nothing (class), the task (task); domain: the same labels in every
    # task
    setting: Setting = "class"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Narrow the option `setting` to what the class declares, as if written out by hand."""
        super().__init_subclass__(**kwargs)
        if "setting" in inspect.get_annotations(cls):
            return
        # A subclass may have fixed the setting by a value alone.
        known = cls.settings if cls.setting in cls.settings else (cls.setting,)
        cls.__annotations__["setting"] = Literal.__getitem__(known)
        cls.setting = cls.setting  # an annotation without a default would be no option

    def check(self, classes: int) -> None:
        """Refuse options that do not fit so many classes, before anything is loaded."""

    def layout(self, arrays: Arrays) -> Layout:
        """What is the same in every stream."""
        raise NotImplementedError

    def stream(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Stream:
        """One member's tasks, `validation` of each task's training data held out."""
        raise NotImplementedError

    @staticmethod
    def generator(seed: int, agent: int, stream: str, *step: int) -> np.random.Generator:
        """The member's own generator for one purpose, such as `class_order`."""
        return generator(seed, agent, stream, *step)

    @staticmethod
    def refuse(option: str, sentence: str) -> NoReturn:
        """Say what is wrong with an option; a suite shows it with file and line."""
        raise OptionError([((option,), sentence)])

    def task(  # noqa: PLR0913 (each is an option)
        self,
        arrays: Arrays,
        seed: int,
        agent: int,
        index: int,
        validation: float,
        *,
        classes: Ints,
        labels: Ints,
        warp: Warp | None = None,
        held: Bools | None = None,
        samples: int | None = None,
    ) -> TaskSpec:
        """The task of all samples whose class has a label in it, some training ones held out.

        `samples` takes so many of the training ones, drawn anew for each task. So is what is held
        out of them, unless `held` says it of every training sample (`held_out_by_class`).
        """
        chosen = labels >= 0
        train, test = arrays.train_positions.of(chosen), arrays.test_positions.of(chosen)
        if samples is not None:
            draw = self.generator(seed, agent, "samples", index)
            # Sorted, so that the order of samples says nothing about the draw.
            train = np.sort(draw.choice(train, samples, replace=False, shuffle=False))
        out = (
            held[train]
            if held is not None
            else self._held_out(seed, agent, index, validation, len(train))
        )
        held_out = train[out]
        if len(held_out):
            train = train[~out]
        return TaskSpec(
            classes.astype(np.int64), labels.astype(np.int64), train, test, held_out, warp
        )

    def held_out_by_class(self, arrays: Arrays, seed: int, agent: int, validation: float) -> Bools:
        """Which training samples are held out, `validation` of each class, where classes come back.

        A sample that was held out once is then never trained on in a later task.
        """
        held = np.zeros(len(arrays.y_train), dtype=bool)
        if validation <= 0:
            return held
        for number, positions in enumerate(arrays.train_positions.of_class):
            out = self._held_out(seed, agent, number, validation, len(positions))
            held[positions[out]] = True
        return held

    def _held_out(
        self, seed: int, agent: int, number: int, validation: float, samples: int
    ) -> Bools:
        """At random which of so many samples are held out: never all, one at least of any."""
        held = np.zeros(samples, dtype=bool)
        if validation <= 0:
            return held
        count = min(max(1, round(validation * samples)), samples - 1)
        order = self.generator(seed, agent, "validation", number).permutation(samples)
        held[order[:count]] = True
        return held
