from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench.errors import StrategyError, UserError
from clbench_plugins.er import ER
from clbench_plugins.icarl import ICaRL
from clbench_plugins.icarl.exemplars import herd
from clbench_plugins.naive import Naive


def copies(values: Iterable[Tensor]) -> list[Tensor]:
    return [value.detach().clone() for value in values]


class Noted(ICaRL):
    """Keeps each step's batch, weights, teacher and loss."""

    steps: ClassVar[list[dict[str, Any]]] = []

    def setup(self) -> None:
        super().setup()
        self.steps.clear()

    def task_loss(self, batch: Batch) -> Tensor:
        loss = super().task_loss(batch)
        teacher = [] if self.teacher is None else self.teacher.parameters()
        self.steps.append(
            {
                "batch": batch,
                "weights": copies(self.net.parameters()),
                "teacher": copies(teacher),
                "loss": loss.detach().clone(),
                "active": list(self.session.active),
            }
        )
        return loss


def run(on_digits: Any, strategy: Any, tasks: int = 3, **given: Any) -> Any:
    """Trained on so many tasks of three, or all."""
    started, loop = on_digits(strategy, tasks=max(3, tasks), **given).start(0, 1)
    for task in started.session.streams.tasks[:tasks]:
        loop.task(task)
    return started


def features(weights: list[Tensor], x: Tensor, row: int) -> Tensor:
    hidden = torch.relu(x.double().flatten(1) @ weights[0][row].double().T + weights[1][row])
    return hidden / hidden.norm(dim=1, keepdim=True)


def outputs(weights: list[Tensor], x: Tensor, row: int) -> Tensor:
    hidden = torch.relu(x.double().flatten(1) @ weights[0][row].double().T + weights[1][row])
    return hidden @ weights[2][row].double().T + weights[3][row]


# ------------------------------------------------------------------ herding


def greedy(rows: Tensor, picks: int) -> list[int]:
    """The definition: whichever brings the mean of those chosen nearest to the mean of all."""
    mean, chosen = rows.mean(0), list[int]()
    for _ in range(picks):
        others = [k for k in range(len(rows)) if k not in chosen]
        distances = [float((rows[[*chosen, k]].mean(0) - mean).norm()) for k in others]
        chosen.append(others[int(np.argmin(distances))])
    return chosen


