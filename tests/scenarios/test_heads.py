"""`head: multi` gives every task outputs of its own."""

import numpy as np
import pytest

from clbench import Arrays, Layout, Scenario, Stream
from clbench.host import Host
from clbench.scenarios.heads import with_head_per_task


@pytest.fixture
def arrays():
    x = np.zeros((60, 2, 2, 1), np.uint8)
    y = np.arange(60) % 6
    return Arrays("tiny", x, y, x[:12], y[:12], classes=6, fingerprint="tiny")


def split(arrays, **options):
    scenario = Host.load().get("scenario", "split")(
        dataset="digits", tasks=3, setting="task", **options
    )
    return scenario.layout(arrays), [scenario.stream(arrays, 0, 0, 0.0)]


def test_shared_outputs_become_a_block_a_task(arrays):
    layout, (stream,) = with_head_per_task(*split(arrays, labels="mapped"))
    assert layout.classes == 6
    assert [task.classes.tolist() for task in stream.tasks] == [[0, 1], [2, 3], [4, 5]]
    assert [task.labels[task.labels >= 0].tolist() for task in stream.tasks] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]


def test_outputs_that_are_apart_stay_as_they_are(arrays):
    before = split(arrays)
    assert before[0].own_outputs
    assert with_head_per_task(*before) == before


class DrawnPairs(Scenario):
    """Three pairs of classes, each drawn anew: in some streams two tasks share a class, in others
    none do.
    """

    def layout(self, arrays):
        return Layout(arrays.classes, 3, self.setting, arrays.input_shape)

    def stream(self, arrays, seed, agent, validation):
        draw = self.generator(seed, agent, "pairs")
        tasks = []
        for index in range(3):
            chosen = np.sort(draw.permutation(arrays.classes)[:2])
            labels = np.full(arrays.classes, -1)
            labels[chosen] = chosen
            tasks.append(
                self.task(arrays, seed, agent, index, validation, classes=chosen, labels=labels)
            )
        return Stream(tuple(tasks))


def test_the_outputs_of_a_cell_do_not_depend_on_who_shares_a_job(arrays):
    """Shown on seeds of which one has tasks that share no class."""
    scenario = DrawnPairs(dataset="digits", setting="task")
    layout = scenario.layout(arrays)
    streams = {seed: scenario.stream(arrays, seed, 0, 0.0) for seed in range(40)}
    named = {}
    for seed, stream in streams.items():
        named[seed] = np.concatenate([task.classes for task in stream.tasks])
    apart = [seed for seed in streams if len(np.unique(named[seed])) == 6]
    shared = [seed for seed in streams if len(np.unique(named[seed])) < 6]
    assert apart
    assert shared
    one, other = apart[0], shared[0]
    jobs = ([one, other], [other, one], [one], [other])
    made = []
    for job in jobs:
        of_job = [streams[seed] for seed in job]
        made.append(with_head_per_task(layout, of_job))
    assert {outputs.classes for outputs, _ in made} == {18}
    alone = made[2][1][0]
    for job, (_, found) in zip(jobs, made, strict=True):
        if one in job:
            again = found[job.index(one)]
            for task, same in zip(alone.tasks, again.tasks, strict=True):
                np.testing.assert_array_equal(task.classes, same.classes)
