"""Labels that say nothing: every image has its own, and is tested by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from clbench.data import load_arrays
from clbench.data.arrays import Arrays
from clbench.engine.streams import Streams
from clbench.errors import OptionError, PluginError
from clbench.host import Host
from clbench.scenarios.chance import chance_levels
from clbench.scenarios.check import check_stream
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench
from clbench_plugins.builtin_scenarios.random_labels import RandomLabels


@pytest.fixture
def arrays() -> Arrays:
    x = np.random.default_rng(0).integers(0, 256, (60, 2, 3, 1), dtype=np.uint8)
    y = np.arange(60) % 4
    return Arrays("noise", x, y, 255 - x[:20], y[:20], 4, "none")


def made(**options) -> RandomLabels:
    return RandomLabels(dataset="noise", **{"tasks": 5, "samples": 12, **options})


def labels_of(arrays: Arrays, scenario: RandomLabels, seed: int = 0) -> list[dict[int, int]]:
    """The label of each image, task by task."""
    stream = scenario.stream(arrays, seed, 0, 0.0)
    tables = []
    for task in stream.tasks:
        labels = task.labels[stream.groups[task.train]]
        tables.append(dict(zip(task.train.tolist(), labels.tolist(), strict=True)))
    return tables


def test_the_same_images_have_new_labels_in_every_task(arrays):
    tables = labels_of(arrays, made())
    assert len({tuple(table) for table in tables}) == 1
    assert len({str(table) for table in tables}) == 5
    assert all(len(table) == 12 for table in tables)
    assert {label for table in tables for label in table.values()} == {0, 1, 2, 3}


def test_images_and_labels_are_the_seeds_own(arrays):
    assert labels_of(arrays, made(), seed=1) == labels_of(arrays, made(), seed=1)
    assert list(labels_of(arrays, made())[0]) != list(labels_of(arrays, made(), seed=1)[0])


def test_images_may_be_drawn_for_each_task(arrays):
    tables = labels_of(arrays, made(images="drawn"))
    assert len({tuple(table) for table in tables}) == 5
    assert all(len(table) == 12 for table in tables)


@pytest.mark.parametrize("images", ["fixed", "drawn"])
def test_a_task_is_tested_on_its_own_training_images_by_its_own_labels(arrays, images):
    """Not on the test images, whose labels are as arbitrary as any."""
    scenario, seeds = made(images=images), (0, 3)
    layout = scenario.layout(arrays)
    made_streams = [scenario.stream(arrays, seed, 0, 0.0) for seed in seeds]
    members = [(seed, 0) for seed in seeds]
    streams = Streams(arrays, layout, made_streams, members, torch.device("cpu"), "none")
    for task in streams.tasks:
        (batch,) = list(task.batches("test", 12))
        for row, seed in enumerate(seeds):
            table = labels_of(arrays, scenario, seed)[task.index]
            assert dict(zip(batch.index[row].tolist(), batch.y[row].tolist(), strict=True)) == table
            seen = batch.x[row].flatten(1).numpy()
            stored = arrays.x_train[batch.index[row].numpy()].reshape(12, -1)
            np.testing.assert_array_equal(seen, stored)


def test_what_is_learnt_by_heart_is_what_is_measured():
    host = Host.load()
    scenario = Choice("random_labels", {"dataset": "digits", "tasks": 2, "samples": 30})
    protocol = {
        "model": {"mlp": {"hidden": [100]}},
        "steps": 300,
        "batch_size": 30,
        "optimizer": {"adam": {"lr": 0.01}},
    }
    record = Bench(host.get("strategy", "naive"), host, scenario, protocol).run(0, 1)
    assert record.accuracy is not None
    own = [record.accuracy[:, task + 1, task] for task in range(2)]
    assert np.min(own) == 1.0  # of its last task
    forgotten = record.accuracy[:, 2, 0]
    assert forgotten.max() < 0.5  # the same images had other labels in the meantime


def test_chance_is_the_most_frequent_label(arrays):
    scenario = made(samples=60, tasks=20)
    stream = scenario.stream(arrays, 0, 0, 0.0)
    shares = [max(np.bincount(list(table.values()))) / 60 for table in labels_of(arrays, scenario)]
    assert chance_levels(arrays, scenario.layout(arrays), [stream])["task"] == pytest.approx(
        np.mean(shares)
    )


def test_more_images_than_there_are_are_refused(arrays):
    with pytest.raises(OptionError, match="61 images, and the data set has 60"):
        made(samples=61).layout(arrays)


def test_groups_that_are_not_what_the_layout_says_are_named(arrays):
    scenario = made()
    layout, stream = scenario.layout(arrays), scenario.stream(arrays, 0, 0, 0.0)
    check_stream("mine", arrays, layout, stream)
    for groups, sentence in [
        (None, "the layout says groups=13, and a stream has none"),
        (np.full(60, 13), r"groups of a stream holds 13\.\.13; 0\.\.12 is possible"),
        (np.zeros(59, np.int64), "has 59 entries; there are 60 training samples"),
    ]:
        with pytest.raises(PluginError, match=sentence):
            check_stream("mine", arrays, layout, replace(stream, groups=groups))


def test_digits_can_be_had_whole():
    """More images than the default asks for are there in the data set that needs no download."""
    arrays = load_arrays(Choice("digits", {}), Host.load(), None)
    assert RandomLabels(dataset="digits").layout(arrays).groups == 1201
