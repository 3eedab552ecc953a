"""SoftHebb's networks, what they cannot be, and that they learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import errors
from clbench.execution import open_suite
from clbench.stack import forms
from clbench_plugins.softhebb import SoftHebb
from clbench_plugins.softhebb.blocks import HebbianNet
from clbench_plugins.softhebb.presets import MODELS

from .softhebb_kit import CONVOLUTIONS, begun

# ------------------------------------------------------------------ networks


@pytest.mark.parametrize(
    ("name", "shape", "features", "norm"),
    [
        ("softhebb_mnist", (1, 28, 28), 2000, 35.0),
        ("softhebb_cifar1", (3, 32, 32), 24576, 25.0),
        ("softhebb_cifar2", (3, 32, 32), 24576, 25.0),
        ("softhebb_cifar3", (3, 32, 32), 24576, 25.0),
        ("softhebb_stl4", (3, 96, 96), 221184, 25.0),
        ("softhebb_imagenette5", (3, 160, 160), 307200, 25.0),
        ("softhebb_s000", (3, 32, 32), 2560, 25.0),
    ],
)
def test_presets(name: str, shape: Any, features: int, norm: float) -> None:
    """What goes into the head, and the norm of weights at the start."""
    with torch.device("meta"):
        whole = MODELS[name](shape, 10)
    assert isinstance(whole, HebbianNet)
    assert whole.get_submodule("head").in_features == features
    torch.manual_seed(0)
    widening = (
        {} if name in ("softhebb_mnist", "softhebb_cifar1", "softhebb_s000") else {"widening": 1}
    )
    net = MODELS[name](shape, 10, width=32, **widening)
    first = next(iter(net.blocks().values()))
    norms = first.get_submodule(first.product).weight.flatten(1).norm(dim=1)
    assert norms.mean().item() == pytest.approx(norm, rel=0.05)


def test_weights_without_batch_norm_are_positive() -> None:
    net = MODELS["softhebb_mnist"]((1, 28, 28), 10, width=50)
    weight = net.get_submodule("body.block1.linear").weight
    assert 0.0 <= weight.min() < weight.max() <= (3 * 35**2 / 784) ** 0.5


@pytest.mark.parametrize(
    ("options", "protocol", "said"),
    [
        ({}, {"model": "mlp"}, "it trains Hebbian blocks, and the model mlp has none"),
        ({}, {"schedule": "cosine"}, "its head has a schedule of its own"),
        ({"head_schedule": "protocol"}, {"schedule": "cosine"}, None),
    ],
)
def test_a_protocol_that_it_cannot_follow_is_refused_when_a_suite_is_validated(
    options: Any, protocol: Any, said: str | None
) -> None:
    suite = {
        "name": "hebbian",
        "scenarios": [{"split": {"dataset": "digits", "tasks": 2}}],
        "protocol": {"model": "hebbian", **protocol},
        "strategies": [{"softhebb": options}],
        "seeds": 1,
    }
    if said is None:
        open_suite(suite)
        return
    with pytest.raises(errors.SuiteError, match=rf"in 'split': softhebb: {said}"):
        open_suite(suite)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rate": [0.1, 0.1, 0.1]}, "rate has 3 values, and the model has 2 blocks"),
        ({"competition": "hard_ranked", "rank": 6}, "rank is 6, and block1 has 5 units"),
    ],
)
def test_options_that_do_not_fit_the_model_are_refused(
    on_digits: Any, options: Any, said: str
) -> None:
    bench = on_digits(SoftHebb(**options), tasks=1, model={"hebbian": CONVOLUTIONS})
    with pytest.raises(errors.UserError, match=said):
        bench.start(0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"units": [5], "kernel": [4]}, "a kernel of 4 does not fit"),
        ({"units": [5, 5], "kernel": [0, 3], "pool": ["none"]}, "behind a dense block"),
        ({"units": [5], "kernel": [3], "pool": ["max 9/9/0"]}, "leaves nothing of 8x8"),
        ({"units": [5, 5], "kernel": [3, 3, 3]}, "kernel has 3 values, and there are 2 blocks"),
    ],
)
def test_networks_that_cannot_be_are_refused(options: Any, said: str) -> None:
    with pytest.raises(errors.UserError, match=said):
        MODELS["hebbian"](
            (1, 8, 8), 10, **{"temperature": (1.0,), "power": (1.0,), "rate": (0.1,), **options}
        )


def test_gradients_of_a_triangle_are_finite() -> None:
    """Back-propagation through the same network: units below the mean get 0, not NaN."""
    net = MODELS["hebbian"](
        (1, 8, 8), 10, units=(6,), kernel=(3,), temperature=(1.0,), rate=(0.1,), power=(0.7,)
    )
    net(torch.rand(4, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


# ------------------------------------------------------------------ it learns


@pytest.mark.parametrize(
    "options",
    [{"order": "simultaneous"}, {"classifier": "hebbian", "classifier_radius": 3.0}],
    ids=str,
)
def test_it_learns(on_digits: Any, options: Any) -> None:
    bench = on_digits(
        SoftHebb(**options),
        tasks=1,
        scenario="permuted",
        model={"hebbian": {**CONVOLUTIONS, "units": [8, 16], "dropout": 0.0}},
        epochs=2,
        optimizer={"adam": {"lr": 0.01}},
    )
    record = bench.run(0, 1)
    assert np.asarray(record.accuracy)[:, 1, 0].min() > 0.7


@pytest.mark.parametrize("order", ["consecutive", "simultaneous"])
def test_all_members_at_once_take_the_same_step(
    on_digits: Any, monkeypatch: pytest.MonkeyPatch, order: Any
) -> None:
    """As on a GPU, by `vmap`: tried here on the CPU, where members are taken one by one
    otherwise.
    """
    found = []
    for at_once in (False, True):
        bench = on_digits(
            SoftHebb(order=order, competition="soft_ranked", rank=3),
            tasks=1,
            model={"hebbian": {**CONVOLUTIONS, "bias": [True], "pre_triangle": [True]}},
        )
        strategy, batch = begun(bench, 0, 0, 1, 2)
        with monkeypatch.context() as patch:
            if at_once:
                patch.setattr(forms, "_member_by_member", at_once_by_vmap)
            for _ in range(2):
                strategy.observe(batch)
        found.append({**strategy.net.named_parameters(), **strategy.net.named_buffers()})
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-4, atol=1e-5)


def at_once_by_vmap(module: Any, fn: Any, params: Any, buffers: Any, tensors: Any) -> Any:
    def member(values: Any, held: Any, *rest: Tensor) -> Any:
        forms.Binding.of(module).bind(held)
        return fn(values, *rest)

    return torch.func.vmap(member)(dict(params), dict(buffers), *tensors)
