"""Which logits compete in each setting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clbench import Strategy
from clbench.engine.stack_view import member_cross_entropy

LOGITS = torch.arange(12.0).reshape(1, 2, 6).expand(2, 2, 6)


def competing(strategy: Strategy, tasks: list[int], using: str | None = None) -> Any:
    """Which outputs are left to samples of these tasks, one row a member."""
    kept = strategy.masked(LOGITS, torch.tensor([tasks, tasks]), using)
    assert torch.equal(kept[kept.isfinite()], LOGITS[kept.isfinite()])
    return kept.isfinite().int().tolist()


def owned(strategy: Strategy, *tasks: int) -> Any:
    """The outputs of some tasks, one row a member."""
    table = torch.zeros(2, 6, dtype=torch.int32)
    for task in tasks:
        table.scatter_(1, strategy.session.streams.tasks[task].classes, 1)
    return table.tolist()


def at_task(make_bench: Any, task: int, **options: Any) -> Strategy:
    strategy, _ = make_bench(Strategy, **options).start(0, 1)
    strategy.session.task = strategy.session.streams.tasks[task]
    return strategy


def test_masking_in_the_task_setting(make_bench: Any) -> None:
    strategy = at_task(make_bench, 1, setting="task")
    first, second = owned(strategy, 0), owned(strategy, 2)
    assert competing(strategy, [0, 2]) == [[first[r], second[r]] for r in range(2)]
    assert (
        owned(strategy, 0)[0] != owned(strategy, 0)[1]
    )  # each member has its own order of classes


@pytest.mark.parametrize(("logits", "left"), [("all", [0, 1, 2]), ("seen", [0, 1])])
def test_masking_in_the_class_setting(make_bench: Any, logits: str, left: list[int]) -> None:
    strategy = at_task(make_bench, 1, logits=logits)
    wanted = owned(strategy, *left)
    assert competing(strategy, [0, 1]) == [[row, row] for row in wanted]


def test_masking_by_the_current_task(make_bench: Any) -> None:
    strategy = at_task(make_bench, 1, logits={"train": "current", "evaluate": "all"})
    current = owned(strategy, 1)
    assert [row[0] for row in competing(strategy, [1, 1])] == current
    assert competing(strategy, [0, 1], using="all") == [[[1] * 6] * 2] * 2
    assert strategy.protocol.logits == {"train": "current", "evaluate": "all"}


def test_nothing_is_masked_in_the_domain_setting(make_bench: Any) -> None:
    strategy, _ = make_bench(Strategy, setting="domain", logits="current").start(0, 1)
    strategy.session.task = strategy.session.streams.tasks[0]
    assert strategy.scenario.classes == 2
    two = LOGITS[..., :2]
    assert torch.equal(strategy.masked(two, torch.zeros(2, 2, dtype=torch.int64)), two)


@pytest.mark.parametrize("setting", ["class", "task", "domain"])
def test_cross_entropy_by_hand(make_bench: Any, setting: str) -> None:
    strategy = at_task(make_bench, 1, setting=setting)
    task = strategy.session.streams.tasks[1]
    batch = next(task.batches("train", 5))
    logits = torch.randn(2, 5, strategy.scenario.classes)
    got = strategy.cross_entropy(logits, batch)
    for r in range(2):
        classes = (
            task.classes[r].tolist() if setting == "task" else range(strategy.scenario.classes)
        )
        losses = []
        for b in range(5):
            scores = np.exp(logits[r, b].double().numpy())
            losses.append(-np.log(scores[int(batch.y[r, b])] / scores[list(classes)].sum()))
        assert got[r].item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_cross_entropy_leaves_out_rows_that_do_not_count() -> None:
    logits, y = torch.randn(3, 4, 5, requires_grad=True), torch.tensor([[0, 1, 2, 3]] * 3)
    valid = torch.tensor([[True, True, False, False], [True] * 4, [False] * 4])
    got = member_cross_entropy(logits, y, valid)
    torch.testing.assert_close(got[0], F.cross_entropy(logits[0, :2], y[0, :2]))
    torch.testing.assert_close(got[1], F.cross_entropy(logits[1], y[1]))
    assert got[2] == 0
    got.sum().backward()
    assert logits.grad is not None
    assert not logits.grad[2].any()
    assert not logits.grad[0, 2:].any()


def test_a_masked_label_on_a_row_that_does_not_count_makes_no_nan() -> None:
    logits = torch.randn(1, 2, 3, requires_grad=True)
    masked = logits.masked_fill(torch.tensor([[[False] * 3, [True, False, False]]]), -torch.inf)
    loss = member_cross_entropy(masked, torch.tensor([[1, 0]]), torch.tensor([[True, False]]))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
