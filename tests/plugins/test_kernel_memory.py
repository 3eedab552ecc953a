"""What is remembered of a layer's kernels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clbench_plugins.kernel_plasticity.memory import KernelMemory

NAN = float("nan")


def weights(*values: float) -> Tensor:
    """Of two members with two kernels of one number each: [first, second] of both."""
    return torch.tensor(values, dtype=torch.float32).view(2, 2, 1)


@pytest.fixture
def memory() -> KernelMemory:
    memory = KernelMemory(2, 2, torch.device("cpu"))
    memory.begin(weights(0, 0, 0, 0))
    return memory


def test_a_change_is_since_the_last_sample(memory: KernelMemory) -> None:
    memory.sample(weights(1, -2, 0, 0), [0], "absolute")
    memory.sample(weights(4, -2, 0, 0), [0], "absolute")
    assert [sample[0].tolist() for sample in memory.samples] == [[1.0, 2.0], [3.0, 0.0]]


def test_who_took_fewer_samples_has_none_in_the_later_ones(memory: KernelMemory) -> None:
    memory.sample(weights(1, 1, 5, 5), [0, 1], "absolute")
    memory.sample(weights(2, 2, 9, 9), [0], "absolute")
    assert memory.taken == [2, 1]
    assert memory.samples[1][1].isnan().all()
    # Its next sample is its second one, over all that moved meanwhile.
    memory.sample(weights(2, 2, 9, 9), [1], "absolute")
    assert memory.samples[1][1].tolist() == [4.0, 4.0]
    assert len(memory.samples) == 2


def test_members_without_a_sample_are_known(memory: KernelMemory) -> None:
    assert memory.unsampled() == [0, 1]
    memory.sample(weights(1, 1, 1, 1), [1], "signed")
    assert memory.unsampled() == [0]


def test_the_average_change_keeps_its_sign(memory: KernelMemory) -> None:
    memory.sample(weights(1, -2, 3, 3), [0, 1], "absolute")
    memory.sample(weights(4, -6, 3, 3), [0], "absolute")
    found = memory.average_change(torch.tensor([True, True]))
    assert found.tolist() == [[2.0, -3.0], [3.0, 3.0]]
    # Who did not learn has none.
    assert memory.average_change(torch.tensor([False, True]))[0].isnan().all()


def test_the_average_of_no_sample_is_none(memory: KernelMemory) -> None:
    assert memory.average_change(torch.tensor([True, True])).isnan().all()


def given(value: float) -> Tensor:
    return torch.full((2, 2), value)


def test_a_task_takes_the_place_of_the_one_before_for_who_learnt(memory: KernelMemory) -> None:
    both, first = torch.tensor([True, True]), torch.tensor([True, False])
    memory.remember(given(1.0), given(10.0), both, accumulate=False)
    memory.remember(given(3.0), given(30.0), first, accumulate=False)
    assert memory.allowed[:, 0].tolist() == [3.0, 1.0]
    assert memory.scores[:, 0].tolist() == [30.0, 10.0]
    assert memory.tasks.tolist() == [2, 1]


def test_added_up_bounds_are_averaged_and_scores_are_summed(memory: KernelMemory) -> None:
    both, first = torch.tensor([True, True]), torch.tensor([True, False])
    for value, learnt in ((1.0, both), (3.0, first), (8.0, both)):
        memory.remember(given(value), given(value), learnt, accumulate=True)
    # (1 + 3 + 8) / 3 and (1 + 8) / 2: each member over its own tasks.
    assert memory.allowed[:, 0].tolist() == [4.0, 4.5]
    assert memory.scores[:, 0].tolist() == [12.0, 9.0]


def test_the_highest_scores_are_important_for_who_learnt(memory: KernelMemory) -> None:
    scores = torch.tensor([[1.0, 2.0], [4.0, 3.0]])
    both = torch.tensor([True, True])
    memory.remember(given(1.0), scores, both, accumulate=False)
    memory.choose(1, both)
    assert memory.important.tolist() == [[False, True], [True, False]]
    memory.remember(given(1.0), -scores, both, accumulate=False)
    memory.choose(1, torch.tensor([True, False]))
    assert memory.important.tolist() == [[True, False], [True, False]]


def test_a_task_begins_without_what_the_last_one_counted(memory: KernelMemory) -> None:
    memory.sample(weights(1, 1, 1, 1), [0, 1], "absolute")
    memory.importance += 1.0
    memory.is_trained = True
    memory.begin(weights(1, 1, 1, 1))
    assert memory.taken == [0, 0]
    assert memory.samples == []
    assert not memory.importance.any()
    assert not memory.moved.any()
    assert not memory.is_trained


def test_the_weights_of_a_sample_are_copies(memory: KernelMemory) -> None:
    weight = weights(1, 1, 1, 1)
    memory.begin(weight)
    weight += 5.0
    memory.sample(weight, [0, 1], "signed")
    assert memory.samples[0].tolist() == [[5.0, 5.0], [5.0, 5.0]]


def test_at_the_end_only_what_later_tasks_need_is_kept(memory: KernelMemory) -> None:
    memory.sample(weights(1, 1, 1, 1), [0, 1], "absolute")
    memory.end()
    assert memory.sampled is None
    assert memory.samples == []
    assert memory.kernels == 2
