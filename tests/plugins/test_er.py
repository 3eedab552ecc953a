from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench_plugins.er import ER
from clbench_plugins.naive import Naive


class NotedER(ER):
    """Notes every batch, what was drawn beside it, and the loss."""

    steps: ClassVar[list[dict[str, Any]]] = []

    def setup(self) -> None:
        super().setup()
        self.steps.clear()
        draw = self.buffer.sample

        def sample(size: int) -> Batch:
            drawn = draw(size)
            self.steps.append(
                {"drawn": drawn, "weights": [p.detach().clone() for p in self.net.parameters()]}
            )
            return drawn

        self.buffer.sample = sample  # type: ignore[method-assign]

    def task_loss(self, batch: Batch) -> Tensor:
        loss = super().task_loss(batch)
        self.steps[-1].update(
            batch=batch, loss=loss.detach().clone(), active=list(self.session.active)
        )
        return loss


@pytest.fixture
def steps(on_digits: Any, request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    strategy, loop = on_digits(
        NotedER(memory=20, replay_batch=getattr(request, "param", None)), tasks=3, setting="task"
    ).start(0, 1)
    for task in strategy.session.streams.tasks:
        loop.task(task)
    return list(NotedER.steps)


def test_the_loss_is_that_of_both_batches_together(steps: list[dict[str, Any]]) -> None:
    for step in steps[:3] + steps[-3:]:
        batch, drawn, weights = step["batch"], step["drawn"], step["weights"]
        for r in step["active"]:
            valid = drawn.valid[r]
            x, y = (
                torch.cat([batch.x[r], drawn.x[r][valid]]),
                torch.cat([batch.y[r], drawn.y[r][valid]]),
            )
            tasks = torch.cat([batch.tasks[r], drawn.tasks[r][valid]])
            logits = (
                torch.relu(x.flatten(1) @ weights[0][r].T + weights[1][r]) @ weights[2][r].T
                + weights[3][r]
            )
            owned = batch.task.streams.owned[
                r, tasks
            ]  # every sample has the outputs of its own task
            wanted = F.cross_entropy(logits.masked_fill(~owned, -torch.inf), y)
            torch.testing.assert_close(step["loss"][r], wanted, atol=1e-5, rtol=1e-5)


def test_the_first_step_has_nothing_to_replay(steps: list[dict[str, Any]]) -> None:
    assert not steps[0]["drawn"].valid.any()
    assert steps[1]["drawn"].valid.all()


@pytest.mark.parametrize(("steps", "size"), [(None, 16), (5, 5)], indirect=["steps"])
def test_how_much_is_replayed(steps: list[dict[str, Any]], size: int) -> None:
    assert {step["drawn"].size for step in steps} == {size}


def test_what_is_replayed_was_seen_before_and_keeps_its_task(steps: list[dict[str, Any]]) -> None:
    seen: list[set[tuple[int, int]]] = [set(), set()]
    for step in steps:
        for r in step["active"]:
            drawn = step["drawn"]
            pairs = (
                set(zip(drawn.index[r].tolist(), drawn.tasks[r].tolist(), strict=True))
                if drawn.valid[r].any()
                else set()
            )
            assert pairs <= seen[r]
            seen[r] |= set(
                zip(step["batch"].index[r].tolist(), step["batch"].tasks[r].tolist(), strict=True)
            )
    last = steps[-1]["drawn"].tasks
    assert set(last.flatten().tolist()) == {0, 1, 2}


def test_er_forgets_less_than_naive_with_classes(on_digits: Any) -> None:
    options = {"epochs": 3, "optimizer": {"sgd": {"lr": 0.1}}}
    er, naive = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (ER(memory=200), Naive)
    )
    assert (naive < 0.3).all()
    assert (er > 0.6).all()
    assert np.mean(er - naive) > 0.4
