"""Passes over a task's samples, and batches of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from clbench_plugins.naive import Naive

from .stream_kit import HEIGHT, INDEX, WIDTH, colourful, images, spec, streams, two_members

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
            samples = getattr(table.spec(member, 0), split).tolist()
            check_samples(found, member, samples)
            assert len(samples) == size
        labels = torch.from_numpy(arrays.y_train if split == "train" else arrays.y_test)
        for batch in found:
            assert batch.valid is not None
            assert (batch.y >= 0).all()
            wanted = labels[batch.index]
            assert torch.equal(batch.y[batch.valid], wanted[batch.valid])
            assert not batch.tasks.any()


def check_samples(batches: list[Any], member: int, samples: list[int]) -> None:
    """They are all shown, in order, and rows that only fill up show one of them, or the first."""
    counted = [batch.index[member][batch.valid[member]] for batch in batches]
    assert torch.cat(counted).tolist() == samples
    assert sum(int(batch.valid[member].sum()) for batch in batches) == len(samples)
    for batch in batches:
        assert set(batch.index[member].tolist()) <= {0, *samples}


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


def of_unequal_sizes(arrays: Any) -> list[list[Any]]:
    """Three members with two tasks each."""
    sizes = [[20, 20], [10, 20], [15, 20]]
    pairs = [([0, 1], [2, 3]), ([2, 0], [0, 1]), ([1, 3], [0, 2])]
    specs = []
    for of_member in zip(pairs, sizes, strict=True):
        tasks = zip(*of_member, strict=True)
        specs.append([spec(arrays, pair, most=most) for pair, most in tasks])
    return specs


def test_limit_draws_the_same_samples_whoever_else_is_there() -> None:
    arrays = colourful()
    specs = of_unequal_sizes(arrays)

    def drawn(rows: list[int], limit: int, task: int = 0, size: int = 4) -> dict[int, list[int]]:
        """By member the samples of its batches that count."""
        table = streams(arrays, [specs[row] for row in rows], members=rows)
        shown: dict[int, list[int]] = {row: [] for row in rows}
        for batch in table.tasks[task].batches("train", size, limit):
            for r, row in enumerate(rows):
                shown[row] += batch.index[r][batch.valid[r]].tolist()
        return shown

    together = drawn([0, 1, 2], 7)
    backwards = drawn([2, 1, 0], 7, size=3)
    assert {row: len(kept) for row, kept in together.items()} == {0: 7, 1: 7, 2: 7}
    for row, kept in together.items():
        assert kept == sorted(set(kept))
        assert kept == drawn([row], 7)[row]
        assert kept == backwards[row]
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
