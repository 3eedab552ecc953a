"""The optimisers and schedules a protocol may name, with their options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from clbench.errors import UnknownName, shown
from clbench.optimizers import OPTIMIZERS, Rate
from clbench.options import Configurable, plain_options
from clbench.suite.checks import Checks

Fraction = Annotated[float, Field(gt=0, lt=1)]


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    if not values or list(values) != sorted(set(values)):
        raise ValueError(f"must rise, as [0.5, 0.75] does, unlike {list(values)}")
    return values


class Milestones(Configurable):
    """A rate that falls in steps."""

    at: Annotated[tuple[Fraction, ...], AfterValidator(_rising)] = (
        0.5,
        0.75,
    )  # fractions of the task
    factor: Rate = 0.1  # what the rate is multiplied by at each


SCHEDULES: dict[str, type[Configurable]] = {"milestones": Milestones}


def optimizer_options(name: str, options: Mapping[str, Any], checks: Checks) -> dict[str, Any]:
    """An optimiser's options, filled in; those of `torch.<Name>` are torch's to check."""
    if re.fullmatch(r"torch\.[A-Z]\w*", name):
        checks.optimizer(name.removeprefix("torch."), options)
        return dict(options)
    if name not in OPTIMIZERS:
        raise UnknownName(
            "optimizer", name, OPTIMIZERS, " (any other of torch is written torch.<Name>)"
        )
    declared = OPTIMIZERS[name]
    plain = plain_options(declared, options)
    declared(**plain)  # options that do not go together are refused
    return plain


def schedule_form(value: Any) -> Any:
    """`none`, `cosine` or `{milestones: options}`."""
    if value is None or value in ("none", "cosine"):
        return value or "none"
    if value == "milestones":
        return {"milestones": {}}
    if (
        isinstance(value, Mapping)
        and set(value) == {"milestones"}
        and isinstance(value["milestones"] or {}, Mapping)
    ):
        return {"milestones": dict(value["milestones"] or {})}
    raise ValueError(
        f"must be none, cosine or {{milestones: {{at: [0.5, 0.75], factor: 0.1}}}}, not {shown(value)}"
    )
