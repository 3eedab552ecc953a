from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import SoloStrategy, Undefined
from clbench.records import RecordFile, Results
from clbench_plugins.joint import Joint
from clbench_plugins.unit_metrics import DeadGradients, GradientInterference, RelativeUpdate
from clbench_plugins.unit_metrics.backward import cosine, loss_gradients


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""


def gradients_alone(probe: Any, member: int, batch: Any) -> dict[str, Tensor]:
    """By plain torch: the mean loss of one member's own samples over all outputs."""
    params = {
        name: value[member].detach().clone().requires_grad_()
        for name, value in probe.net.named_parameters().items()
    }
    module = probe.net.module
    x, y = batch.x[member], batch.y[member]
    logits = torch.func.functional_call(module, params, (x,))
    F.cross_entropy(logits, y).backward()
    return {name: value.grad for name, value in params.items()}


def test_a_unit_that_never_fires_has_a_dead_row(make_bench: Any, look: Any) -> None:
    probe = look(make_bench())
    with torch.no_grad():
        probe.net.named_parameters()["linear1.bias"][0, :4].fill_(-1e3)
    found = DeadGradients(samples=60).measure(probe)
    batch = next(iter(probe.data("train", "current", 60)))
    for r in (0, 1):
        alone = gradients_alone(probe, r, batch)
        rows = [(alone[f"linear{k}.weight"] == 0).all(1) for k in (1, 2)]
        wanted = [float(torch.cat(rows).double().mean()), *(float(x.double().mean()) for x in rows)]
        np.testing.assert_allclose(found[r], wanted, atol=1e-12)
    assert float(found[0, 1]) >= 4 / 13


def test_entries_of_pixels_that_are_always_black_are_dead(make_bench: Any, look: Any) -> None:
    probe = look(make_bench())
    found = DeadGradients(count="entries", samples=60).measure(probe)
    batch = next(iter(probe.data("train", "current", 60)))
    for r in (0, 1):
        alone = gradients_alone(probe, r, batch)
        dead = [(alone[f"linear{k}.weight"] == 0).flatten() for k in (1, 2)]
        assert float(found[r, 0]) == pytest.approx(float(torch.cat(dead).double().mean()))
    # The corners of digits are black, and their entries dead where no row is.
    rows = DeadGradients(samples=60).measure(another_time(probe))
    assert (found[:, 1] > rows[:, 1]).all()


def test_a_row_is_dead_only_if_it_stayed_so(make_bench: Any, look: Any) -> None:
    probe, metric = look(make_bench()), DeadGradients()
    bias = probe.net.named_parameters()["linear1.bias"]
    kept = bias.detach().clone()
    (before,) = metric.measure(probe)[:1]
    with torch.no_grad():
        bias.fill_(-1e3)
    probe.found.clear()
    torch.testing.assert_close(metric.measure(probe)[0], before)
    assert float(DeadGradients().measure(another_time(probe))[0, 1]) == 1.0
    with torch.no_grad():
        bias.copy_(kept)


def another_time(probe: Any) -> Any:
    """A measurement that knows of none before."""
    probe.found.clear()
    probe.memory.clear()
    return probe


def test_frozen_layers_have_the_gradients_that_they_would_have(make_bench: Any, look: Any) -> None:
    probe = look(make_bench())
    free = DeadGradients().measure(probe)
    for name in ("linear1.weight", "linear1.bias"):
        probe.net.named_parameters()[name].requires_grad_(False)
    torch.testing.assert_close(DeadGradients().measure(another_time(probe)), free)
    probe.net.requires_grad_(False)
    torch.testing.assert_close(DeadGradients().measure(another_time(probe)), free)
    with pytest.raises(Undefined, match="no parameter of the network is trained"):
        loss_gradients(probe, (0,), 10)


def flattened(gradients: Iterable[Tensor]) -> Tensor:
    """All of them as one row of numbers."""
    return torch.cat([gradient.flatten() for gradient in gradients]).double()


def test_interference_is_the_cosine_of_two_gradients(make_bench: Any, look: Any) -> None:
    probe = look(make_bench(), trained=3)
    found = GradientInterference(samples=40).measure(probe)
    for r in (0, 1):
        vectors = []
        for tasks in ([2], [0, 1]):
            grads = [gradients_alone(probe, r, batch) for batch in probe.data("train", tasks, 40)]
            flat = [flattened(each.values()) for each in grads]
            vectors.append(torch.stack(flat).mean(0).numpy())
        new, old = vectors
        wanted = new @ old / np.linalg.norm(new) / np.linalg.norm(old)
        assert float(found[r]) == pytest.approx(wanted, abs=1e-5)


