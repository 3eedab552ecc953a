"""All data of all classes so far."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from clbench.data.arrays import Arrays
from clbench.engine.evaluate import choice
from clbench.engine.phases import tasks_of
from clbench.engine.session import ScenarioView
from clbench.engine.workload import workload
from clbench.errors import OptionError
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.suite.resolving import resolve_protocol
from clbench.testing.bench import Bench
from clbench_plugins.builtin_scenarios.growing import Growing


@pytest.fixture
def arrays() -> Arrays:
    """Seven classes of twenty training and four test samples."""
    y_train, y_test = np.arange(140) % 7, np.arange(28) % 7
    x = np.zeros((140, 2, 2, 1), np.uint8)
    return Arrays("seven", x, y_train, x[:28], y_test, 7, "")


def made(**options) -> Growing:
    return Growing(dataset="seven", **{"classes_at_first": 3, "classes_per_stage": 2, **options})


def test_a_stage_has_all_classes_so_far_and_all_their_data(arrays):
    scenario = made()
    layout = scenario.layout(arrays)
    assert (layout.classes, layout.tasks, layout.nested) == (7, 3, True)
    tasks = scenario.stream(arrays, 0, 0, 0.0).tasks
    assert [len(task.classes) for task in tasks] == [3, 5, 7]
    assert [len(task.train) for task in tasks] == [60, 100, 140]
    assert [len(task.test) for task in tasks] == [12, 20, 28]
    for task in tasks:
        assert np.unique(arrays.y_train[task.train]).tolist() == task.classes.tolist()
        assert np.unique(arrays.y_test[task.test]).tolist() == task.classes.tolist()
        assert task.labels[task.classes].tolist() == task.classes.tolist()
    for before, after in itertools.pairwise(tasks):
        assert set(before.train) < set(after.train)


def test_the_order_of_the_classes_is_the_seeds_own(arrays):
    def first(seed: int, **options) -> list[int]:
        return made(**options).stream(arrays, seed, 0, 0.0).tasks[0].classes.tolist()

    assert first(1) == first(1)
    assert len({str(first(seed)) for seed in range(6)}) > 1
    assert first(3, class_order="fixed") == [0, 1, 2]


def test_what_is_held_out_of_a_class_is_never_trained_on_in_any_stage(arrays):
    tasks = made().stream(arrays, 0, 0, 0.1).tasks
    held = np.unique(np.concatenate([task.validation for task in tasks]))
    assert np.bincount(arrays.y_train[held]).tolist() == [2] * 7
    assert not np.intersect1d(held, np.concatenate([task.train for task in tasks])).size
    assert [len(task.validation) for task in tasks] == [6, 10, 14]


@pytest.mark.parametrize(
    ("options", "place", "sentence"),
    [
        ({"classes_at_first": 8}, "classes_at_first", "8 classes; there are 7"),
        ({"classes_at_first": 2}, "classes_per_stage", "5 classes after the first .* of 2; set"),
        ({"tasks": 4}, "tasks", "4 stages; 7 classes are enough for 3"),
    ],
)
def test_stages_that_do_not_fit_are_refused(options, place, sentence):
    with pytest.raises(OptionError, match=sentence) as caught:
        made(**options).check(7)
    assert caught.value.issues[0][0] == (place,)


def test_some_classes_can_be_left_out(arrays):
    assert made(classes_at_first=2, tasks=3).layout(arrays).tasks == 3


def test_no_sample_is_trained_on_twice_by_who_trains_on_all_tasks(arrays):
    """`seen` and `all` tasks have each sample once: `cumulative` and `joint` are as `naive`."""
    layout = made().layout(arrays)
    assert list(tasks_of("task", 1, layout)) == [1]
    assert list(tasks_of("seen", 1, layout)) == [1]
    assert list(tasks_of("all", 1, layout)) == [2]


def bench(strategy: str, **protocol) -> Bench:
    host = Host.load()
    options = {"dataset": "digits", "classes_at_first": 4, "classes_per_stage": 3}
    given = {"model": {"mlp": {"hidden": [16]}}, "epochs": 2, "logits": "seen", **protocol}
    return Bench(host.get("strategy", strategy), host, Choice("growing", options), given)


def test_cumulative_training_is_training_on_the_stage():
    naive, cumulative = bench("naive").run(0), bench("cumulative").run(0)
    np.testing.assert_array_equal(naive.accuracy, cumulative.accuracy)
    np.testing.assert_array_equal(naive.loss, cumulative.loss)


def test_joint_training_sees_each_sample_once_an_epoch():
    strategy, loop = bench("joint").start(0)
    last = strategy.session.streams.tasks[-1]
    for task in strategy.session.streams.tasks:
        loop.task(task)
    assert loop.measurements.steps[0] == 2 * -(-last.size("train")[0] // 32)


def test_the_work_of_a_stage_is_its_own_samples():
    view = ScenarioView(10, (1, 8, 8), 3, "class", nested=True)
    protocol, _ = resolve_protocol({"batch_size": 10}, Host.load())
    parts = [(Host.load().get("strategy", "cumulative"), {})]
    work = workload(parts, protocol, view, [40, 70, 100], [4, 7, 10])
    assert [one.steps for one in work] == [4, 7, 10]


def test_outputs_of_classes_to_come_are_neither_trained_nor_chosen():
    """With `logits: seen` their weights stand still, and nobody is told one of them."""
    strategy, loop = bench("naive", optimizer={"sgd": {"lr": 0.1, "momentum": 0.9}}).start(0)
    first, *_ = strategy.session.streams.tasks
    head = strategy.net.part("head").parameters()
    before = [value.detach().clone() for value in head]
    loop.task(first)
    to_come = ~strategy.session.streams.owned[0, 0]
    for value, start in zip(head, before, strict=True):
        assert (value[0] == start[0])[to_come].all()
        assert not torch.equal(value[0][~to_come], start[0][~to_come])
    whole = strategy.session.streams.tasks[-1]
    for batch in whole.batches("train", 512):
        logits = strategy.predict(batch.x)
        # All classes' images, asked for while the first stage is the last that was seen.
        assert not to_come[choice(strategy.session.learner, logits, batch).flatten()].any()
