"""Suites whose truth is known, for the simulations of how `clbench` compares.

Runs share their seed's stream, and have noise of their own. Effects are in standard deviations of
the difference of two runs of one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any
Generator = np.random.Generator
Shape = tuple[int, ...]
Judge = Callable[[Sequence[Array]], Array]  # tables [seeds, k] to [k, k]: row shown to be better


@dataclass(frozen=True)
class Noise:
    """What a run has of its own; of standard deviation 1."""

    name: str
    draw: Callable[[Generator, Shape], Array]
    step: float = 0.0  # what scores are rounded to
    unequal: bool = False  # two strategies of five vary 4 times as much, the others 0.3 times


def normal(rng: Generator, shape: Shape) -> Array:
    return rng.normal(size=shape)


def heavy_tailed(rng: Generator, shape: Shape) -> Array:
    return rng.standard_t(3, shape) / np.sqrt(3)


def lognormal(rng: Generator, shape: Shape) -> Array:
    return rng.lognormal(size=shape) / np.sqrt((np.e - 1) * np.e)


def collapsing(rng: Generator, shape: Shape) -> Array:
    """Normal, but one run in ten breaks down by 5 standard deviations."""
    return (rng.normal(size=shape) - 5 * (rng.random(shape) < 0.1)) / np.sqrt(1 + 25 * 0.09)


NOISES = (
    Noise("normal", normal),
    Noise("t, 3 df", heavy_tailed),
    Noise("lognormal", lognormal),
    Noise("steps of half an sd", normal, step=0.5),
    Noise("10 % collapse", collapsing),
    Noise("unequal spread", normal, unequal=True),
)


@dataclass(frozen=True)
class Truth:
    """Who is better by how much."""

    name: str
    effects: Callable[[int], Array]


def one_better(effect: float) -> Callable[[int], Array]:
    return lambda strategies: np.eye(strategies)[-1] * effect


def two_groups(strategies: int) -> Array:
    return np.where(np.arange(strategies) < strategies // 2, 0.0, 3.0)


NOTHING = Truth("nothing differs", np.zeros)
PARTIAL = (Truth("one differs by 2 sd", one_better(2.0)), Truth("two groups, 3 sd", two_groups))


def suite(
    rng: Generator, noise: Noise, effects: Array, seeds: int, scenarios: int = 1
) -> list[Array]:
    """The tables of one suite. An effect is in the spread of the first strategy that has it."""
    strategies = len(effects)
    spread = np.ones(strategies)
    if noise.unequal:
        spread = np.where(np.arange(strategies) < strategies / 2.5, 4.0, 0.3)
    # Strategies of one effect are equal, whatever their own spread.
    _, firsts, effect_of = np.unique(effects, return_index=True, return_inverse=True)
    means = effects * spread[firsts][effect_of]
    tables = []
    for _ in range(scenarios):
        streams = rng.normal(size=(seeds, 1))
        # Of two runs the noises add up to a standard deviation of 1.
        runs = noise.draw(rng, (seeds, strategies)) / np.sqrt(2)
        table = streams + means + spread * runs
        tables.append(np.round(table / noise.step) * noise.step if noise.step else table)
    return tables


def suites(noise: Noise, effects: Array, seeds: int, scenarios: int = 1) -> Iterator[list[Array]]:
    """Suites without end, the same ones for every judge."""
    rng = np.random.default_rng([seeds, len(effects), scenarios])
    while True:
        yield suite(rng, noise, effects, seeds, scenarios)


@dataclass(frozen=True)
class Rates:
    """How often something equal, or worse, is called better; and how often a true pair is found."""

    false: float
    found: float


def rates(judge: Judge, drawn: Iterator[list[Array]], effects: Array, number: int) -> Rates:
    ahead = effects[:, None] > effects
    false = found = 0.0
    for _ in range(number):
        shown = judge(next(drawn))
        false += bool((shown & ~ahead).any())
        found += float(shown[ahead].mean()) if ahead.any() else 0.0
    return Rates(false / number, found / number)


def error_of(suites: int, rate: float = 0.05) -> str:
    return f"simulation error ±{100 * np.sqrt(rate * (1 - rate) / suites):.1f}"
