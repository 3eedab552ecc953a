from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import ProbeMetric, SoloStrategy, Strategy
from clbench.errors import OptionError
from clbench.options import describe_options
from clbench.testing.bench import Stopped, first_difference, rows


class Plain(Strategy):
    """Plain training."""


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""


class Moved(ProbeMetric):
    """How far the weights are from where they were when it measured before."""

    def measure(self, probe: Any) -> Tensor:
        now = torch.cat([p.detach().flatten(1) for p in probe.net.parameters()], dim=1)
        before = probe.memory.get("weights", torch.zeros_like(now))
        probe.memory["weights"] = now
        return (now - before).norm(dim=1)


class Moments(ProbeMetric):
    """Measures as often as it is asked."""

    when = "epoch_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.ones(probe.strategy.members)


def test_a_suite_may_say_when_a_probe_measures() -> None:
    assert Moments().when == "epoch_end"
    assert Moments(when="run_end").when == "run_end"
    (option,) = describe_options(Moments)
    assert (option.name, option.default, bool(option.doc)) == ("when", "epoch_end", True)
    with pytest.raises(OptionError, match="epoch_end"):
        Moments(when="sometimes")


@pytest.mark.parametrize("strategy", [Plain, SoloPlain])
@pytest.mark.parametrize("when", ["task_end", "epoch_end", "step"])
def test_what_a_probe_keeps_outlives_a_kill(
    make_bench: Any, tmp_path: Path, strategy: type, when: str
) -> None:
    bench = make_bench(strategy, metrics=[Moved(when=when)], epochs=2)
    checkpoint = tmp_path / "job.ckpt"
    whole = bench.run(0, 1)
    with pytest.raises(Stopped):
        bench.run(0, 1, checkpoint=checkpoint, stop_after=1)
    resumed = bench.run(0, 1, checkpoint=checkpoint)
    assert np.isfinite(whole.metrics["moved"]).any()
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(resumed, seed)) is None


class Counted:
    """Something that takes long, and how often it was done."""

    times: ClassVar[list[str]] = []

    @classmethod
    def norm(cls, probe: Any, power: int) -> Tensor:
        cls.times.append(probe.name)
        return torch.cat([p.detach().flatten(1) for p in probe.net.parameters()], dim=1).norm(
            p=power, dim=1
        )


def counted_norm(probe: Any, power: int) -> Tensor:
    """A function of a module, as a plugin would write it."""
    return Counted.norm(probe, power)


class First(ProbeMetric):
    """A norm."""

    def measure(self, probe: Any) -> Tensor:
        return probe.once(counted_norm, 2)


class Second(ProbeMetric):
    """The same norm, and another one."""

    def measure(self, probe: Any) -> Tensor:
        return probe.once(counted_norm, 2) + probe.once(counted_norm, 1)


def test_what_metrics_share_is_worked_out_once_a_measurement(make_bench: Any) -> None:
    Counted.times.clear()
    record = make_bench(Plain, metrics=[First, Second], tasks=2).run(0, 1)
    assert Counted.times == ["first", "second"] * 2
    assert record.errors == ()
    # Weights move between tasks, and so does what is shared.
    first = record.metrics["first"]
    assert (first[:, 0] != first[:, 1]).all()


class Losses(ProbeMetric):
    """The mean loss over the test samples, and the accuracy, from what a probe is given."""

    def measure(self, probe: Any) -> Tensor:
        loss, right, count = 0.0, 0.0, 0
        for batch in probe.data("test", "seen"):
            logits = probe.net(batch.x)
            each = probe.losses(logits, batch)
            torch.testing.assert_close(
                batch.mean(each), probe.strategy.cross_entropy(logits, batch)
            )
            assert (each == 0)[~batch.weights].all()
            loss = loss + each.detach().sum(1)
            chosen = probe.predict(batch).argmax(2)
            right = right + ((chosen == batch.y) & batch.weights).sum(1)
            count = count + batch.weights.sum(1)
        return torch.stack([right / count, loss / count], dim=1)


@pytest.mark.parametrize("strategy", [Plain, SoloPlain])
@pytest.mark.parametrize(
    ("setting", "logits"),
    [("task", "all"), ("domain", "all"), ("class", "all"), ("class", "seen"), ("class", "current")],
)
def test_a_probe_has_the_losses_and_predictions_of_the_setting(
    make_bench: Any, strategy: type, setting: str, logits: str
) -> None:
    bench = make_bench(strategy, metrics=[Losses], setting=setting, logits=logits, epochs=2)
    record = bench.run(0, 1)
    assert record.errors == ()
    found = record.metrics["losses"]
    accuracy = np.stack([record.accuracy[:, i, :i].mean(1) for i in range(1, 4)], axis=1)
    np.testing.assert_allclose(found[..., 0], accuracy, atol=1e-6)
    assert np.isfinite(found[..., 1]).all()
    assert (found[..., 1] > 0).all()
