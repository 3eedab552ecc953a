"""Whole trajectories of continual back-propagation against one network written from its rules."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from clbench_plugins.cbp import CBP

from .cbp_by_hand import ByHand
from .cbp_kit import DENSE, started, take_step


def module_of(strategy: Any, row: int) -> nn.Module:
    """A plain network with the weights of one member."""
    net = strategy.net
    module = copy.deepcopy(net.module)
    own = {name: value[row].detach().clone() for name, value in net.named_parameters().items()}
    own |= {name: value[row].clone() for name, value in net.named_buffers().items()}
    module.load_state_dict(own)
    return module


def assert_follows(
    strategy: Any, loop: Any, references: list[ByHand], steps: int, tolerance: float
) -> int:
    """Step by step the stack is where each network is by hand; how many units were replaced."""
    replaced = 0
    named = strategy.net.named_parameters()
    for step in range(steps):
        batch = take_step(strategy, loop, step)
        for row, reference in enumerate(references):
            chosen = reference.step(batch.x[row], batch.y[row])
            new = (strategy.born[row] == step + 1).split([len(u) for u in reference.u.values()])
            by_stack = {
                name: units.nonzero().flatten().tolist()
                for name, units in zip(reference.u, new, strict=True)
            }
            assert by_stack == chosen, f"step {step}, member {row}"
            replaced += sum(map(len, chosen.values()))
            reference.replace(chosen, {name: value[row] for name, value in named.items()})
            for name, value in reference.named.items():
                torch.testing.assert_close(
                    named[name][row].detach(), value.detach(), rtol=tolerance, atol=tolerance
                )
            for name, value in reference.net.named_buffers():
                torch.testing.assert_close(
                    strategy.net.named_buffers()[name][row], value, rtol=tolerance, atol=tolerance
                )
    return replaced


UTILITIES = [
    "contribution",
    "zero_contribution",
    "adaptable_contribution",
    "weight",
    "adaptation",
    "accumulated_contribution",
]


def compare(model: Any, optimizer: str, steps: int, tolerance: float, **options: Any) -> int:
    """Three members of a stack against three networks by hand."""
    lr = 0.01 if optimizer == "adam" else 0.05
    chosen = {"adam": {"adam": {"lr": lr}}, "sgd": {"sgd": {"lr": lr, "momentum": 0.9}}}[optimizer]
    settings = {"decay": 0.9, "utility": "adaptable_contribution", **options}
    strategy, loop = started(CBP(**settings), 0, 1, 2, model=model, optimizer=chosen)
    references = [ByHand(module_of(strategy, row), optimizer, lr, **settings) for row in range(3)]
    return assert_follows(strategy, loop, references, steps, tolerance)


@pytest.mark.parametrize("utility", UTILITIES)
def test_dense_layers_follow_the_rules(utility: str) -> None:
    options = {"replacement_rate": 0.02, "maturity": 6, "utility": utility}
    assert compare(DENSE, "sgd", 50, 1e-6, **options) > 30


@pytest.mark.parametrize("decay", [0.0, 0.99])
def test_dense_layers_follow_the_rules_with_adam(decay: float) -> None:
    options = {"replacement_rate": 0.02, "maturity": 6, "decay": decay}
    assert compare(DENSE, "adam", 50, 1e-5, **options) > 30


@pytest.mark.parametrize("utility", UTILITIES)
def test_convolutions_and_the_block_before_a_dense_layer_follow_the_rules(utility: str) -> None:
    options = {"replacement_rate": 0.02, "maturity": 6, "utility": utility}
    assert compare("convolutions", "sgd", 50, 1e-5, **options) > 30


def test_the_published_convolutional_code_follows_its_rules() -> None:
    options = {
        "replacement_rate": 0.02,
        "maturity": 6,
        "utility": "contribution",
        "initial": "default",
        "bias_correction": "none",
        "count_all": True,
    }
    assert compare("convolutions", "adam", 50, 1e-5, **options) > 30


def test_momentum_that_stays_follows_the_published_code() -> None:
    options = {"replacement_rate": 0.02, "maturity": 6, "reset_optimizer": False}
    assert compare(DENSE, "sgd", 50, 1e-5, **options) > 30


def test_units_that_feed_both_halves_of_crelu_follow_the_rules() -> None:
    model = {"mlp": {"hidden": [10, 8], "activation": "crelu"}}
    assert compare(model, "sgd", 50, 1e-5, replacement_rate=0.02, maturity=6) > 30


def test_residual_networks_follow_the_rules() -> None:
    options = {
        "replacement_rate": 0.01,
        "maturity": 2,
        "utility": "accumulated_contribution",
        "initial": "kaiming_normal",
    }
    model = {"reduced_resnet18": {"width": 8}}
    assert compare(model, "sgd", 7, 1e-3, **options) > 10
