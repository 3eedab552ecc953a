from __future__ import annotations

import numpy as np
import pytest

from clbench.data.arrays import Arrays
from clbench.errors import OptionError
from clbench.scenarios import Warp
from clbench_plugins.builtin_scenarios.warped import Permuted, Rotated, rotation


@pytest.fixture
def arrays() -> Arrays:
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 7, 1), dtype=np.uint8)
    return Arrays("noise", x, np.arange(20) % 4, x[:8], np.arange(8) % 4, 4, "")


def seen(warp: Warp, x: np.ndarray) -> np.ndarray:
    """The image as a network gets it."""
    flat = x.reshape(len(x), -1)[:, warp.index].astype(np.float64)
    return (flat * (1 if warp.weight is None else warp.weight)).sum(-1).reshape(x.shape)


def test_domain_is_the_default_and_shares_the_labels(arrays):
    permuted = Permuted(dataset="noise", tasks=3)
    layout, stream = permuted.layout(arrays), permuted.stream(arrays, 0, 0, 0.0)
    assert (layout.classes, layout.tasks, layout.setting) == (4, 3, "domain")
    for task in stream.tasks:
        assert task.labels.tolist() == task.classes.tolist() == [0, 1, 2, 3]
        assert task.train.tolist() == list(range(20))
        assert task.test.tolist() == list(range(8))


@pytest.mark.parametrize("setting", ["class", "task"])
@pytest.mark.parametrize("scenario", [Permuted, Rotated])
def test_elsewhere_every_task_has_outputs_of_its_own(arrays, setting, scenario):
    warped = scenario(dataset="noise", tasks=3, setting=setting)
    assert warped.layout(arrays).classes == 12
    tasks = warped.stream(arrays, 0, 0, 0.0).tasks
    assert [task.labels.tolist() for task in tasks] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


@pytest.mark.parametrize("scenario", [Permuted, Rotated])
def test_outputs_may_be_shared_where_the_task_is_told(arrays, scenario):
    warped = scenario(dataset="noise", tasks=3, setting="task", shared_outputs=True)
    layout = warped.layout(arrays)
    assert (layout.classes, layout.setting, layout.own_outputs) == (4, "task", False)
    for task in warped.stream(arrays, 0, 0, 0.0).tasks:
        assert task.labels.tolist() == task.classes.tolist() == [0, 1, 2, 3]
    with pytest.raises(OptionError, match="in the class setting a task has outputs of its own"):
        scenario(dataset="noise", setting="class", shared_outputs=True).check(4)


def test_permutations_are_new_for_every_task_and_seed(arrays):
    def tables(seed: int, **options):
        return [
            task.warp
            for task in Permuted(dataset="noise", tasks=3, **options)
            .stream(arrays, seed, 0, 0.0)
            .tasks
        ]

    first, second, third = tables(5)
    assert first is None
    assert sorted(second.index[:, 0]) == list(range(42))
    assert second.index.tolist() != third.index.tolist()
    assert second.index.tolist() == tables(5)[1].index.tolist() != tables(6)[1].index.tolist()
    assert tables(5, first="permuted")[0].index.shape == (42, 1)
    assert tables(5, first="permuted")[1].index.tolist() == second.index.tolist()
    image = arrays.x_train[:1]
    assert np.sort(seen(second, image), axis=None).tolist() == np.sort(image, axis=None).tolist()


@pytest.mark.parametrize(
    ("height", "width", "degrees"),
    [(6, 7, 0), (6, 7, 180), (6, 6, 90), (6, 7, 23.5), (28, 28, -130), (5, 5, 45)],
)
def test_rotations_are_those_of_torchvision(height, width, degrees):
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import rotate

    x = np.random.default_rng(1).integers(0, 256, (3, height, width, 1), dtype=np.uint8)
    theirs = rotate(
        torch.from_numpy(x).permute(0, 3, 1, 2).double(), degrees, InterpolationMode.BILINEAR
    ).permute(0, 2, 3, 1)
    np.testing.assert_allclose(seen(rotation(height, width, degrees), x), theirs.numpy(), atol=0.05)