def test_a_gradient_does_not_work_against_itself(make_bench: Any, look: Any) -> None:
    probe = look(make_bench(), trained=2)
    own = loss_gradients(probe, (1,), 30)
    turned = {name: -3 * value for name, value in own.items()}
    np.testing.assert_allclose(cosine(own, own), 1.0)
    np.testing.assert_allclose(cosine(own, turned), -1.0)


def test_after_the_first_task_nothing_can_interfere(make_bench: Any, look: Any) -> None:
    assert torch.isnan(GradientInterference().measure(look(make_bench()))).all()


class Recorded:
    """The weights after every step of a plain run."""

    def __init__(self, bench: Any) -> None:
        self.strategy, self.loop = bench.start(0, 1)
        self.weights: list[dict[str, np.ndarray[Any, Any]]] = []
        self.loop.on_step = self._note
        self.loop.untrained()
        self._note()
        for task in self.loop.streams.tasks:
            self.loop.task(task)

    def _note(self) -> None:
        named = self.strategy.net.named_parameters()
        self.weights.append(
            {name: value.detach().double().numpy().copy() for name, value in named.items()}
        )


def test_the_update_of_a_step_is_the_real_one(make_bench: Any) -> None:
    protocol = {"optimizer": {"adam": {"lr": 0.01}}, "tasks": 2, "batch_size": 64}
    record = make_bench(metrics=[RelativeUpdate(when="step")], **protocol).run(0, 1)
    seen = Recorded(make_bench(**protocol)).weights
    names = [name for name in seen[0] if name.endswith("weight")]
    found = record.metrics["relative_update"]
    assert found.shape[2] == 1 + len(names)
    assert np.isnan(found[:, 0]).all()
    # The first step that two steps were recorded around; member 1 has had no other steps than
    # member 0.
    before, after = seen[1], seen[2]
    for r in (0, 1):
        moved = {name: np.linalg.norm(after[name][r] - before[name][r]) for name in names}
        size = {name: np.linalg.norm(before[name][r]) for name in names}
        each = [moved[name] / size[name] for name in names]
        whole = np.linalg.norm(list(moved.values())) / np.linalg.norm(list(size.values()))
        np.testing.assert_allclose(found[r, 1], [whole, *each], rtol=1e-6)


def test_a_run_that_is_measured_once_says_why_it_has_no_change(make_bench: Any) -> None:
    bench = make_bench(Joint, metrics=[RelativeUpdate])
    cell = replace(bench.run(0), probes={"relative_update": {"options": {}, "version": "1"}})
    results = Results(RecordFile(1, "joint", "", {}, [cell]), bench.host.host)
    (reason,) = results.metric("relative_update", results.cells[0]).reasons
    assert reason is not None
    assert reason.startswith("it compares with the measurement before, and there was one alone")


def test_the_gradient_times_the_rate(make_bench: Any, look: Any) -> None:
    probe = look(make_bench())
    batch = next(iter(probe.data("train", "current", 50)))
    found = RelativeUpdate(of="gradient", samples=50).measure(probe)
    published = RelativeUpdate(of="gradient", samples=50, as_published=True).measure(probe)
    for r in (0, 1):
        alone = gradients_alone(probe, r, batch)
        weights = {name: probe.net.named_parameters()[name][r].detach() for name in alone}
        names = [name for name in alone if name.endswith("weight")]
        each = [0.1 * float(alone[name].norm() / weights[name].norm()) for name in names]
        np.testing.assert_allclose(found[r, 1:], each, rtol=1e-4)
        tiny = [0.1 * float(alone[name].norm()) / 1e12 for name in names]
        np.testing.assert_allclose(published[r, 1:], tiny, rtol=1e-4)


def test_solo_strategies_are_measured_too(make_bench: Any) -> None:
    metrics = [
        DeadGradients(when="step"),
        RelativeUpdate(when="step"),
        GradientInterference(when="epoch_end"),
    ]
    solo = make_bench(SoloPlain, metrics=metrics).run(0, 1)
    stacked = make_bench(metrics=metrics).run(0, 1)
    assert solo.errors == stacked.errors == ()
    for name in ("dead_gradients", "relative_update", "gradient_interference"):
        np.testing.assert_allclose(solo.metrics[name], stacked.metrics[name], rtol=1e-3, atol=1e-4)
