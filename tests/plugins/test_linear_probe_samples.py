"""Which images a linear probe looks at, and what it is fitted to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from clbench import Undefined
from clbench_plugins.linear_probe_metrics.fit import HELD_OUT, Fit, accuracies, held_out
from clbench_plugins.linear_probe_metrics.samples import (
    Features,
    _exactly,
    _for_the_first_time,
    _layer_named,
    _tasks,
    mean_shifts,
)


def probe(tasks: int = 5, layers: tuple[str, ...] = ("a", "b")) -> Any:
    named = [SimpleNamespace(name=name) for name in layers]
    return SimpleNamespace(
        tasks=lambda which: range(tasks), net=SimpleNamespace(layers=lambda: named)
    )


def flags(*values: int) -> torch.Tensor:
    """Of one member."""
    return torch.tensor([values]).bool()


# ---------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("tasks", "samples", "expected"),
    [
        (5, 1000, [0, 1, 2, 3, 4]),
        (5, 100, [0, 1, 2, 3, 4]),  # 20 of each
        (5, 99, [0, 1, 2, 4]),  # four of them, spread evenly, the last one among them
        (10, 40, [4, 9]),
        (10, 20, [9]),
        (10, 19, []),
    ],
)
def test_rather_fewer_tasks_than_fewer_images_of_each(tasks, samples, expected) -> None:
    assert list(_tasks(probe(tasks), "all", samples)) == expected


def test_parts_are_cut_or_filled_up() -> None:
    parts = [torch.tensor([[1, 2]]), torch.tensor([[3]])]
    assert _exactly(parts, 2).tolist() == [[1, 2]]
    assert _exactly(parts, 5).tolist() == [[1, 2, 3, 0, 0]]


def test_an_image_that_comes_again_does_not_count_again() -> None:
    index = torch.tensor([[7, 3, 7, 5, 3, 7]])
    found = _for_the_first_time(index, flags(1, 1, 1, 1, 1, 1))
    assert found.tolist() == flags(1, 1, 0, 1, 0, 0).tolist()


def test_a_row_that_does_not_count_is_no_first_time() -> None:
    index = torch.tensor([[7, 7, 3]])
    counted = flags(0, 1, 1)
    found = counted & _for_the_first_time(index, counted)
    assert found.tolist() == counted.tolist()


def test_a_layer_by_its_name_or_the_last_one() -> None:
    assert _layer_named(probe(), "a") == "a"
    assert _layer_named(probe(), "last") == "b"
    with pytest.raises(Undefined, match="has no hidden layer 'c'; it has: a, b"):
        _layer_named(probe(), "c")
    with pytest.raises(Undefined, match="it has: none"):
        _layer_named(probe(layers=()), "last")


# ---------------------------------------------------------------------- features


def features(x: list[list[float]], y: list[int], valid: list[int], classes: int = 3) -> Features:
    """Of one member."""
    values = torch.tensor([x]).double().where(flags(*valid)[..., None], 0.0)
    return Features(values, torch.tensor([y]), flags(*valid), classes)


def test_rows_of_each_class() -> None:
    found = features([[0.0]] * 3, [0, 2, 2], [1, 1, 0])
    assert found.of_classes(found.valid)[0].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert found.has_classes(2).tolist() == [True]
    assert found.has_classes(3).tolist() == [False]


def test_a_shift_is_in_standard_deviations_of_all_images() -> None:
    # Means of 1 and 3 about 2, with a deviation of 1; the last row does not count.
    found = mean_shifts(features([[1.0], [3.0], [99.0]], [0, 1, 1], [1, 1, 0], classes=2))
    torch.testing.assert_close(found, torch.tensor([[1.0, 1.0]]).double())


def test_shifts_of_several_features_add_up_as_lengths() -> None:
    found = mean_shifts(features([[1.0, 5.0], [3.0, 1.0]], [0, 1], [1, 1], classes=2))
    torch.testing.assert_close(found, torch.full((1, 2), 2**0.5).double())


def test_a_class_without_an_image_has_no_shift() -> None:
    found = mean_shifts(features([[1.0], [3.0]], [0, 1], [1, 1]))
    assert found[0, 2].isnan()


# ---------------------------------------------------------------------- the fit


@pytest.mark.parametrize("count", [1, 5, 13, 50])
def test_a_fifth_is_held_out_rounded_up(count: int) -> None:
    valid = flags(*[1] * count, *[0] * 7)
    held = held_out(valid)
    assert held.sum().item() == -(-count // 5)
    assert not (held & ~valid).any()
    assert HELD_OUT == 0.2


def test_what_is_held_out_is_always_the_same() -> None:
    valid = flags(*[1] * 40)
    assert torch.equal(held_out(valid), held_out(valid))
    # Of every member by itself.
    both = torch.cat([valid, flags(*[1] * 20, *[0] * 20)])
    assert torch.equal(held_out(both)[:1], held_out(valid))


def test_accuracies_are_over_held_out_images_of_all_and_of_each_class() -> None:
    given = features([[0.0]] * 5, [0, 0, 1, 1, 2], [1] * 5)
    held, right = flags(1, 1, 1, 0, 0), flags(1, 0, 1, 0, 1)
    found = accuracies(given, held, right)
    assert found[0, :3].tolist() == pytest.approx([2 / 3, 0.5, 1.0])
    # No image of the last class is held out.
    assert found[0, 3].isnan()


def test_two_classes_have_one_row_which_is_the_difference_of_both() -> None:
    weights = torch.tensor([[[3.0, -3.0, 0.0], [4.0, -4.0, 0.0]]])
    two = Fit(weights, flags(1, 1, 0), flags(), flags()).strengths()
    assert two[0, :2].tolist() == [10.0, 10.0]
    assert two[0, 2].isnan()
    three = Fit(weights, flags(1, 1, 1), flags(), flags()).strengths()
    assert three.tolist() == [[5.0, 5.0, 0.0]]
