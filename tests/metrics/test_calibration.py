from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench import Strategy
from clbench_plugins.unit_metrics import ECE


def expected_calibration_error(confidence: Any, right: Any, bins: int) -> float:
    """Sample by sample, with the bins that numpy makes."""
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(confidence, edges, right=True)
    total = 0.0
    for b in range(1, bins + 1):
        within = place == b
        if within.any():
            gap = abs(right[within].mean() - confidence[within].mean())
            total += within.mean() * gap
    return total


def outputs_that_count(probe: Any, batch: Any, r: int, setting: str, logits: str) -> Any:
    """Of one member, in ascending order."""
    if setting == "task":
        return np.sort(batch.task.classes[r].numpy())
    if setting == "class" and logits == "seen":
        seen = [task.classes[r] for task in probe.task.streams.tasks[:2]]
        return np.sort(np.concatenate(seen))
    return np.arange(probe.strategy.scenario.classes)


@pytest.mark.parametrize(
    ("setting", "logits"), [("class", "all"), ("class", "seen"), ("task", "all"), ("domain", "all")]
)
@pytest.mark.parametrize("bins", [15, 4])
def test_it_is_the_gap_between_confidence_and_accuracy(
    make_bench: Any, look: Any, setting: str, logits: str, bins: int
) -> None:
    probe = look(make_bench(setting=setting, logits=logits), trained=2)

    found = ECE(bins=bins, samples=25).measure(probe)

    for r in (0, 1):
        confidence, right = [], []
        for batch in probe.data("test", "seen", 25):
            outputs = outputs_that_count(probe, batch, r, setting, logits)
            valid = batch.weights[r].numpy()
            z = probe.net(batch.x)[r].detach().double().numpy()[valid][:, outputs]
            share = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            confidence.append(share.max(1))
            right.append(outputs[share.argmax(1)] == batch.y[r].numpy()[valid])
        whole = np.concatenate(confidence), np.concatenate(right)
        wanted = expected_calibration_error(*whole, bins)
        assert float(found[r]) == pytest.approx(wanted, abs=1e-6)


class Sure(Strategy):
    """Always says the first class, as sure as can be."""

    def predict(self, x: Any, task: Any = None) -> Any:
        shape = (*x.shape[:2], self.scenario.classes)
        return torch.zeros(shape).index_fill(2, torch.tensor([0]), 1e4)


def test_who_is_sure_and_wrong_is_off_by_all_of_it(make_bench: Any) -> None:
    record = make_bench(Sure, metrics=[ECE()], setting="domain").run(0, 1)
    assert record.errors == ()
    accuracy = [record.accuracy[:, i, :i] for i in range(1, 4)]
    assert record.metrics["ece"].shape == (2, 3)
    # Tasks have nearly as many samples each; so the error is one minus the mean accuracy, nearly.
    wanted = np.stack([1 - row.mean(1) for row in accuracy], axis=1)
    np.testing.assert_allclose(record.metrics["ece"], wanted, atol=0.02)
