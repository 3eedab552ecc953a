from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench import Undefined
from clbench_plugins.unit_metrics import BiasStatistics


def of(values: Any) -> list[float]:
    return [np.mean(values), np.median(values), np.std(values)]


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_they_are_those_of_numpy(make_bench: Any, look: Any, norm: str) -> None:
    probe = look(make_bench(model={"mlp": {"hidden": [12, 7], "norm": norm}}))
    named = {
        name: value[1].detach().double().numpy()
        for name, value in probe.net.named_parameters().items()
    }
    layers = []
    for k in (1, 2):
        names = [name for name in (f"linear{k}.bias", f"norm{k}.bias") if name in named]
        layers.append(np.concatenate([named[name] for name in names]))
    wanted = [of(np.concatenate(layers)), *map(of, layers)]
    found = BiasStatistics().measure(probe)
    assert list(found.shape) == [2, 3, 3]
    np.testing.assert_allclose(found[1], wanted, rtol=1e-9, atol=1e-12)


def test_a_network_without_biases_has_none(make_bench: Any, look: Any) -> None:
    probe = look(make_bench(), trained=0)
    layers = [layer.__class__(**{**vars(layer), "bias": None}) for layer in probe.net.layers()]
    probe.net.layers = lambda: layers
    assert isinstance(BiasStatistics().measure(probe), Undefined)
