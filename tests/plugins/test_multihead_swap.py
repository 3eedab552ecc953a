"""Which head a task trains, by brute force and by rules that have to hold."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Task
from clbench_plugins.multihead_swap.choice import SCORES, decide, right_answers, votes
from clbench_plugins.multihead_swap.strategy import MultiheadSwap, running_mean
from clbench_plugins.naive import Naive
from clbench_plugins.softhebb import SoftHebb

from .head_choice import RULES, chosen_by_hand, score_by_hand, trained

ADAM = {"adam": {"lr": 0.01}}


def scores_of(rule: str, logits: Tensor, outputs: Tensor, exists: Tensor, y: Tensor) -> Tensor:
    if rule == "oracle":
        return right_answers(logits, outputs, y)
    if rule == "vote":
        return votes(logits, outputs, exists)
    return SCORES[rule](logits, outputs)


# ------------------------------------------------------------------ by brute force


@pytest.mark.parametrize("together", [None, 4, 1])
@pytest.mark.parametrize("rule", [*RULES, "oracle"])
def test_heads_are_chosen_as_by_brute_force(rule: str, together: int | None) -> None:
    draw = torch.Generator().manual_seed(3)
    members, heads, images, classes = 3, 4, 11, 3
    logits = torch.randn(members, heads, images, classes, generator=draw)
    y = torch.randint(classes, (members, images), generator=draw)
    has = [4, 1, 3]  # heads
    exists = torch.arange(heads) < torch.tensor(has)[:, None]
    valid = torch.arange(images) < torch.tensor([11, 9, 6])[:, None]
    outputs = torch.ones(members, heads, 1, classes, dtype=torch.bool)
    found = decide(scores_of(rule, logits, outputs, exists, y), valid, exists, together)
    for member in range(members):
        mine = logits[member, : has[member]].tolist()
        by_hand = chosen_by_hand(rule, mine, y[member], valid[member], together or images)
        assert found[member][valid[member]].tolist() == by_hand


@pytest.mark.parametrize("rule", [*RULES, "oracle"])
def test_outputs_that_a_head_was_not_trained_on_do_not_count(rule: str) -> None:
    draw = torch.Generator().manual_seed(5)
    logits = torch.randn(1, 2, 6, 4, generator=draw)
    outputs = torch.tensor([[True, True, False, False], [False, True, True, True]])
    outputs = outputs[None, :, None]
    y = torch.ones(1, 6, dtype=torch.int64)
    exists = torch.ones(1, 2, dtype=torch.bool)
    found = scores_of(rule, logits, outputs, exists, y)
    loud = logits.masked_fill(~outputs, -50.0)
    assert torch.equal(scores_of(rule, loud, outputs, exists, y), found)
    cut = [logits[0, 0, :, :2].tolist(), logits[0, 1, :, 1:].tolist()]
    for image, head in itertools.product(range(6), range(2)):
        label = 1 - head  # where the label stands among the head's own outputs
        by_hand = score_by_hand(rule, [cut[0][image], cut[1][image]], head, label)
        assert float(found[0, head, image]) == pytest.approx(by_hand, rel=1e-5)


# ------------------------------------------------------------------ what has to hold


def set_apart(rule: str, heads: Tensor, features: Tensor, y: Tensor) -> list[int]:
    """The heads `[H, C, F]` of one member that the images `[N, F]` go to."""
    logits = torch.einsum("hcf,nf->hnc", heads, features)[None]
    exists = torch.ones(1, len(heads), dtype=torch.bool)
    outputs = torch.ones(1, len(heads), 1, heads.shape[1], dtype=torch.bool)
    valid = torch.ones(1, len(features), dtype=torch.bool)
    found = decide(scores_of(rule, logits, outputs, exists, y[None]), valid, exists, None)
    return sorted(set(found[0].tolist()))


@pytest.mark.parametrize("rule", [*RULES, "oracle"])
def test_one_head_many_times_larger_wins_but_where_labels_are_read(rule: str) -> None:
    draw = torch.Generator().manual_seed(1)
    features = torch.randn(20, 8, generator=draw)
    heads = torch.randn(3, 4, 8, generator=draw)
    y = (features @ heads[0].T).argmax(1)  # the first head is always right
    assert set_apart(rule, heads[:1], features, y) == [0]
    heads[2] *= 10.0
    assert set_apart(rule, heads, features, y) == ([0] if rule == "oracle" else [2])
    same = heads[1].expand(3, -1, -1)
    assert set_apart(rule, same, features, y) == [0]


def test_the_running_threshold_by_hand() -> None:
    theta = torch.tensor([0.87, 0.87], dtype=torch.float64)
    for number, accuracies, wanted in [
        (1, [0.855, 0.89], [0.8625, 0.88]),
        (2, [0.69, 0.91], [0.805, 0.89]),
        (3, [0.945, 0.85], [0.84, 0.88]),
    ]:
        accuracy = torch.tensor(accuracies, dtype=torch.float64)
        theta = running_mean(theta, torch.tensor([number, number]), accuracy)
        torch.testing.assert_close(theta, torch.tensor(wanted, dtype=torch.float64))


# ------------------------------------------------------------------ in training


class Noted(MultiheadSwap):
    """Keeps the head that each task begins with, and the optimiser's largest moments of it."""

    name = "multihead_swap"

    def setup(self) -> None:
        super().setup()
        self.begun: list[Tensor] = []
        self.moments: list[Tensor] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        weight = self.net.named_parameters()["head.weight"]
        held = zip(self.optimizer.params, self.optimizer.slots.values(), strict=True)
        moments = next(slot.moments for param, slot in held if param is weight)
        self.begun.append(weight.detach().clone())
        self.moments += [moment.clone() for moment in moments[:1]]


