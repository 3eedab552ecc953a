from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from clbench import Reservoir
from clbench.stack import Noise


class Owner:
    """What a reservoir asks of its strategy."""

    part_name = "owner"
    scenario = SimpleNamespace(input_shape=(1, 4, 4), classes=10, tasks=4, setting="class")

    def __init__(self, members: int) -> None:
        self.members, self.device = members, torch.device("cpu")

    def rng(self, name: str) -> Noise:
        return Noise([(member, 99) for member in range(self.members)])

    def fetch(self, index: Tensor, tasks: Tensor, augment: bool, valid: Tensor) -> Any:
        return SimpleNamespace(index=index, tasks=tasks, augment=augment, valid=valid)


def reservoir(members: int, size: int, **extra: tuple[int, ...]) -> Reservoir:
    return Reservoir(Owner(members), size, extra)  # type: ignore[arg-type]


def show(kept: Reservoir, start: int, stop: int, **extra: Tensor) -> None:
    """Samples start..stop-1, in order; their task is their number divided by ten."""
    index = torch.arange(start, stop).expand(len(kept.seen), -1)
    batch = SimpleNamespace(
        index=index,
        tasks=index // 10,
        size=stop - start,
        weights=torch.ones_like(index, dtype=torch.bool),
    )
    kept.add(batch, **extra)  # type: ignore[arg-type]


def slowly(kept: Reservoir, parts: list[tuple[int, int]], size: int) -> list[list[int]]:
    """Vitter's algorithm R, one sample after another, fed with the same draws."""
    noise = Owner(len(kept.seen)).rng("")
    rows: list[list[int]] = [[] for _ in kept.seen]
    for start, stop in parts:
        drawn = noise.integers(torch.arange(start, stop).expand(len(rows), -1) + 1, stop - start)
        for row, draws in zip(rows, drawn.tolist(), strict=True):
            for number, draw in zip(range(start, stop), draws, strict=True):
                if number < size:
                    row.append(number)
                elif draw < size:
                    row[draw] = number
    return rows


@pytest.mark.parametrize("size", [1, 4, 7])
@pytest.mark.parametrize("width", [1, 3, 7, 40])
def test_against_the_algorithm_written_out(size: int, width: int) -> None:
    kept = reservoir(5, size)
    parts = [(start, min(start + width, 60)) for start in range(0, 60, width)]
    for start, stop in parts:
        show(kept, start, stop)
        filled = min(stop, size)
        assert kept.filled.tolist() == [filled] * 5
        wanted = slowly(kept, [part for part in parts if part[1] <= stop], size)
        assert kept.index[:, :filled].tolist() == wanted
        assert torch.equal(kept.tasks[:, :filled], kept.index[:, :filled] // 10)


def test_every_sample_is_kept_with_the_same_probability() -> None:
    members, size, shown = 4000, 5, 24
    kept = reservoir(members, size)
    for start in range(0, shown, 3):
        show(kept, start, start + 3)
    counts = torch.bincount(kept.index[:, :size].flatten(), minlength=shown).double()
    share = size / shown
    assert counts.sum() == members * size
    statistic = (
        float(((counts - members * share) ** 2).sum() / (members * share * (1 - share)))
        * (shown - 1)
        / shown
    )
    assert 1e-3 < stats.chi2.sf(statistic, shown - 1) < 1 - 1e-3
    assert all(len(set(row)) == size for row in kept.index[:50, :size].tolist())


def test_extra_tensors_stay_with_their_samples() -> None:
    kept = reservoir(3, 6, logits=(2,), weight=())
    for start in range(0, 40, 5):
        numbers = torch.arange(start, start + 5.0).expand(3, -1)
        show(kept, start, start + 5, logits=torch.stack([numbers, -numbers], dim=2), weight=numbers)
    batch, extra = kept.sample_with(11)
    assert extra["logits"].shape == (3, 11, 2)
    assert torch.equal(extra["weight"], batch.index.float())
    assert torch.equal(extra["logits"][..., 1], -batch.index.float())
    assert torch.equal(batch.tasks, batch.index // 10)


def test_an_empty_reservoir_gives_rows_that_do_not_count() -> None:
    kept = reservoir(2, 3)
    assert kept.sample(4).valid.tolist() == [[False] * 4] * 2
    kept.seen[1] = 1
    assert kept.sample(4).valid.tolist() == [[False] * 4, [True] * 4]


def test_samples_are_drawn_evenly_from_what_is_there_and_augmented() -> None:
    kept = reservoir(3, 50)
    show(kept, 0, 8)
    batch = kept.sample(4000)
    assert batch.augment
    assert batch.valid.all()
    for row in batch.index:
        assert stats.chisquare(torch.bincount(row, minlength=8).numpy()).pvalue > 1e-3
        assert len(row.unique()) == 8
    assert not torch.equal(batch.index[0], batch.index[1])
    assert not torch.equal(batch.index, kept.sample(4000).index)