def test_angles_by_step_by_list_and_drawn(arrays):
    stepped = Rotated(dataset="noise", tasks=3, step=90.0).stream(arrays, 0, 0, 0.0).tasks
    assert stepped[0].warp is None
    np.testing.assert_array_equal(stepped[2].warp.index, rotation(6, 7, 180.0).index)
    listed = Rotated(dataset="noise", tasks=2, degrees=[0.0, 180.0]).stream(arrays, 0, 0, 0.0).tasks
    np.testing.assert_array_equal(listed[1].warp.weight, stepped[2].warp.weight)
    drawn = Rotated(dataset="noise", tasks=2, between=(10, 20))
    assert 10 <= drawn._angle(3, 0, 1) <= 20
    assert drawn._angle(3, 0, 1) != drawn._angle(4, 0, 1)


def test_angles_that_do_not_fit_are_refused():
    with pytest.raises(OptionError, match="2 angles for 3 tasks"):
        Rotated(dataset="noise", tasks=3, degrees=[0.0, 1.0]).check(4)
    with pytest.raises(OptionError, match="not both"):
        Rotated(dataset="noise", tasks=2, degrees=[0.0, 1.0], between=(0, 1)).check(4)


def test_validation_is_drawn_anew_for_every_task(arrays):
    first, second = Permuted(dataset="noise", tasks=2).stream(arrays, 0, 0, 0.3).tasks
    assert len(first.validation) == len(second.validation) == 6
    assert first.validation.tolist() != second.validation.tolist()
    assert not set(first.validation) & set(first.train)


def test_a_composed_permutation_moves_the_pixels_of_the_task_before(arrays):
    def tables(**options):
        scenario = Permuted(dataset="noise", tasks=5, first="permuted", **options)
        return [task.warp.index[:, 0] for task in scenario.stream(arrays, 5, 0, 0.0).tasks]

    drawn, composed = tables(), tables(compose=True)
    assert composed[0].tolist() == drawn[0].tolist()
    for before, after, own in zip(composed[:-1], composed[1:], drawn[1:], strict=True):
        image = np.arange(42) * 10
        assert image[after].tolist() == image[before][own].tolist()


def test_composed_permutations_are_the_same_in_whichever_order_tasks_are_asked_for(arrays):
    scenario = Permuted(dataset="noise", tasks=6, compose=True)
    whole = [task.warp for task in scenario.stream(arrays, 5, 0, 0.0).tasks]
    tasks = scenario.stream(arrays, 5, 0, 0.0).tasks
    assert whole[0] is None
    for index in (4, 2, 5, 1, 3):
        assert tasks[index].warp.index.tolist() == whole[index].index.tolist()


@pytest.mark.parametrize("scenario", [Permuted, Rotated])
def test_a_task_has_so_many_samples_drawn_anew(arrays, scenario):
    made = scenario(dataset="noise", tasks=3, samples=10)
    tasks = made.stream(arrays, 0, 0, 0.0).tasks
    assert [len(np.unique(task.train)) for task in tasks] == [10, 10, 10]
    assert tasks[0].train.tolist() != tasks[1].train.tolist()
    assert tasks[0].train.tolist() != made.stream(arrays, 1, 0, 0.0).tasks[0].train.tolist()
    assert tasks[0].test.tolist() == list(range(8))
    held = made.stream(arrays, 0, 0, 0.3).tasks[0]
    assert len(held.validation) == 3
    assert sorted([*held.train, *held.validation]) == tasks[0].train.tolist()


def test_more_samples_than_there_are_are_refused(arrays):
    with pytest.raises(OptionError, match="21 images a task, and the data set has 20"):
        Permuted(dataset="noise", samples=21).layout(arrays)