def test_each_task_trains_a_fresh_head_without_moments(on_digits: Any) -> None:
    bench = on_digits([Naive, Noted()], tasks=3, setting="domain", optimizer=ADAM)
    swap, _ = trained(bench, 0, 1, tasks=3)
    assert swap.bank.count.tolist() == [3, 3]
    assert swap.head_of_task.tolist() == [[0, 1, 2]] * 2
    for one, other in itertools.combinations(range(3), 2):
        kept = swap.bank.params["weight"]
        assert not torch.equal(kept[:, one], kept[:, other])
        assert (swap.begun[one] != swap.begun[other]).all()
    assert all(0.9 < begun.abs().max() * 32**0.5 <= 1 for begun in swap.begun)
    assert len(swap.moments) == 3
    assert not any(moments.any() for moments in swap.moments)
    live = swap.net.named_parameters()["head.weight"]
    assert torch.equal(swap.bank.params["weight"][:, 2], live)


def test_a_fresh_head_of_a_hebbian_classifier_begins_as_the_first(on_digits: Any) -> None:
    softhebb = SoftHebb(classifier="hebbian", classifier_radius=5.0)
    model = {"softhebb_mnist": {"width": 50}}
    bench = on_digits([softhebb, Noted()], tasks=2, setting="domain", model=model)
    swap, _ = trained(bench, 0, tasks=2)
    for begun in swap.begun:
        assert (begun > 0).all()
        norms = begun.norm(dim=2)
        assert ((norms > 4.0) & (norms < 6.0)).all()
    assert not torch.equal(*swap.begun)


@pytest.mark.parametrize(
    ("threshold", "measured_on", "heads"),
    [(0.0, "train", 1), (1.0, "train", 3), (0.0, "validation", 1), (0.0, "test_oracle", 1)],
)
def test_a_head_above_the_threshold_is_trained_on(
    on_digits: Any, threshold: float, measured_on: Any, heads: int
) -> None:
    swap = Noted(heads="reuse", threshold=threshold, measured_on=measured_on)
    held_out = 0.2 if measured_on == "validation" else 0.0
    bench = on_digits([Naive, swap], tasks=3, setting="domain", validation=held_out, optimizer=ADAM)
    found, loop = trained(bench, 0, 1, tasks=3)
    assert found.bank.count.tolist() == [heads, heads]
    assert found.bank.width == heads
    if heads == 1:  # the only one there is, and it goes on from where it was
        assert not found.head_of_task.any()
        assert not torch.equal(found.begun[1], found.begun[2])
    assert loop.measurements.curves["trained_head"].lengths.tolist() == [3, 3]


def test_the_best_head_is_found_on_the_tasks_own_data(on_digits: Any) -> None:
    """Against an evaluation of the network with each head in turn."""
    bench = on_digits([Naive, MultiheadSwap()], tasks=5, setting="domain")
    swap, _ = trained(bench, 0, 1, tasks=3)
    task = swap.session.streams.tasks[3]
    found = swap._accuracies(task)
    for number in range(3):

        def predict(x: Tensor, _: Any, number: int = number) -> Tensor:
            kept = {f"head.{name}": p[:, number] for name, p in swap.bank.params.items()}
            return swap.net.call({**swap.net.named_parameters(), **kept}, x)

        torch.testing.assert_close(found[:, number], swap.accuracy(task, "train", predict))


def test_the_running_threshold_follows_the_accuracy_of_trained_heads(on_digits: Any) -> None:
    swap = MultiheadSwap(heads="reuse_running", threshold=0.87)
    bench = on_digits([Naive, swap], tasks=3, setting="domain", epochs=3)
    running, loop = bench.start(0, 1)
    part = running.part("multihead_swap")
    theta = np.full(2, 0.87)
    for task in running.session.streams.tasks:
        stored = part.bank.count.numpy().copy()
        loop.task(task)

        def predict(x: Tensor, _: Any) -> Tensor:
            return part.net(x)

        if task.index:
            own = part.accuracy(task, "train", predict).numpy()
            theta = (theta * stored + own) / (stored + 1)
        np.testing.assert_allclose(part.theta.numpy(), theta)
    assert (theta > 0.87).all()
