"""The schedules of the learning rate that a protocol names: declared here and nowhere else.

Suites check and describe them by these classes, the engine asks them for the rate of a step.
A schedule without options is written as a word, one with options as `{name: options}`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from clbench.errors import shown
from clbench.optimizers import Rate
from clbench.options import Configurable

Fraction = Annotated[float, Field(gt=0, lt=1)]


def _rising(values: tuple[float, ...]) -> tuple[float, ...]:
    # Equal ones would be dropped by the set, so they are refused.
    if not values or list(values) != sorted(set(values)):
        raise ValueError(f"must rise, as [0.5, 0.75] does, unlike {list(values)}")
    return values


class Schedule(Configurable):
    """What the rate is multiplied with in the course of a task."""

    @staticmethod
    def multiplier(progress: float, **options: Any) -> float:
        """The factor at `progress` (0..1) into the task, with these options filled in."""
        raise NotImplementedError


class Cosine(Schedule):
    """A rate that falls to zero along half a cosine (Loshchilov and Hutter, 2017)."""

    @staticmethod
    def multiplier(progress: float, **options: Any) -> float:
        """From 1 to 0."""
        return 0.5 * (1.0 + math.cos(math.pi * progress))


class Milestones(Schedule):
    """A rate that falls in steps."""

    # fractions of the task
    at: Annotated[tuple[Fraction, ...], AfterValidator(_rising)] = (0.5, 0.75)
    factor: Rate = 0.1  # what the rate is multiplied by at each

    @staticmethod
    def multiplier(progress: float, **options: Any) -> float:
        """One factor for each milestone that is reached."""
        passed = sum(progress >= milestone for milestone in options["at"])
        return float(options["factor"] ** passed)


SCHEDULES: dict[str, type[Schedule]] = {"cosine": Cosine, "milestones": Milestones}
# The rate stays as it is.
NO_SCHEDULE = "none"
WORDS = (NO_SCHEDULE, *(name for name, kind in SCHEDULES.items() if not kind().options))
WITH_OPTIONS = {name: kind for name, kind in SCHEDULES.items() if name not in WORDS}


def schedule_form(value: Any) -> Any:
    """`none`, `cosine` or `{milestones: options}`."""
    if value is None:
        return NO_SCHEDULE
    if isinstance(value, str):
        if value in WORDS:
            return value
        if value in WITH_OPTIONS:
            return {value: {}}
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, options),) = value.items()
        if name in WITH_OPTIONS and isinstance(options or {}, Mapping):
            return {name: dict(options or {})}
    raise ValueError(
        "must be none, cosine or {milestones: {at: [0.5, 0.75], factor: 0.1}}, "
        f"not {shown(value)}"
    )


def schedule_factor(written: str | Mapping[str, Mapping[str, Any]], progress: float) -> float:
    """What the rate is multiplied with, `progress` (0..1) into a task of this resolved schedule."""
    if isinstance(written, str):
        return SCHEDULES[written].multiplier(progress)
    ((name, options),) = written.items()
    return SCHEDULES[name].multiplier(progress, **options)