@pytest.mark.parametrize("seed", range(5))
def test_herding_is_the_greedy_choice(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(40, 7, generator=generator, dtype=torch.float64).relu()
    rows = F.normalize(rows, dim=1)
    assert herd(rows, 40).tolist() == greedy(rows, 40)


def test_herding_by_hand() -> None:
    """Of 0, 4, 5, 7 the mean is 4: first 4 itself, then 5 (mean 4.5), then 0 (3) or 7 (5.33): 0."""
    rows = torch.tensor([[0.0], [4.0], [5.0], [7.0]])
    assert herd(rows, 4).tolist() == [1, 2, 0, 3]


def test_exemplars_are_herded_of_each_class_with_the_network_as_it_is(on_digits: Any) -> None:
    strategy = run(on_digits, ICaRL(memory=40), tasks=1)
    streams = strategy.session.streams
    weights = [p.detach() for p in strategy.net.parameters()]
    held = strategy.exemplars.samples()
    for row in (0, 1):
        pool = torch.from_numpy(streams.spec(row, 0).train)
        labels = streams.labels["train"][pool]
        mine = held.index[row][held.valid[row]]
        assert len(mine) == 40
        for label in labels.unique():
            members = pool[labels == label]
            x = strategy.fetch(
                members.expand(2, -1), torch.zeros(2, len(members), dtype=torch.int64)
            ).x
            wanted = members[greedy(features(weights, x[row], row), 20)]
            got = mine[streams.labels["train"][mine] == label]
            assert got.tolist() == wanted.tolist()


def test_lists_get_shorter_from_their_end(on_digits: Any) -> None:
    """Of 45: 22 of each of two classes, then 11 of four, then 7 of six."""
    bench = on_digits(ICaRL(memory=45), tasks=3)
    strategy, loop = bench.start(0, 1)
    lists: list[list[dict[int, list[int]]]] = []
    for task in strategy.session.streams.tasks:
        loop.task(task)
        held = strategy.exemplars.samples()
        labels = strategy.session.streams.labels["train"]
        lists.append([])
        for row in (0, 1):
            mine = held.index[row][held.valid[row]]
            classes = labels[mine].unique().tolist()
            lists[-1].append({c: mine[labels[mine] == c].tolist() for c in classes})
    for number, share in enumerate((22, 11, 7)):
        for of_member in lists[number]:
            assert [len(chosen) for chosen in of_member.values()] == [share] * 2 * (number + 1)
    for before, after in pairwise(lists):
        for old, new in zip(before, after, strict=True):
            assert all(new[c] == chosen[: len(new[c])] for c, chosen in old.items())


# ------------------------------------------------------------------ training


def test_the_loss_against_a_plain_reference(on_digits: Any) -> None:
    """A logistic regression for each class seen: labels for the task's, the old network's word for
    others.
    """
    strategy = run(on_digits, Noted(memory=40))
    classes = strategy.session.streams.classes
    picked = [Noted.steps[0], *Noted.steps[-3:]]
    for step in picked:
        batch, index = step["batch"], step["batch"].task.index
        for row in step["active"]:
            z = outputs(step["weights"], batch.x[row], row)
            old = {c for k in range(index) for c in classes[k][row].tolist()}
            wanted = torch.zeros(len(z), dtype=torch.float64)
            for c in [*classes[index][row].tolist(), *old]:
                target = (batch.y[row] == c).double()
                if c in old:
                    target = torch.sigmoid(outputs(step["teacher"], batch.x[row], row)[:, c])
                p = torch.sigmoid(z[:, c])
                wanted -= target * p.log() + (1 - target) * (1 - p).log()
            torch.testing.assert_close(
                step["loss"][row].double(), wanted.mean(), atol=1e-5, rtol=1e-4
            )


def test_the_teacher_is_the_network_at_the_end_of_the_last_task(on_digits: Any) -> None:
    """Before the head is drawn anew, where the protocol asks for that."""
    run(on_digits, Noted(memory=40), tasks=2, head_reset="init")
    steps = Noted.steps
    begins = next(k for k, step in enumerate(steps) if step["batch"].task.index == 1)
    assert not steps[begins - 1]["teacher"]
    taught, own = steps[begins]["teacher"], steps[begins]["weights"]
    assert torch.equal(taught[0], own[0])
    assert not torch.equal(taught[2], own[2])


def test_exemplars_are_trained_on_among_the_tasks_samples(on_digits: Any) -> None:
    strategy = run(on_digits, Noted(memory=40), tasks=2)
    sizes = strategy.session.streams.sizes(1, "train")
    for row in (0, 1):
        seen = [
            pair
            for step in Noted.steps
            if step["batch"].task.index == 1 and row in step["active"]
            for pair in zip(
                step["batch"].index[row].tolist(), step["batch"].tasks[row].tolist(), strict=True
            )
        ]
        assert len(seen) == len(set(seen)) == sizes[row] + 40
        assert sum(task == 0 for _, task in seen) == 40


# ------------------------------------------------------------------ prediction


def test_the_nearest_mean_of_exemplars_answers(on_digits: Any) -> None:
    strategy = run(on_digits, ICaRL(memory=40), tasks=2)
    strategy.net.eval()
    weights = [p.detach() for p in strategy.net.parameters()]
    held, streams = strategy.exemplars.samples(), strategy.session.streams
    task = streams.tasks[1]
    batch = next(task.batches("train", 32))
    kept = strategy.fetch(held.index, held.tasks, valid=held.valid)
    got = strategy.predict(batch.x)
    for row in (0, 1):
        phi = features(weights, kept.x[row], row)
        known = sorted(set(kept.y[row][held.valid[row]].tolist()))
        assert len(known) == 4
        means = [phi[held.valid[row] & (kept.y[row] == c)].mean(0) for c in known]
        centre = torch.stack([mean / mean.norm() for mean in means])
        distance = torch.cdist(features(weights, batch.x[row], row), centre).square()
        torch.testing.assert_close(-got[row][:, known].double(), distance, atol=1e-5, rtol=1e-4)
        others = [c for c in range(got.shape[2]) if c not in known]
        assert float(got[row][:, others].max()) < -5.0


def test_until_a_task_ends_the_network_answers(on_digits: Any) -> None:
    strategy, loop = on_digits(ICaRL(memory=40), tasks=3).start(0)
    first, second = strategy.session.streams.tasks[:2]
    loop.task(first)
    x = next(first.batches("train", 8)).x
    strategy.net.eval()
    assert not torch.equal(strategy.predict(x), strategy.net(x))
    strategy.session.task = second
    strategy.begin_task(second)
    (phase,) = strategy.phases(second)
    strategy.begin_phase(phase)
    assert torch.equal(strategy.predict(x), strategy.net(x))


def test_it_is_refused_where_labels_come_back(on_digits: Any) -> None:
    with pytest.raises(UserError, match="setting is class or task"):
        on_digits(ICaRL, setting="domain").start(0)


def test_it_needs_room_for_each_class(on_digits: Any) -> None:
    with pytest.raises(StrategyError, match="room for 10 samples"):
        on_digits(ICaRL(memory=9)).start(0)


def test_the_old_network_and_the_means_are_paid_from_a_budget_of_bytes(on_digits: Any) -> None:
    """8x8 pictures and a label; a network of 64-32-10 and ten means of 32 features, of 4 bytes a
    number.
    """
    strategy, _ = on_digits(ICaRL(memory="20kB")).start(0)
    carried = 4 * (64 * 32 + 32 + 32 * 10 + 10 + 10 * 32)
    assert strategy.exemplars.size == (20_000 - carried) // 65
    cost = on_digits(ICaRL(memory="20kB")).run(0).cost["state_bytes"]
    assert 20_000 - 65 <= cost[0] <= 20_000 + 3 * 10 + 65


def test_it_tells_all_classes_apart(on_digits: Any) -> None:
    options = {"epochs": 5}
    mine, er, naive = (
        on_digits(strategy, **options).run(0, 1).accuracy[:, -1].mean(1)
        for strategy in (ICaRL(memory=100), ER(memory=100), Naive)
    )
    assert (naive < 0.3).all()
    assert (mine > 0.75).all()
    assert (mine > er - 0.15).all()
