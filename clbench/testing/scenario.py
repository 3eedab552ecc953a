"""Checks that every scenario inherits."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, get_args

import numpy as np
import pytest

from clbench.data import load_arrays
from clbench.data.arrays import Arrays
from clbench.errors import OptionError, UserError
from clbench.host import Host
from clbench.options import name_of
from clbench.scenarios import Scenario
from clbench.scenarios.check import check_stream
from clbench.scenarios.stream import Ints, Setting, Stream, TaskSpec, labelled
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, first_difference, host_with, rows
from clbench.testing.documented import check_docstring, check_options_documented
from clbench.testing.strategy import StrategyConformance
from clbench.testing.watch import global_draws

SEEDS = (0, 1, 5)
HELD_OUT = 0.2
TABLES = ("classes", "labels", "train", "test", "validation")  # of a task, beside its warp


class ScenarioConformance:
    """Subclass it and give it a fixture `scenario`: the class, or an instance with options.

    A class is tried on the data set `dataset`; an instance names its own.
    """

    dataset: ClassVar[str] = "digits"
    plugins: ClassVar[tuple[str | Path, ...]] = ()

    @pytest.fixture
    def scenario(self) -> Any:
        """What is checked."""
        pytest.fail(
            f"{type(self).__name__} needs a fixture named 'scenario' that returns the scenario's"
            " class"
        )

    @pytest.fixture
    def made(self, scenario: Any) -> Scenario:
        """The scenario with its options."""
        return self._made(scenario)

    @pytest.fixture
    def arrays(self, made: Scenario) -> Arrays:
        """The scenario's data set."""
        return self._arrays(made)

    def _made(self, scenario: Any) -> Scenario:
        made: Scenario = scenario(dataset=self.dataset) if isinstance(scenario, type) else scenario
        return made

    def _arrays(self, made: Scenario) -> Arrays:
        name, options = _name_and_options(made.dataset)
        return load_arrays(Choice(name, options), self._host(), None)

    def _host(self) -> Host:
        return host_with(self.plugins)

    # ------------------------------------------------------------------ the checks

    def test_options_are_documented(self, made: Scenario) -> None:
        """`clbench describe` has something to say about the scenario and each option."""
        check_docstring(type(made), "say what its tasks are")
        check_options_documented(type(made), known=("dataset", "setting"))

    def test_streams_are_what_the_layout_says(self, made: Scenario, arrays: Arrays) -> None:
        """As many tasks and outputs as promised, and every table points at something."""
        made.check(arrays.classes)
        layout = made.layout(arrays)
        for seed, agent in _members(layout.agents):
            stream = made.stream(arrays, seed, agent, HELD_OUT)
            check_stream(name_of(type(made)), arrays, layout, stream)
            if not layout.nested:
                _check_equal_outputs(stream)
            for number, task in enumerate(stream.tasks, 1):
                _check_task(number, task, stream, arrays)
            if layout.nested:
                _check_nested(stream)

    def test_shared_tasks_are_the_same_for_all_agents(self, made: Scenario, arrays: Arrays) -> None:
        """The layout's first `shared_tasks` are alike,
        sample for sample, for the agents of a seed.
        """
        layout = made.layout(arrays)
        if not layout.shared_tasks:
            pytest.skip("the layout says that agents share no tasks")
        first = made.stream(arrays, 1, 0, HELD_OUT)
        for agent in range(1, layout.agents):
            other = made.stream(arrays, 1, agent, HELD_OUT)
            difference = _stream_difference(first, other, layout.shared_tasks)
            assert difference is None, (
                f"shared_tasks={layout.shared_tasks}, and agents 0 and {agent} differ in"
                f" {difference}; draw what they share with agent 0: self.generator(seed, 0, name)"
            )

    def test_a_stream_follows_from_its_seed(self, made: Scenario, arrays: Arrays) -> None:
        """Whatever was drawn before and elsewhere; no global generator takes part."""
        first = made.stream(arrays, 1, 0, HELD_OUT)
        _disturb()
        with global_draws() as drawn:
            # Another seed in between: nothing may be left over from it.
            made.stream(arrays, 2, 0, HELD_OUT)
            again = made.stream(arrays, 1, 0, HELD_OUT)
        advice = "draw from self.generator(seed, agent, name)"
        assert not drawn, f"{' and '.join(drawn)} global generator was drawn from; {advice}"
        difference = _stream_difference(first, again)
        assert difference is None, (
            f"the stream of seed 1 differs from itself: {difference}; {advice}"
        )

    def test_held_out_samples_are_the_training_data_s(self, made: Scenario, arrays: Arrays) -> None:
        """Validation takes a part of each task's training samples.

        The test samples stay as they are.
        """
        if not made.holds_out:
            pytest.skip("the scenario declares that nothing can be held out")
        whole = made.stream(arrays, 1, 0, 0.0)
        divided = made.stream(arrays, 1, 0, HELD_OUT)
        for number, (before, after) in enumerate(zip(whole.tasks, divided.tasks, strict=True), 1):
            _check_division(number, before, after)

    def test_settings(self, made: Scenario, arrays: Arrays) -> None:
        """A setting is carried out or refused, never accepted and ignored."""
        for setting in get_args(Setting):
            changed = _with_setting(made, setting, arrays)
            if changed is None:
                continue
            layout = changed.layout(arrays)
            assert layout.setting == setting, (
                f"setting: {setting} is accepted, and the layout says {layout.setting}; refuse it"
            )
            if setting == "domain":
                _check_domain(changed.stream(arrays, 0, 0, 0.0))

    def test_members_do_not_depend_on_each_other(self, made: Scenario, arrays: Arrays) -> None:
        """A seed's numbers are the same alone and among others, with one head and with many."""
        for head in ("single", "multi"):
            bench = self._bench(made, head=head)
            alone = rows(bench.run(2), 2)
            # First and last among others.
            for seeds in ((2, 0), (0, 2)):
                among = rows(bench.run(*seeds), 2)
                difference = first_difference(alone, among)
                assert difference is None, (
                    f"seed 2 alone and among the seeds {seeds} differ (head: {head}): {difference};"
                    " what streams share (outputs, tasks, image size) is the layout's to say"
                )

    def _bench(self, made: Scenario, **protocol: Any) -> Bench:
        host = self._host()
        given: Mapping[str, Any] = {**StrategyConformance.standard, "steps": 8, **protocol}
        choice = Choice(name_of(type(made)), made.options)
        return Bench(host.get("strategy", "naive"), host, choice, given, own_scenario=type(made))


