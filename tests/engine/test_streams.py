"""Batches as gathers, against NumPy written out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Arrays, Layout, Stream, TaskSpec, Warp
from clbench.engine.streams import Streams, on_device
from clbench.engine.views import View
from clbench.errors import UserError
from clbench_plugins.naive import Naive

HEIGHT, WIDTH = 3, 5


def colourful(train: int = 40, test: int = 24, classes: int = 4) -> Arrays:
    """Random images of two channels; the label is the position modulo the classes."""
    rng = np.random.default_rng(1)

    def draw(count: int) -> tuple[Any, Any]:
        return rng.integers(0, 17, (count, HEIGHT, WIDTH, 2)).astype(np.uint8), np.arange(
            count
        ) % classes

    return Arrays("colourful", *draw(train), *draw(test), classes, "none", scale=16.0)


def spec(
    arrays: Arrays,
    classes: Sequence[int],
    mapped: bool = False,
    held_out: int = 0,
    warp: Warp | None = None,
    most: int = 1000,
) -> TaskSpec:
    labels = np.full(arrays.classes, -1)
    labels[list(classes)] = range(len(classes)) if mapped else classes
    train, test = (np.flatnonzero(labels[y] >= 0) for y in (arrays.y_train, arrays.y_test))
    return TaskSpec(
        np.sort(labels[list(classes)]),
        labels,
        train[held_out:][:most],
        test[:most],
        train[:held_out],
        warp,
    )


def streams(
    arrays: Arrays,
    specs: Sequence[Sequence[TaskSpec]],
    normalise: str = "unit",
    members: Sequence[int] | None = None,
) -> Streams:
    layout = Layout(arrays.classes, len(specs[0]), "class", arrays.input_shape)
    seeds = [(seed, 0) for seed in (members or range(len(specs)))]
    return Streams(
        arrays,
        layout,
        [Stream(tuple(tasks)) for tasks in specs],
        seeds,
        torch.device("cpu"),
        normalise,
    )


def two_members(arrays: Arrays, **options: Any) -> Streams:
    return streams(
        arrays,
        [
            [spec(arrays, [2, 0]), spec(arrays, [1, 3])],
            [spec(arrays, [3, 2]), spec(arrays, [0, 1])],
        ],
        **options,
    )


def images(arrays: Arrays, index: Tensor, split: str = "train") -> Any:
    """`[R, B, C, H, W]` as stored."""
    stored = arrays.x_train if split == "train" else arrays.x_test
    return stored[index.numpy()].transpose(0, 1, 4, 2, 3).astype(np.float64)


INDEX = torch.tensor([[0, 2, 4, 6], [3, 2, 7, 6]])


def test_pixels_and_labels() -> None:
    arrays = colourful()
    table = two_members(arrays)
    batch = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0])
    assert batch.x.shape == (2, 4, 2, HEIGHT, WIDTH)
    np.testing.assert_allclose(batch.x, images(arrays, INDEX) / 16.0, rtol=1e-6)
    assert batch.y.tolist() == [[0, 2, 0, 2], [3, 2, 3, 2]]
    assert batch.index is INDEX
    assert batch.valid is None
    test = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0], "test")
    np.testing.assert_allclose(test.x, images(arrays, INDEX, "test") / 16.0, rtol=1e-6)


def test_labels_are_those_of_each_samples_own_task() -> None:
    """As in a replayed batch, and where labels are mapped to 0..n-1 in every task."""
    arrays = colourful()
    table = streams(
        arrays, [[spec(arrays, [2, 0], mapped=True), spec(arrays, [1, 3], mapped=True)]]
    )
    batch = table.fetch(torch.tensor([[0, 2, 1, 3]]), torch.tensor([[0, 0, 1, 1]]), table.tasks[1])
    assert batch.y.tolist() == [[1, 0, 0, 1]]
    assert table.tasks[0].classes.tolist() == [[0, 1]]


@pytest.mark.parametrize("normalise", ["unit", "standard", "none"])
def test_normalise(normalise: str) -> None:
    arrays = colourful()
    table = two_members(arrays, normalise=normalise)
    got = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0]).x
    wanted = images(arrays, INDEX)
    if normalise != "none":
        wanted = wanted / 16.0
    if normalise == "standard":
        pixels = arrays.x_train / 16.0
        mean, deviation = (
            value.reshape(1, 1, 2, 1, 1)
            for value in (pixels.mean((0, 1, 2)), pixels.std((0, 1, 2)))
        )
        wanted = (wanted - mean) / deviation
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_a_channel_without_variance_stays_finite() -> None:
    arrays = colourful()
    arrays.x_train[..., 0] = 3
    table = two_members(arrays, normalise="standard")
    assert table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0]).x.isfinite().all()


def test_permuted_pixels_of_every_member_and_task() -> None:
    arrays = colourful()
    orders = {
        (r, t): np.random.default_rng([r, t]).permutation(HEIGHT * WIDTH)
        for r, t in itertools.product(range(2), repeat=2)
    }
    every = range(arrays.classes)
    warps: dict[tuple[int, int], Warp | None]
    warps = {place: Warp(order[:, None]) for place, order in orders.items()}
    warps[0, 0] = None
    specs = []
    for r in range(2):
        specs.append([spec(arrays, every, warp=warps[r, t]) for t in range(2)])
    table = streams(arrays, specs, normalise="standard")
    plain = (
        two_members(arrays, normalise="standard")
        .fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0])
        .x.flatten(3)
    )
    tasks = torch.tensor([[0, 1, 0, 1], [1, 1, 0, 0]])
    got = table.fetch(INDEX, tasks, table.tasks[1]).x.flatten(3)
    for r in range(2):
        for b in range(4):
            t = int(tasks[r, b])
            order = np.arange(HEIGHT * WIDTH) if (r, t) == (0, 0) else orders[r][t]
            assert torch.equal(got[r, b], plain[r, b][:, order])


def test_weighted_warps() -> None:
    """Pixels between pixels, as in a rotation, beside a task without a warp."""
    arrays = colourful()
    rng = np.random.default_rng(3)
    index, weight = rng.integers(0, 15, (15, 4)), rng.random((15, 4)).astype(np.float32)
    every = range(arrays.classes)
    table = streams(
        arrays,
        [[spec(arrays, every), spec(arrays, every, warp=Warp(index, weight))]],
        normalise="standard",
    )
    got = table.fetch(INDEX[:1], torch.tensor([[0, 1, 1, 0]]), table.tasks[1]).x.flatten(3).numpy()
    stored = images(arrays, INDEX[:1]).reshape(1, 4, 2, -1) / 16.0
    wanted = stored.copy()
    wanted[:, 1:3] = (stored[:, 1:3, :, index] * weight).sum(-1)
    pixels = arrays.x_train / 16.0
    mean, deviation = (
        value.reshape(1, 1, 2, 1) for value in (pixels.mean((0, 1, 2)), pixels.std((0, 1, 2)))
    )
    np.testing.assert_allclose(got, (wanted - mean) / deviation, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalise", ["unit", "standard"])
@pytest.mark.parametrize("permuted", [False, True])
def test_shifted_and_mirrored_images(normalise: str, permuted: bool) -> None:
    """Against a crop of the padded image, flipped; the border is black before pixels are scaled."""
    arrays = colourful()
    every = range(arrays.classes)
    order = (
        np.random.default_rng(0).permutation(HEIGHT * WIDTH)
        if permuted
        else np.arange(HEIGHT * WIDTH)
    )
    table = streams(
        arrays,
        [[spec(arrays, every, warp=Warp(order[:, None]) if permuted else None)]] * 2,
        normalise,
    )
    shifts = torch.tensor(
        [
            [[0, 1, -2, 4], [0, -4, 2, 0]],
            [[0, -1, 3, 0], [-4, 4, 0, 1]],
            [[0, 0, 0, 1], [1, 1, 0, 1]],
        ]
    )
    got = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0], view=View(*shifts)).x.numpy()
    pixels = arrays.x_train / 16.0
    mean, deviation = (
        (pixels.mean((0, 1, 2)), pixels.std((0, 1, 2))) if normalise == "standard" else (0.0, 1.0)
    )
    for r in range(2):
        for b in range(4):
            down, right, mirrored = shifts[:, r, b].tolist()
            padded = np.pad(pixels[INDEX[r, b]], ((4, 4), (4, 4), (0, 0)))
            seen = padded[4 + down : 4 + down + HEIGHT, 4 + right : 4 + right + WIDTH]
            seen = ((seen[:, ::-1] if mirrored else seen) - mean) / deviation
            wanted = seen.reshape(-1, 2)[order].reshape(HEIGHT, WIDTH, 2).transpose(2, 0, 1)
            np.testing.assert_allclose(got[r, b], wanted, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------------------------- images
# too many for the device


@pytest.mark.parametrize("normalise", ["unit", "standard"])
@pytest.mark.parametrize("warped", ["as stored", "permuted", "rotated"])
@pytest.mark.parametrize("augmented", [False, True])
def test_images_kept_on_the_host_give_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, normalise: str, warped: str, augmented: bool
) -> None:
    arrays, rng, every = colourful(), np.random.default_rng(3), range(4)
    warps = {"as stored": None, "permuted": Warp(rng.permutation(15)[:, None])}
    warps["rotated"] = Warp(rng.integers(0, 15, (15, 4)), rng.random((15, 4)).astype(np.float32))
    specs = [[spec(arrays, every, warp=warps[warped])]] * 2
    shifts = torch.tensor(
        [
            [[0, 1, -2, 4], [0, -4, 2, 0]],
            [[0, -1, 3, 0], [-4, 4, 0, 1]],
            [[0, 0, 0, 1], [1, 1, 0, 1]],
        ]
    )
    seen = []
    for place in ("device", "host"):
        monkeypatch.setenv("CLBENCH_IMAGES", place)
        table = streams(arrays, specs, normalise)
        assert table.resident is (place == "device")
        assert table.pixels["train"].dtype == (
            torch.float32 if place == "device" and warped != "rotated" else torch.uint8
        )
        batches = [
            table.fetch(
                INDEX,
                torch.zeros_like(INDEX),
                table.tasks[0],
                view=View(*shifts) if augmented else None,
            )
        ]
        batches += [
            batch for split in ("train", "test") for batch in table.tasks[0].batches(split, 16)
        ]
        seen.append([(batch.x, batch.y) for batch in batches])
    for (x, y), (other_x, other_y) in zip(*seen, strict=True):
        assert torch.equal(x, other_x)
        assert torch.equal(y, other_y)
        assert x.stride() == other_x.stride()


def test_images_go_to_a_gpu_where_they_leave_it_half_of_its_free_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLBENCH_IMAGES", raising=False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 5000))
    gpu, cpu = torch.device("cuda", 0), torch.device("cpu")
    assert [on_device(size, gpu) for size in (500, 501)] == [True, False]
    assert on_device(10**15, cpu)
    monkeypatch.setenv("CLBENCH_IMAGES", "device")
    assert on_device(501, gpu)
    monkeypatch.setenv("CLBENCH_IMAGES", "host")
    assert not on_device(1, gpu)
    monkeypatch.setenv("CLBENCH_IMAGES", "disk")
    with pytest.raises(UserError, match=r"CLBENCH_IMAGES is 'disk'.*auto, device or host"):
        on_device(1, cpu)


# ---------------------------------------------------------------------------------------- passes
# over a task


def test_batches_are_filled_up_and_marked() -> None:
    arrays = colourful()
    table = streams(arrays, [[spec(arrays, [0, 1])], [spec(arrays, [2, 3], most=5)]])
    for split, sizes in (("train", [20, 5]), ("test", [12, 5])):
        found = list(table.tasks[0].batches(split, 8))
        assert table.tasks[0].size(split) == sizes
        assert all(batch.x.shape[1] == 8 for batch in found)
        for member, size in enumerate(sizes):
            kept = torch.cat([batch.index[member][batch.valid[member]] for batch in found])
            assert kept.tolist() == getattr(table.spec(member, 0), split).tolist()
            assert sum(int(batch.valid[member].sum()) for batch in found) == size
            assert all(set(batch.index[member].tolist()) <= {0, *kept.tolist()} for batch in found)
        labels = arrays.y_train if split == "train" else arrays.y_test
        for batch in found:
            assert batch.valid is not None
            assert (batch.y >= 0).all()
            assert torch.equal(
                batch.y[batch.valid], torch.from_numpy(labels)[batch.index][batch.valid]
            )
            assert not batch.tasks.any()


def test_a_mean_over_a_filled_up_batch_is_over_the_rows_that_count() -> None:
    """A row that does not count may hold anything, not a number included."""
    table = two_members(colourful())
    *_, last = table.tasks[0].batches("train", 16)
    assert last.valid is not None
    assert not last.valid.all()
    values = torch.where(last.valid, last.index.float(), torch.nan)
    for member, mean in enumerate(last.mean(values)):
        kept = last.index[member][last.valid[member]].float()
        torch.testing.assert_close(mean, kept.mean())
    whole = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0])
    torch.testing.assert_close(whole.mean(INDEX.float()), INDEX.float().mean(1))


def test_the_validation_part_is_taken_from_the_training_images() -> None:
    arrays = colourful()
    table = streams(arrays, [[spec(arrays, [0, 1], held_out=5)]])
    (batch,) = table.tasks[0].batches("validation", 8)
    assert batch.index[0, :5].tolist() == [0, 1, 4, 5, 8]
    np.testing.assert_allclose(batch.x[:, :5], images(arrays, batch.index[:, :5]) / 16.0, rtol=1e-6)
    assert table.tasks[0].size("train") == [15]


def test_a_split_without_samples_has_no_batches() -> None:
    arrays = colourful()
    assert list(two_members(arrays).tasks[0].batches("validation", 8)) == []


def test_limit_draws_the_same_samples_whoever_else_is_there() -> None:
    arrays = colourful()
    sizes = [[20, 20], [10, 20], [15, 20]]
    pairs = [([0, 1], [2, 3]), ([2, 0], [0, 1]), ([1, 3], [0, 2])]
    specs = []
    for of_member in zip(pairs, sizes, strict=True):
        tasks = zip(*of_member, strict=True)
        specs.append([spec(arrays, pair, most=most) for pair, most in tasks])

    def drawn(rows: list[int], limit: int, task: int = 0, size: int = 4) -> dict[int, list[int]]:
        table = streams(arrays, [specs[row] for row in rows], members=rows)
        found = list(table.tasks[task].batches("train", size, limit))
        shown: dict[int, list[int]] = {row: [] for row in rows}
        for batch in found:
            for r, row in enumerate(rows):
                shown[row] += batch.index[r][batch.valid[r]].tolist()
        return shown

    together = drawn([0, 1, 2], 7)
    assert {row: len(kept) for row, kept in together.items()} == {0: 7, 1: 7, 2: 7}
    for row, kept in together.items():
        assert kept == sorted(set(kept))
        assert kept == drawn([row], 7)[row] == drawn([2, 1, 0], 7, size=3)[row]
        assert set(kept) <= set(specs[row][0].train.tolist())
    assert drawn([0], 7)[0] != drawn([0], 7, task=1)[0]
    assert len(drawn([1], 100)[1]) == 10


def test_members_may_not_know_how_large_a_chunk_is() -> None:
    """The rows of an evaluation batch decide bits, so they follow from the data set alone."""
    arrays = colourful()
    short, long = [spec(arrays, [2, 3], most=3)], [spec(arrays, [0, 1])]
    alone, together = streams(arrays, [short]), streams(arrays, [short, long])
    for split in ("train", "test"):
        assert alone.chunk(split) == together.chunk(split)


# ---------------------------------------------------------------------------------------- batches


def test_join_puts_one_behind_the_other() -> None:
    table = two_members(colourful())
    one = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[1])
    valid = torch.tensor([[True] * 4, [False] * 4])
    other = table.fetch(INDEX.flip(1), torch.zeros_like(INDEX), table.tasks[0], valid=valid)
    both = one.join(other)
    assert torch.equal(both.x, torch.cat([one.x, other.x], 1))
    assert both.size == 8
    assert both.valid is not None
    assert both.valid.tolist() == [[True] * 8, [True] * 4 + [False] * 4]
    assert both.task is table.tasks[1]
    assert one.join(one).valid is None
    assert torch.equal(other.join(one).weights, torch.cat([valid, torch.ones_like(valid)], 1))


def test_a_members_part_of_a_batch() -> None:
    table = two_members(colourful())
    batch = table.fetch(INDEX, torch.zeros_like(INDEX), table.tasks[0])
    mine = batch.member(1)
    assert mine.x.shape == (4, 2, HEIGHT, WIDTH)
    assert mine.y.tolist() == batch.y[1].tolist()
    assert mine.index.tolist() == [3, 2, 7, 6]


def test_outputs_that_a_task_owns() -> None:
    assert two_members(colourful()).owned.int().tolist() == [
        [[1, 0, 1, 0], [0, 1, 0, 1]],
        [[0, 0, 1, 1], [1, 1, 0, 0]],
    ]


def test_a_task_gives_its_training_samples_for_a_phase(make_bench: Any) -> None:
    strategy, _ = make_bench(Naive).start(0, 1)
    task = strategy.session.streams.tasks[1]
    samples = task.samples()
    assert samples.valid is not None
    for member in range(2):
        index, tasks = strategy.session.streams.pool(member, [1])
        assert samples.index[member][samples.valid[member]].tolist() == index.tolist()
        assert samples.tasks[member][samples.valid[member]].tolist() == tasks.tolist()
    both = samples.join(strategy.session.streams.tasks[0].samples())
    assert both.index.shape[1] > samples.index.shape[1]
