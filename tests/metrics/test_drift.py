from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from clbench import SoloStrategy
from clbench.testing.bench import Stopped, first_difference, rows
from clbench_plugins.unit_metrics import CKA, FeatureDrift, GradientInterference


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""


def features(network: Any, batch: Any, member: int, layer: str) -> Any:
    _, hidden = network(batch.x, trace=True)
    return hidden[layer][member].detach().double().numpy()


def cka(x: Any, y: Any) -> float:
    """As the paper writes it, from features."""
    x, y = x - x.mean(0), y - y.mean(0)
    top = np.linalg.norm(x.T @ y) ** 2
    return float(top / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y))


def networks_after_each_task(make_bench: Any) -> tuple[Any, list[Any]]:
    """Copies of the network of three tasks, and the loop that trained it."""
    strategy, loop = make_bench(tasks=3).start(0, 1)
    loop.untrained()
    networks = []
    for task in loop.streams.tasks:
        loop.task(task)
        networks.append(strategy.net.spawn().eval())
    return loop, networks


def test_features_are_compared_with_those_right_after_their_task(make_bench: Any) -> None:
    metrics = [FeatureDrift(samples=15), CKA(samples=15)]
    record = make_bench(metrics=metrics, tasks=3).run(0, 1)
    loop, networks = networks_after_each_task(make_bench)
    assert record.errors == ()
    drift, alike = record.metrics["feature_drift"], record.metrics["cka"]
    assert drift.shape == (2, 3, 3)
    assert alike.shape == (2, 3, 3)
    assert np.isnan(drift[:, 0]).all()
    for now, task, r in [(1, 0, 0), (1, 0, 1), (2, 0, 1), (2, 1, 0), (2, 1, 1)]:
        (batch,) = loop.streams.batches(loop.streams.tasks[task], "test", 15, 15)
        new = features(networks[now], batch, r, "hidden2")
        old = features(networks[task], batch, r, "hidden2")
        moved = np.linalg.norm(new - old) / np.linalg.norm(old)
        assert drift[r, now, 1 + task] == pytest.approx(moved, rel=1e-9)
        assert alike[r, now, 1 + task] == pytest.approx(cka(new, old), rel=1e-9)
    np.testing.assert_allclose(alike[:, 2, 0], alike[:, 2, 1:].mean(1))


def test_what_does_not_move_has_neither_drift_nor_another_form(make_bench: Any) -> None:
    metrics = [FeatureDrift(), CKA()]
    record = make_bench(metrics=metrics, optimizer={"sgd": {"lr": 1e-30}}).run(0, 1)
    np.testing.assert_array_equal(record.metrics["feature_drift"][:, 1:, :2], 0.0)
    np.testing.assert_allclose(record.metrics["cka"][:, 1:, :2], 1.0, rtol=1e-12)


def test_only_the_first_tasks_are_kept(make_bench: Any) -> None:
    record = make_bench(metrics=[CKA(tasks=2)], tasks=4).run(0, 1)
    assert record.metrics["cka"].shape == (2, 4, 3)
    assert np.isfinite(record.metrics["cka"][:, -1]).all()


@pytest.fixture
def drawn() -> Callable[..., torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return lambda *shape: torch.randn(shape, dtype=torch.float64, generator=generator)


def test_cka_does_not_see_rotations_and_scales(drawn: Any) -> None:
    x, turned = drawn(1, 30, 6), torch.linalg.qr(drawn(6, 6)).Q
    valid = torch.ones(1, 30, dtype=torch.bool)
    found = CKA().compared(x, 3 * x @ turned + 1, valid)
    assert float(found) == pytest.approx(1)


def test_cka_does_not_see_rows_that_do_not_count(drawn: Any) -> None:
    x, y = drawn(1, 30, 6), drawn(1, 30, 8)
    valid = torch.ones(1, 30, dtype=torch.bool)
    wanted = cka(x[0].numpy(), y[0].numpy())
    assert float(CKA().compared(x, y, valid)) == pytest.approx(wanted)

    longer_x = torch.nn.functional.pad(x, (0, 0, 0, 5))
    longer_y = torch.nn.functional.pad(y, (0, 0, 0, 5))
    counted = torch.nn.functional.pad(valid, (0, 5))
    found = CKA().compared(longer_x, longer_y, counted)
    assert float(found) == pytest.approx(wanted)


@pytest.mark.parametrize("strategy", ["naive", SoloPlain])
def test_kept_features_outlive_a_kill(make_bench: Any, tmp_path: Path, strategy: Any) -> None:
    bench = make_bench(strategy, metrics=[CKA(when="epoch_end"), FeatureDrift()])
    with pytest.raises(Stopped):
        bench.run(0, 1, checkpoint=tmp_path / "job.ckpt", stop_after=2)
    resumed, whole = bench.run(0, 1, checkpoint=tmp_path / "job.ckpt"), bench.run(0, 1)
    assert resumed.errors == ()
    assert np.isfinite(whole.metrics["feature_drift"][:, -1]).all()
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(resumed, seed)) is None


def test_a_single_task_has_nothing_to_look_back_at(make_bench: Any) -> None:
    metrics = [CKA(), FeatureDrift(), GradientInterference()]
    record = make_bench(metrics=metrics, tasks=1).run(0)
    for name in ("cka", "feature_drift", "gradient_interference"):
        fault = record.fault(name)
        assert (fault.undefined, fault.reason) == (True, "it needs two tasks")
