from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clbench_plugins.l1_activity import L1Activity
from clbench_plugins.naive import Naive


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_loss_by_hand(on_digits: Any, activation: str) -> None:
    """Cross-entropy + strength * (mean |h1| + mean |h2|), each mean over samples and units."""
    bench = on_digits(
        L1Activity(strength=0.7),
        tasks=1,
        model={"mlp": {"hidden": [9, 6], "activation": activation}},
    )
    strategy, _ = bench.start(0, 1)
    task = strategy.session.task = strategy.session.streams.tasks[0]
    batch = next(task.batches("train", 12))
    loss = strategy.task_loss(batch)
    act = getattr(torch, activation)
    for r in (0, 1):
        w = [p[r].detach() for p in strategy.net.parameters()]
        one = act(batch.x[r].flatten(1) @ w[0].T + w[1])
        two = act(one @ w[2].T + w[3])
        wanted = F.cross_entropy(two @ w[4].T + w[5], batch.y[r]) + 0.7 * (
            one.abs().mean() + two.abs().mean()
        )
        torch.testing.assert_close(loss[r], wanted)


def test_a_strength_of_zero_is_naive(on_digits: Any) -> None:
    one, other = (
        on_digits(strategy, tasks=2).run(0) for strategy in (Naive, L1Activity(strength=0.0))
    )
    np.testing.assert_array_equal(one.accuracy, other.accuracy)


def test_activity_falls(on_digits: Any) -> None:
    def activity(strategy: Any) -> float:
        trained, loop = on_digits(strategy, tasks=1, epochs=3).start(0)
        task = trained.session.streams.tasks[0]
        loop.task(task)
        with torch.no_grad():
            images = next(task.streams.batches(task, "test", 64)).x
            _, seen = trained.net.eval()(images, trace=True)
        return float(seen["hidden1"].abs().mean())

    assert activity(L1Activity(strength=1.0)) < 0.5 * activity(Naive)
