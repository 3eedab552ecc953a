"""How often does a comparison call equal strategies different, and how often does it find what
differs?

    python benchmarks/comparison_power.py                       # pairs on one scenario; some minutes
    python benchmarks/comparison_power.py --tables power --suites 200 --seeds 5,8 --strategies 5
    python benchmarks/comparison_power.py --through pipeline    # by clbench.compare itself

Made-up suites: runs share their seed's stream, and have noise of their own. Effects are in standard
deviations of the difference of two runs of one seed. `today` is the exact signed-rank test with
Holm's correction, `by design` what `clbench.stats.findings` chooses. Every table says its
simulation error.

false      suites in which two equal strategies are called different (or the worse one better), in %
power      chance to find the pair that differs, in %, where one strategy is better than all others
scenarios  the same over three scenarios, by the two questions there are
intervals  coverage and width of 95 % intervals
looks      looking after each added seed: the always-valid p, and declared looks
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from clbench.stats.corrections import adjust
from clbench.stats.families import all_pairs
from clbench.stats.findings import Plan, within_scenarios
from clbench.stats.paired import signed_rank

Array = Any
Judge = Callable[
    [Sequence[Array]], Array
]  # tables [seeds, k] to [k, k]: is the row's shown better?
ALPHA = 0.05


# ---------------------------------------------------------------------- suites


@dataclass(frozen=True)
class Noise:
    """What a run has of its own: of standard deviation 1 / sqrt(2), so that differences have 1."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]
    step: float = 0.0  # what scores are rounded to
    unequal: bool = False  # the first two strategies vary 4 times as much, the others 0.3 times


def lognormal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.lognormal(size=shape) / np.sqrt((np.e - 1) * np.e)


