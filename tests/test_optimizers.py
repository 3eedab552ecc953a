"""Optimisers as a protocol names them."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.errors import OptionError
from clbench.optimizers import OPTIMIZERS, Adam, Adamw, Sgd, defaults_in_words


def test_each_has_the_defaults_of_the_literature() -> None:
    assert Sgd().options == {"lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    assert Adam().options["betas"] == (0.9, 0.999)
    assert Adam().weight_decay == 0.0
    # Loshchilov and Hutter's code, and torch's.
    assert Adamw().weight_decay == 0.01


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sgd", {"lr": 0.0}),
        ("sgd", {"lr": float("inf")}),
        ("sgd", {"momentum": 1.0}),
        ("sgd", {"weight_decay": -0.1}),
        ("adam", {"betas": (0.9, 1.0)}),
        ("adam", {"betas": (0.9,)}),
        ("adamw", {"eps": 0.0}),
        ("adamw", {"momentum": 0.9}),
    ],
)
def test_what_no_step_can_be_made_with_is_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        OPTIMIZERS[name](**options)


def test_a_look_ahead_needs_a_momentum() -> None:
    assert Sgd(momentum=0.9, nesterov=True).nesterov
    with pytest.raises(OptionError) as caught:
        Sgd(nesterov=True)
    assert caught.value.issues == (
        (("nesterov",), "Nesterov's look-ahead needs a momentum above 0"),
    )


def test_defaults_are_told_as_a_suite_would_write_them() -> None:
    told = defaults_in_words()
    assert told.startswith("sgd (lr 0.1, momentum 0, nesterov false, weight_decay 0), adam (")
    assert "betas [0.9, 0.999], eps 1e-08" in told