def _name_and_options(dataset: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(dataset, str):
        return dataset, {}
    name, options = next(iter(dataset.items()))
    return name, dict(options or {})


def _members(agents: int) -> Iterator[tuple[int, int]]:
    for seed in SEEDS:
        for agent in range(agents):
            yield seed, agent


def _check_task(number: int, task: TaskSpec, stream: Stream, arrays: Arrays) -> None:
    # -1: a class that the task has not.
    given = task.labels[task.labels >= 0]
    assert np.isin(given, task.classes).all(), (
        f"task {number}: a label is none of the task's own classes"
    )
    named = labelled(arrays, stream)
    kind = "class" if stream.groups is None else "group"
    for split in ("train", "validation", "test"):
        samples = getattr(task, split)
        # The class of each sample, or its group, by which labels are given.
        outside = _without_label(task, named["test" if split == "test" else "train"][samples])
        assert not len(outside), (
            f"task {number}: {split} has a sample of {kind} {outside[0]},"
            " which has no label in the task"
        )
        assert len(np.unique(samples)) == len(samples), f"task {number}: a {split} sample twice"


def _without_label(task: TaskSpec, names: Ints) -> Ints:
    return names[task.labels[names] < 0]


def _check_equal_outputs(stream: Stream) -> None:
    """Where nothing is nested, tasks have as many outputs as each other."""
    first = len(stream.tasks[0].classes)
    for number, task in enumerate(stream.tasks, 1):
        assert len(task.classes) == first, (
            f"task {number} has {len(task.classes)} outputs and task 1 has {first}"
        )


def _check_nested(stream: Stream) -> None:
    """Where the layout says `nested`, a task has what the task before it has."""
    for number, (before, task) in enumerate(itertools.pairwise(stream.tasks), 2):
        for name in ("classes", "train", "validation", "test"):
            missing = np.setdiff1d(getattr(before, name), getattr(task, name))
            assert not len(missing), (
                f"task {number}: the layout says nested=True, and {name} lacks {missing[0]} of the"
                " task before"
            )


def _check_division(number: int, before: TaskSpec, after: TaskSpec) -> None:
    """A task without and with samples that are held out."""
    assert len(before.validation) == 0, f"task {number}: validation 0 holds samples out"
    assert len(after.validation), f"task {number}: validation {HELD_OUT} holds nothing out"
    both = np.intersect1d(after.train, after.validation)
    assert not len(both), f"task {number}: sample {both[0]} is trained on and held out"
    together = np.union1d(after.train, after.validation)
    assert np.array_equal(together, np.unique(before.train)), (
        f"task {number}: training and held-out samples are not those of the task together"
    )
    assert np.array_equal(np.sort(before.test), np.sort(after.test)), (
        f"task {number}: the test samples change with the share that is held out"
    )


def _disturb() -> None:
    """Leave the global generators elsewhere; a check puts nothing back that others could need."""
    np.random.random(3)
    random.random()


def _stream_difference(one: Stream, other: Stream, tasks: int | None = None) -> str | None:
    """What differs first, in so many first tasks, or in all."""
    if not _same(one.groups, other.groups):
        return "its groups of samples"
    pairs = zip(one.tasks[:tasks], other.tasks[:tasks], strict=True)
    for number, (a, b) in enumerate(pairs, 1):
        difference = _task_difference(a, b)
        if difference is not None:
            return f"{difference} of task {number}"
    return None


def _task_difference(a: TaskSpec, b: TaskSpec) -> str | None:
    for name in TABLES:
        if not np.array_equal(getattr(a, name), getattr(b, name)):
            return name
    return None if _same_warp(a, b) else "the warp"


def _same_warp(a: TaskSpec, b: TaskSpec) -> bool:
    if a.warp is None or b.warp is None:
        return a.warp is b.warp
    return np.array_equal(a.warp.index, b.warp.index) and _same(a.warp.weight, b.warp.weight)


def _same(a: Any, b: Any) -> bool:
    """Arrays, each of which may be none."""
    return a is b if a is None or b is None else np.array_equal(a, b)


def _with_setting(made: Scenario, setting: str, arrays: Arrays) -> Scenario | None:
    """The scenario in another setting; None where it refuses that."""
    try:
        changed = type(made)(**{**made.options, "setting": setting})
        changed.check(arrays.classes)
        changed.layout(arrays)
    except (OptionError, UserError):
        return None
    return changed


def _check_domain(stream: Stream) -> None:
    first = np.sort(stream.tasks[0].classes)
    for number, task in enumerate(stream.tasks, 1):
        assert np.array_equal(np.sort(task.classes), first), (
            f"setting: domain is accepted, and task {number} has other labels than task 1;"
            " map labels to the same ones in every task, or refuse the setting"
        )
