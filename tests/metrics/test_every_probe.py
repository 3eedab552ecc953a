"""What holds for every probe of units, features, weights and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench import ProbeMetric, SoloStrategy
from clbench.host import Host
from clbench.testing.bench import first_difference, rows
from clbench_plugins import unit_metrics

# Numbers of live networks; maps are no number, and the rest is computed from records.
PROBES = [
    kind
    for kind in unit_metrics.clbench_metrics()
    if issubclass(kind, ProbeMetric) and kind.summary != "none"
]
NETWORKS = {
    "normalised": {"mlp": {"hidden": [9, 7], "norm": "batch", "dropout": 0.3}},
    "crelu": {"mlp": {"hidden": [9], "activation": "crelu"}},
    "convnet": "convnet",
    "resnet": {"reduced_resnet18": {"width": 8}},
}
COLOURS = {"synthetic": {"classes": 4, "size": 24, "channels": 3, "train": 120, "test": 40}}


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""


def measured(make_bench: Any, *seeds: int, strategy: Any = "naive", **given: Any) -> Any:
    """A run with every probe."""
    metrics = [kind(samples=20) if hasattr(kind, "samples") else kind() for kind in PROBES]
    protocol = {"tasks": 2, "batch_size": 40, "optimizer": {"sgd": {"lr": 0.01}}}
    return make_bench(strategy, metrics=metrics, **{**protocol, **given}).run(*seeds)


@pytest.mark.parametrize("network", NETWORKS)
def test_it_measures_every_network_alone_as_in_a_stack(make_bench: Any, network: str) -> None:
    given = {"dataset": COLOURS, "model": NETWORKS[network]}
    stacked, alone = measured(make_bench, 3, 5, **given), measured(make_bench, 5, **given)
    assert stacked.errors == ()
    assert len(stacked.metrics) == len(PROBES)
    assert all(
        np.isfinite(values[:, -1].reshape(2, -1)[:, 0]).all() for values in stacked.metrics.values()
    )
    assert first_difference(rows(stacked, 5), rows(alone, 5)) is None


def test_solo_strategies_have_the_same_values(make_bench: Any) -> None:
    solo, stacked = (measured(make_bench, 3, 5, strategy=which) for which in (SoloPlain, "naive"))
    assert solo.errors == ()
    for name, values in stacked.metrics.items():
        np.testing.assert_allclose(solo.metrics[name], values, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("kind", PROBES, ids=lambda kind: kind.__name__)
def test_a_member_that_diverged_has_no_value_and_the_others_theirs(
    make_bench: Any, look: Any, kind: Any
) -> None:
    if kind.__name__ == "ActivationSparsity":
        pytest.skip("a share of zeros among numbers that are none")
    probe = look(make_bench(), trained=2)
    metric = kind()
    probe.memory["0"] = torch.ones(2, 100, 11)
    sound = metric.measure(probe)
    with torch.no_grad():
        for value in probe.net.parameters():
            value[0] = torch.nan
    probe.found.clear()
    broken = metric.measure(probe)
    assert broken[0].reshape(-1)[0].isnan()
    if kind.__name__ != "RelativeUpdate":  # which has moved on
        torch.testing.assert_close(broken[1], sound[1], equal_nan=True)


def test_they_are_offered() -> None:
    host = Host.load()
    assert {host.get("metric", name) for name in ("ece", "cka", "srank99", "dormant_units")} <= {
        *PROBES
    }