def collapsing(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """One run in ten breaks down by 5 standard deviations."""
    return (rng.normal(size=shape) - 5 * (rng.random(shape) < 0.1)) / np.sqrt(1 + 25 * 0.09)


NOISES = (
    Noise("normal", lambda rng, shape: rng.normal(size=shape)),
    Noise("t, 3 df", lambda rng, shape: rng.standard_t(3, shape) / np.sqrt(3)),
    Noise("lognormal", lognormal),
    Noise("steps of half an sd", lambda rng, shape: rng.normal(size=shape), step=0.5),
    Noise("10 % collapse", collapsing),
    Noise("unequal spread", lambda rng, shape: rng.normal(size=shape), unequal=True),
)


@dataclass(frozen=True)
class Truth:
    """Who is better by how much, in standard deviations of a difference."""

    name: str
    effects: Callable[[int], Array]


def one_better(effect: float) -> Callable[[int], Array]:
    return lambda strategies: np.eye(strategies)[-1] * effect


def two_groups(strategies: int) -> Array:
    return np.where(np.arange(strategies) < strategies // 2, 0.0, 3.0)


NOTHING = Truth("nothing differs", np.zeros)
PARTIAL = (Truth("one differs by 2 sd", one_better(2.0)), Truth("two groups, 3 sd", two_groups))


def suite(
    rng: np.random.Generator, noise: Noise, effects: Array, seeds: int, scenarios: int = 1
) -> list[Array]:
    """Tables of one suite. An effect is in the spread of the strategy that has it."""
    spread = np.ones(len(effects))
    if noise.unequal:
        spread = np.where(np.arange(len(effects)) < len(effects) / 2.5, 4.0, 0.3)
    tables = []
    for _ in range(scenarios):
        streams = rng.normal(size=(seeds, 1))
        runs = noise.draw(rng, (seeds, len(effects))) / np.sqrt(2)
        table = streams + spread * (effects + runs)
        tables.append(np.round(table / noise.step) * noise.step if noise.step else table)
    return tables


# ---------------------------------------------------------------------- judges


def today(tables: Sequence[Array]) -> Array:
    """The exact signed-rank test of every pair of every scenario, by Holm; of the first
    scenario.
    """
    pairs = all_pairs(tables[0].shape[1])
    tested = [signed_rank(table[:, i], table[:, j]) for table in tables for i, j in pairs]
    adjusted = adjust(np.array([one.p for one in tested]), "holm")
    shown = np.zeros((tables[0].shape[1],) * 2, dtype=bool)
    for (i, j), one, p in zip(pairs, tested, adjusted, strict=False):
        shown[i, j] = p <= ALPHA and one.better > 0
        shown[j, i] = p <= ALPHA and one.better < 0
    return shown


def by_design(tables: Sequence[Array]) -> Array:
    """The tests that `findings` chooses, with fewer permutations than it would take."""
    plan = Plan(ALPHA, omnibus_draws=1_999, closed_draws=999)
    return within_scenarios(tables, plan)[0].better(tables[0].shape[1], ALPHA)


# ---------------------------------------------------------------------- counting


@dataclass(frozen=True)
class Counted:
    """How often something equal, or worse, is called better; and how often a true pair is found."""

    false: float
    found: float


def count(judge: Judge, suites: Iterator[list[Array]], effects: Array, number: int) -> Counted:
    ahead = effects[:, None] > effects
    wrong = ~ahead
    false = found = 0.0
    for _ in range(number):
        shown = judge(next(suites))
        false += bool((shown & wrong).any())
        found += float(shown[ahead].mean()) if ahead.any() else 0.0
    return Counted(false / number, found / number)


def suites_of(
    noise: Noise, effects: Array, seeds: int, scenarios: int = 1
) -> Iterator[list[Array]]:
    rng = np.random.default_rng([seeds, len(effects), 2026])
    while True:
        yield suite(rng, noise, effects, seeds, scenarios)


# ---------------------------------------------------------------------- tables


@dataclass(frozen=True)
class Sizes:
    """How much is simulated."""

    suites: int
    seeds: tuple[int, ...]
    strategies: tuple[int, ...]
    noises: tuple[Noise, ...]


def error_of(suites: int, rate: float = ALPHA) -> str:
    return f"simulation error ±{100 * np.sqrt(rate * (1 - rate) / suites):.1f}"


def table_of(title: str, first: Sequence[str], seeds: Sequence[int]) -> Table:
    table = Table(title=title)
    for header in first:
        table.add_column(header)
    for size in seeds:
        table.add_column(f"n = {size}", justify="right")
    return table


def false_table(judges: dict[str, Judge], sizes: Sizes) -> Table:
    table = table_of(
        f"Suites of {sizes.suites} with a false difference, in % ({error_of(sizes.suites)})",
        ("k", "truth", "noise", "judge"),
        sizes.seeds,
    )
    for strategies in sizes.strategies:
        truths = (NOTHING, *PARTIAL) if strategies > 2 else (NOTHING,)
        for truth in truths:
            effects = truth.effects(strategies)
            for noise in sizes.noises:
                for name, judge in judges.items():
                    rates = [
                        count(judge, suites_of(noise, effects, size), effects, sizes.suites).false
                        for size in sizes.seeds
                    ]
                    shown = [f"{100 * rate:.1f}" for rate in rates]
                    table.add_row(str(strategies), truth.name, noise.name, name, *shown)
    return table


def power_table(judges: dict[str, Judge], sizes: Sizes) -> Table:
    table = table_of(
        f"True differences found, in % of {sizes.suites} suites ({error_of(sizes.suites, 0.5)})",
        ("k", "one is better by", "noise", "judge"),
        sizes.seeds,
    )
    for strategies in sizes.strategies:
        for effect in (0.5, 1.0, 2.0):
            effects = one_better(effect)(strategies)
            for noise in sizes.noises:
                for name, judge in judges.items():
                    rates = [
                        count(judge, suites_of(noise, effects, size), effects, sizes.suites).found
                        for size in sizes.seeds
                    ]
                    shown = [f"{100 * rate:.0f}" for rate in rates]
                    table.add_row(str(strategies), f"{effect:g} sd", noise.name, name, *shown)
    return table


JUDGES: dict[str, Judge] = {"today": today, "by design": by_design}
TABLES = {"false": false_table, "power": power_table}


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--suites", type=int, default=1000, help="for each number")
    parser.add_argument("--seeds", type=numbers, default=(3, 5, 6, 8, 10, 20))
    parser.add_argument("--strategies", type=numbers, default=(2, 3, 5, 10))
    parser.add_argument("--noises", default="", help="words of their names; all unless given")
    parser.add_argument("--judges", default=",".join(JUDGES))
    given = parser.parse_args()
    judges = {name: JUDGES[name] for name in given.judges.split(",")}
    noises = tuple(noise for noise in NOISES if given.noises in noise.name)
    sizes = Sizes(given.suites, given.seeds, given.strategies, noises)
    console = Console(width=150)
    for name in given.tables.split(","):
        console.print(TABLES[name](judges, sizes))


if __name__ == "__main__":
    main()
