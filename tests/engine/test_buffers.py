"""Class-balanced buffers, buffers with room for each task, and what all buffers share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from clbench import Buffer, ClassBalancedBuffer, Reservoir, TaskQuotaBuffer, sample_bytes
from clbench.engine.ranks import nth_true, rank_within
from clbench.errors import StrategyError
from clbench.stack import Noise
from clbench.testing.watch import uncapturable

KINDS = [Reservoir, ClassBalancedBuffer, TaskQuotaBuffer]


class Owner:
    """What a buffer asks of its strategy."""

    part_name = "owner"

    def __init__(self, members: int = 3, **scenario: Any) -> None:
        self.members, self.device = members, torch.device("cpu")
        usual = {"input_shape": (1, 4, 4), "classes": 6, "tasks": 3, "setting": "class"}
        self.scenario = SimpleNamespace(**{**usual, **scenario})

    def rng(self, name: str) -> Noise:
        return Noise([(member, 7) for member in range(self.members)])

    def fetch(self, index: Tensor, tasks: Tensor, augment: bool, valid: Tensor) -> Any:
        return SimpleNamespace(index=index, tasks=tasks, augment=augment, valid=valid)


def buffer(kind: type[Buffer], memory: int | str, extra: Any = None, **owner: Any) -> Any:
    return kind(Owner(**owner), memory, extra)  # type: ignore[arg-type]


def batch_of(index: Tensor, y: Tensor, tasks: Tensor, valid: Tensor | None = None) -> Any:
    weights = torch.ones_like(y, dtype=torch.bool) if valid is None else valid
    return SimpleNamespace(index=index, y=y, tasks=tasks, weights=weights, size=y.shape[1])


def streams(members: int, count: int, kinds: int, seed: int = 0) -> Tensor:
    """A class (or task) for each sample of each member, later ones of later classes, in unequal
    numbers.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(members):
        share = generator.dirichlet(np.ones(kinds))
        drawn = generator.choice(kinds, count, p=share)
        part = np.sort(drawn[: count // 2])
        rows.append(np.concatenate([part, drawn[count // 2 :]]))
    return torch.from_numpy(np.stack(rows))


def show(kept: Buffer, kinds: Tensor, width: int, classes: int = 6) -> None:
    """Samples 0, 1, 2, ... of these tasks, in batches, each with a row that does not count in the
    middle.
    """
    for start in range(0, kinds.shape[1], width):
        part = kinds[:, start : start + width]
        index = torch.arange(start, start + part.shape[1]).expand_as(part)
        middle = part.shape[1] // 2
        strange = torch.full_like(part[:, :1], 999)
        spread = [
            torch.cat([table[:, :middle], beside, table[:, middle:]], dim=1)
            for table, beside in ((index, strange), (part, part[:, :1]))
        ]
        valid = torch.ones_like(spread[0], dtype=torch.bool)
        valid[:, middle] = False
        kept.add(batch_of(spread[0], spread[1] % classes, spread[1], valid))


# ------------------------------------------------------------------ class-balanced


def greedily(labels: list[int], size: int, classes: int) -> list[int]:
    """How many there are of each class, by the rule taken one sample after another (Prabhu et al.
    2020).
    """
    counts, met = [0] * classes, set[int]()
    for label in labels:
        met.add(label)
        if counts[label] >= size // len(met):
            continue
        if sum(counts) == size:
            counts[counts.index(max(counts))] -= 1
        counts[label] += 1
    return counts


@pytest.mark.parametrize("size", [6, 7, 20, 53])
@pytest.mark.parametrize("width", [1, 4, 17, 90])
def test_a_batch_at_once_gives_the_classes_of_samples_one_by_one(size: int, width: int) -> None:
    labels = streams(5, 90, 6, seed=size)
    kept = buffer(ClassBalancedBuffer, size, members=5)
    show(kept, labels, width)
    for row, shown in enumerate(labels.tolist()):
        assert kept.of_classes[row].tolist() == greedily(shown, size, 6)
        held = kept.samples().index[row][kept.occupied[row]].tolist()
        assert len(set(held)) == len(held) == int(kept.filled[row])
        found = torch.bincount(labels[row][held], minlength=6)
        assert torch.equal(found, kept.of_classes[row])


def test_who_makes_room_is_drawn_evenly_from_the_largest_class() -> None:
    members, size = 6000, 12
    kept = buffer(ClassBalancedBuffer, size, members=members)
    first = torch.zeros(members, 12, dtype=torch.int64)
    show(kept, torch.cat([first, torch.ones(members, 6, dtype=torch.int64)], dim=1), 6)
    assert kept.of_classes[0].tolist() == [6, 6, 0, 0, 0, 0]
    counts = torch.bincount(kept.index[:, :size].flatten(), minlength=18)
    assert (counts[12:] == members).all()
    share = 0.5  # of the first class six of twelve stay
    spread = ((counts[:12] - members * share).double() ** 2).sum() / (members * share * (1 - share))
    assert 1e-3 < stats.chi2.sf(float(spread) * 11 / 12, 11) < 1 - 1e-3


def test_a_class_balanced_buffer_has_room_for_each_class() -> None:
    with pytest.raises(StrategyError, match="cannot hold one of each of 6 classes"):
        buffer(ClassBalancedBuffer, 5)


# ------------------------------------------------------------------ a quota for each task


def test_every_task_keeps_its_quota() -> None:
    tasks = torch.arange(60).expand(4, -1) // 25  # 25, 25 and 10 samples
    kept = buffer(TaskQuotaBuffer, 37, members=4)
    assert kept.quota == 12
    for width, end in ((7, 25), (9, 50), (4, 60)):
        show_part(kept, tasks, kept_until(kept), end, width)
    assert kept.of_tasks.tolist() == [[12, 12, 10]] * 4
    assert kept.filled.tolist() == [34] * 4
    for task in range(3):
        part = kept.task_samples(task)
        for row in range(4):
            numbers = part.index[row][part.valid[row]]
            assert (numbers // 25 == task).all()
            assert len(numbers.unique()) == len(numbers)


def kept_until(kept: TaskQuotaBuffer) -> int:
    return int(kept.seen[0].sum())


def show_part(kept: Any, tasks: Tensor, start: int, end: int, width: int) -> None:
    for first in range(start, end, width):
        index = torch.arange(first, min(first + width, end)).expand(len(tasks), -1)
        part = tasks[:, first : first + index.shape[1]]
        kept.add(batch_of(index, part, part))


def test_within_a_task_every_sample_is_kept_with_the_same_probability() -> None:
    members, quota, shown = 4000, 4, 20
    kept = buffer(TaskQuotaBuffer, 3 * quota, members=members)
    show(kept, torch.ones(members, shown, dtype=torch.int64), 3)
    held = kept.samples().index[kept.occupied]
    counts = torch.bincount(held, minlength=shown).double()
    share = quota / shown
    assert counts.sum() == members * quota
    spread = ((counts - members * share) ** 2).sum() / (members * share * (1 - share))
    assert 1e-3 < stats.chi2.sf(float(spread) * (shown - 1) / shown, shown - 1) < 1 - 1e-3


def test_a_quota_of_less_than_one_sample_is_refused() -> None:
    with pytest.raises(StrategyError, match="has none for each of 30 tasks"):
        buffer(TaskQuotaBuffer, 29, tasks=30)


# ------------------------------------------------------------------ what all share


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_drawn_is_what_is_held_each_as_often(kind: type[Buffer]) -> None:
    kept = buffer(kind, 20)
    show(kept, streams(3, 45, 3), 8)
    drawn = kept.sample(6000)
    assert drawn.augment
    assert drawn.valid.all()
    for row in range(3):
        held = kept.samples().index[row][kept.occupied[row]]
        assert set(drawn.index[row].tolist()) == set(held.tolist())
        assert 999 not in held
        counts = torch.bincount(drawn.index[row])[held]
        assert stats.chisquare(counts.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_beside_a_sample_stays_with_it(kind: type[Buffer]) -> None:
    kept = buffer(kind, 11, {"logits": (2,), "weight": ()})
    labels = streams(3, 60, 3)
    for start in range(0, 60, 7):
        part = labels[:, start : start + 7]
        index = torch.arange(start, start + part.shape[1]).expand_as(part)
        logits = torch.stack([index, -index], dim=2).double()
        kept.add(batch_of(index, part, part), logits=logits, weight=index.float())
    batch, extra = kept.sample_with(30)
    assert torch.equal(extra["weight"], batch.index.float())
    assert torch.equal(extra["logits"], torch.stack([batch.index, -batch.index], dim=2).float())


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_buffer_gives_rows_that_do_not_count(kind: type[Buffer]) -> None:
    kept = buffer(kind, 6)
    assert not kept.sample(4).valid.any()
    assert not kept.samples().valid.any()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_beside_samples_is_said_when_the_buffer_is_made(kind: type[Buffer]) -> None:
    kept = buffer(kind, 6)
    zeros = torch.zeros(3, 2, dtype=torch.int64)
    with pytest.raises(StrategyError, match=r"keeps \[\] beside its samples is given \['logits'\]"):
        kept.add(batch_of(zeros, zeros, zeros), logits=torch.zeros(3, 2, 6))


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_keeps_the_same_alone_and_in_a_stack(kind: type[Buffer]) -> None:
    labels = streams(3, 50, 3)
    together = buffer(kind, 12)
    show(together, labels, 9)
    alone = buffer(kind, 12, members=1)
    show(alone, labels[:1], 9)
    assert torch.equal(alone.index[:, :12], together.index[:1, :12])
    assert torch.equal(alone.occupied, together.occupied[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_buffer_fits_into_a_device_graph(
    kind: type[Buffer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing waits for the device, and tensors stay where they are; on a GPU no batch is passed
    over.
    """
    monkeypatch.setattr("clbench.engine.balanced_buffer.none_on_host", lambda flags: False)
    kept = buffer(kind, 12)
    labels = streams(3, 48, 3)
    show(kept, labels, 8)
    before = {name: value.data_ptr() for name, value in tables_of(kept)}
    batch = batch_of(labels[:, :8], labels[:, :8], labels[:, :8], labels[:, :8] > 0)
    with uncapturable() as found:
        kept.add(batch)
        kept.sample(5)
    assert found == []
    assert {name: value.data_ptr() for name, value in tables_of(kept)} == before


def tables_of(kept: Buffer) -> list[tuple[str, Tensor]]:
    return [(name, value) for name, value in vars(kept).items() if isinstance(value, Tensor)]


def test_a_batch_that_is_passed_over_leaves_what_looking_at_it_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = streams(4, 80, 3)
    quick = buffer(ClassBalancedBuffer, 9, members=4)
    show(quick, labels, 4)
    monkeypatch.setattr("clbench.engine.balanced_buffer.none_on_host", lambda flags: False)
    slow = buffer(ClassBalancedBuffer, 9, members=4)
    show(slow, labels, 4)
    assert torch.equal(quick.index[:, :9], slow.index[:, :9])
    assert torch.equal(quick.noise.counter, slow.noise.counter)


# ------------------------------------------------------------------ bytes


def test_a_sample_costs_its_image_its_label_and_what_is_kept_beside_it() -> None:
    mnist = {"input_shape": (1, 28, 28), "classes": 10, "tasks": 5}
    assert sample_bytes(Owner(**mnist).scenario) == 785
    assert sample_bytes(Owner(**mnist).scenario, {"logits": (10,)}) == 785 + 40
    assert sample_bytes(Owner(**mnist, setting="task").scenario) == 786
    many = {"input_shape": (3, 32, 32), "classes": 257, "tasks": 300, "setting": "task"}
    assert sample_bytes(Owner(**many).scenario) == 3072 + 2 + 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_budget_in_bytes_is_the_samples_that_fit(kind: type[Buffer]) -> None:
    kept = buffer(kind, "1kB", {"logits": (6,)})
    assert kept.sample_bytes == 16 + 1 + 24
    assert kept.size == 1000 // 41
    assert kept.stands_for() == kept.size * 41 <= 1000


def test_what_a_method_carries_beside_its_buffer_is_part_of_the_budget() -> None:
    owner: Any = Owner()
    assert Reservoir(owner, "1kB", beside=660).size == 340 // 17
    with pytest.raises(StrategyError, match=r"1kB has no room .* 17 bytes beside the 990 that it"):
        Reservoir(owner, "1kB", beside=990)


def test_a_budget_without_room_for_a_sample_is_refused() -> None:
    with pytest.raises(StrategyError, match="owner: memory: 16B has no room for a single sample"):
        buffer(Reservoir, "16B")


# ------------------------------------------------------------------ ranks


def test_ranks_within_kinds_and_places_of_flags() -> None:
    kinds = torch.tensor([[1, 1, 2, 1, 2]])
    counted = torch.tensor([[True, False, True, True, True]])
    assert rank_within(kinds, counted).tolist() == [[0, 1, 0, 1, 1]]
    flags = torch.tensor([[False, True, False, True]])
    numbers = torch.tensor([[0, 1, 2, -1]])
    assert nth_true(flags, numbers, missing=9).tolist() == [[1, 3, 9, 1]]
