from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clbench_plugins.unit_metrics import DormantUnits
from clbench_plugins.unit_metrics.features import Activity, unit_activity

IMAGES = {"synthetic": {"classes": 6, "size": 24, "train": 300, "test": 60}}


def share(layer: Activity, **options: Any) -> float:
    return float(DormantUnits(**options).are_dormant(layer).double().mean())


def test_the_worked_example() -> None:
    means = torch.tensor([[0.5, 0.1, 0.02, 0.0]], dtype=torch.float64)
    layer = Activity(means, firing=torch.tensor([[0.9, 0.009, 0.01, 0.0]], dtype=torch.float64))
    assert share(layer) == 0.25
    assert share(layer, rule="tau", tau=0.025) == 0.25
    assert share(layer, rule="tau", tau=0.2) == 0.5
    assert share(layer, rule="firing_rate") == 0.5
    assert share(layer, rule="dead") == 0.25


def test_a_layer_that_does_nothing_is_dormant_by_every_rule() -> None:
    nothing = Activity(torch.zeros(1, 3).double(), torch.zeros(1, 3).double())
    for rule in ("mean_activation", "tau", "firing_rate", "dead"):
        assert share(nothing, rule=rule, tau=0.0) == 1.0


@pytest.mark.parametrize(
    ("model", "dataset", "names"),
    [
        ({"mlp": {"hidden": [13, 11]}}, "digits", ["hidden1", "hidden2"]),
        ({"mlp": {"hidden": [5], "activation": "crelu"}}, "digits", ["hidden1"]),
        ("convnet", IMAGES, ["conv1", "conv2", "conv3", "linear4", "linear5"]),
    ],
)
def test_activity_is_over_samples_and_positions(
    make_bench: Any, look: Any, model: Any, dataset: Any, names: list[str]
) -> None:
    probe = look(make_bench(model=model, dataset=dataset))
    found = probe.once(unit_activity, "train", "current", 30)
    (batch,) = probe.data("train", "current", 30)
    _, hidden = probe.net(batch.x, trace=True)
    for name, layer in zip(names, found, strict=True):
        h = hidden[name].detach().double().numpy()
        over = (1, *range(3, h.ndim))
        np.testing.assert_allclose(layer.magnitude, np.abs(h).mean(over), rtol=1e-12)
        np.testing.assert_allclose(layer.firing, (h != 0).mean(over), rtol=1e-12)


def test_rows_that_do_not_count_are_left_out(make_bench: Any, look: Any) -> None:
    probe = look(make_bench())
    (batch,) = probe.data("train", "current", 10_000)
    assert not batch.weights.all()
    _, hidden = probe.net(batch.x, trace=True)
    (first, _) = unit_activity(probe, "train", "current", 10_000)
    for r, count in enumerate(batch.weights.sum(1).tolist()):
        h = hidden["hidden1"][r, :count].detach().double().numpy()
        np.testing.assert_allclose(first.magnitude[r], np.abs(h).mean(0), rtol=1e-12)


def test_layers_count_by_their_units(make_bench: Any, look: Any) -> None:
    probe = look(make_bench(), trained=0)
    with torch.no_grad():
        for name, value in probe.net.named_parameters().items():
            if name.startswith("linear1") or name == "linear2.bias":
                value[0].zero_()
    found = DormantUnits(rule="dead").measure(probe)
    # Of member 0 the first layer is dead, and so, without a bias, is the second; of member 1 none.
    torch.testing.assert_close(found[0], torch.ones(3, dtype=torch.float64))
    with torch.no_grad():
        probe.net.named_parameters()["linear2.bias"][0].fill_(1.0)
    half = DormantUnits(rule="dead").measure(look_again(probe))
    wanted = torch.tensor([13 / 24, 1.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(half[0], wanted)


def look_again(probe: Any) -> Any:
    """At another time: nothing is shared with the measurement before."""
    probe.found.clear()
    return probe
