"""Do the intervals cover what they say, and do the tests raise no more false alarms than they may?

    python benchmarks/inference.py            # a few minutes; --quick for a tenth of it

Coverage: how often a 95 % interval holds the true mean, for runs of several shapes, and how wide it
is; the one that is shown is marked. Its rows for differences are those of two strategies with runs
of like shape, paired by seed. False alarms: synthetic suites in which no strategy differs from
another go through the whole of `clbench.compare`; counted are suites in which it calls any pair
different. Wanted: at most alpha. The last digits of both move by the error of simulation, which is
printed beside them.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from clbench.host import Host
from clbench.records import CellRecord, RecordFile, Results, validated
from clbench.report.comparison import Comparison, compare
from clbench.report.contest import LIKE_THESE, THESE, Pair, differs
from clbench.stats.intervals import (
    bca,
    expanded,
    hierarchical_means,
    interquartile_interval,
    over_scenarios,
    percentile,
    student,
    studentised,
    welch,
)

Array = Any
ALPHA = 0.05
SIZES = (3, 5, 10, 30)
SHOWN = ("Student t", "Student t of a difference")


@dataclass(frozen=True)
class Shape:
    """A distribution of runs, the skewness it has, its mean, and its interquartile mean."""

    name: str
    skewness: float
    draw: Callable[[np.random.Generator, Any], Array]

    def truth(self) -> tuple[float, float, float]:
        """The mean, the mean between the quartiles, and the deviation of very many draws."""
        many = np.sort(self.draw(np.random.default_rng(12345), 2_000_000))
        middle = many[len(many) // 4 : -len(many) // 4]
        return float(many.mean()), float(middle.mean()), float(many.std())


def collapsing(rng: np.random.Generator, size: Any) -> Array:
    """Normal runs, of which one in ten breaks down."""
    return rng.normal(size=size) - 5 * (rng.uniform(size=size) < 0.1)


SHAPES = (
    Shape("normal", 0.0, lambda rng, size: rng.normal(size=size)),
    Shape("uniform", 0.0, lambda rng, size: rng.uniform(size=size)),
    Shape("gamma(4)", 1.0, lambda rng, size: rng.gamma(4.0, size=size)),
    Shape("beta(20, 2), accuracies near 1", -1.0, lambda rng, size: rng.beta(20, 2, size=size)),
    Shape("lognormal(0.5)", 1.75, lambda rng, size: rng.lognormal(0.0, 0.5, size=size)),
    Shape("exponential", 2.0, lambda rng, size: rng.exponential(size=size)),
    Shape("t with 3 degrees of freedom", 0.0, lambda rng, size: rng.standard_t(3, size=size)),
    Shape("10 % collapse by 5 sd", -1.5, lambda rng, size: collapsing(rng, size)),
    Shape("lognormal(1)", 6.18, lambda rng, size: rng.lognormal(0.0, 1.0, size=size)),
)


# ---------------------------------------------------------------------- coverage


def covered(low: Array, high: Array, truth: float) -> float:
    return float(np.mean((np.asarray(low) <= truth) & (truth <= np.asarray(high))))


@dataclass(frozen=True)
class Held:
    """How often an interval holds the truth, and how wide it is in the middle of all cases."""

    rate: float
    width: float  # in deviations of a run

    def __str__(self) -> str:
        return f"{100 * self.rate:.1f} ({self.width:.2f})"


def coverages(
    shape: Shape, size: int, repetitions: int, rng: np.random.Generator
) -> dict[str, Held]:
    """How often each interval holds what it is meant to hold, and its width.

    Bootstraps are slow, and tried on a quarter of the repetitions.
    """
    mean, middle, deviation = shape.truth()

    def held(low: Any, high: Any, truth: float) -> Held:
        width = float(np.median(np.asarray(high) - np.asarray(low)))
        return Held(covered(low, high, truth), width / deviation)

    draws = shape.draw(rng, (size, repetitions))
    few = draws[:, : repetitions // 4].T
    others = shape.draw(rng, (size, repetitions)).T
    found = {
        SHOWN[0]: held(*student(draws), mean),
        SHOWN[1]: held(*student(draws - others.T), 0.0),
    }
    for name, bootstrap in (
        ("percentile bootstrap", percentile),
        ("BCa bootstrap", bca),
        ("studentised bootstrap", studentised),
    ):
        ends = [bootstrap(values, rng, resamples=1000) for values in few]
        found[name] = held(*zip(*ends, strict=True), mean)
    apart = [welch(a, b) for a, b in zip(few, others[: len(few)], strict=True)]
    found["Welch t of a difference"] = held(
        [one.low for one in apart], [one.high for one in apart], 0.0
    )
    inner = [interquartile_interval([values], rng, resamples=1000) for values in few]
    found["IQM, stratified bootstrap"] = held(
        [one.low for one in inner], [one.high for one in inner], middle
    )
    return found


def coverage_table(repetitions: int, sizes: Iterable[int]) -> Table:
    sizes = list(sizes)
    table = Table(
        title=f"Coverage of 95 % intervals in %, {repetitions} repetitions (* is shown); in"
        " brackets their median width in standard deviations of a run"
    )
    for header in ("runs are", "skewness", "interval", *(f"n = {size}" for size in sizes)):
        table.add_column(header, justify="left" if header in ("runs are", "interval") else "right")
    for shape in SHAPES:
        by_size = {
            size: coverages(shape, size, repetitions, np.random.default_rng(size)) for size in sizes
        }
        for place, name in enumerate(by_size[max(sizes)]):
            cells = [f"{by_size[size][name]}{'*' if name in SHOWN else ' '}" for size in sizes]
            table.add_row(
                shape.name if place == 0 else "",
                f"{shape.skewness:g}" if place == 0 else "",
                name,
                *cells,
            )
        table.add_section()
    return table


def hierarchical_table(repetitions: int) -> Table:
    """A difference over scenarios, of which those at hand are a sample.

    Effects vary between scenarios and between seeds.
    """
    table = Table(
        title=f"Coverage over scenarios in %, 10 seeds a scenario, {repetitions} repetitions"
    )
    for header in (
        "scenarios",
        "hierarchical bootstrap, plain percentiles",
        "hierarchical bootstrap, expanded",
        "shown",
    ):
        table.add_column(header, justify="right")
    for scenarios in (3, 5, 10, 20):
        rng = np.random.default_rng(scenarios)
        plain, wider, shown = [], [], []
        for _ in range(repetitions):
            strata = [rng.normal(rng.normal(0, 1), 1, size=(10, 1)) for _ in range(scenarios)]
            means = hierarchical_means(strata, rng, resamples=500)
            plain.append(np.quantile(means[:, 0], [0.025, 0.975]))
            wider.append([float(end[0]) for end in expanded(means, scenarios)])
            measured = np.array([runs.mean(axis=0) for runs in strata])
            shown.append([float(end[0]) for end in over_scenarios(measured, means)])
        rates = [100 * covered(*np.array(ends).T, 0.0) for ends in (plain, wider, shown)]
        table.add_row(str(scenarios), *(f"{rate:.1f}" for rate in rates))
    return table


# ---------------------------------------------------------------------- false alarms


@dataclass(frozen=True)
class Null:
    """A kind of suite in which nothing differs."""

    name: str
    strategies: int
    seeds: int
    scenarios: int = 1
    decimals: int = 6  # few make ties
    failing: float = 0.0  # the chance of a run to diverge
    options: tuple[tuple[str, Any], ...] = ()

    def cells(self, rng: np.random.Generator) -> Iterable[CellRecord]:
        for scenario in range(self.scenarios):
            streams = rng.normal(0, 0.05, self.seeds)  # what a seed's stream does to every strategy
            for strategy in range(self.strategies):
                values = np.clip(0.6 + streams + rng.gumbel(0, 0.03, self.seeds), 0, 1).round(
                    self.decimals
                )
                status = np.where(
                    rng.uniform(size=self.seeds) < self.failing, "diverged", "done"
                ).astype(object)
                accuracy = np.broadcast_to(values[:, None, None], (self.seeds, 2, 1))
                name, key = f"m{strategy}", f"{scenario}-{strategy}"
                yield validated(
                    CellRecord(
                        key,
                        f"s{scenario}",
                        name,
                        name,
                        np.arange(self.seeds),
                        accuracy,
                        member_status=status,
                    )
                )


RANKS, UNPAIRED = (("tests", "ranks"),), (("unpaired", True),)
NULLS = (
    Null("2 strategies, 6 seeds", 2, 6),
    Null("5 strategies, 5 seeds", 5, 5),
    Null("5 strategies, 5 seeds, against a baseline", 5, 5, options=(("baseline", "m0"),)),
    Null("10 strategies, 5 seeds", 10, 5),
    Null("5 strategies, 10 seeds", 5, 10),
    Null("5 strategies, 10 seeds, many ties", 5, 10, decimals=1),
    Null("5 strategies, 10 seeds, 20 % diverge", 5, 10, failing=0.2),
    Null("4 strategies, 5 seeds, 3 scenarios", 4, 5, 3),
    Null("4 strategies, 5 seeds, 12 scenarios", 4, 5, 12),
    Null("2 strategies, 5 seeds, 8 scenarios", 2, 5, 8),
    Null("5 strategies, 10 seeds, ranks", 5, 10, options=RANKS),
    Null("5 strategies, 10 seeds, Benjamini-Hochberg", 5, 10, options=(("correction", "fdr_bh"),)),
    Null("5 strategies, 10 seeds, unpaired", 5, 10, options=UNPAIRED),
    Null("4 strategies, 5 seeds, 12 scenarios, ranks", 4, 5, 12, options=RANKS),
)


def alarms(found: Comparison) -> tuple[bool, bool, bool, bool]:
    """Whether something is said to differ.

    By a pair on a scenario, on these scenarios together, on scenarios like these, or by the test of
    all strategies of the first scenario.
    """
    shown = dict.fromkeys(("", THESE, LIKE_THESE), False)
    for rows in (found.pairs, *_over_scenarios(found)):
        for pair in rows:
            shown[pair.question] |= differs(pair, found.alpha)
    alike = not found.omnibus or found.omnibus[0].p > found.alpha
    return shown[""], shown[THESE], shown[LIKE_THESE], not alike


def _over_scenarios(found: Comparison) -> Iterable[Iterable[Pair]]:
    return [one.pairs for one in (found.overall, found.like_these) if one is not None]


def alarm_table(suites: int) -> Table:
    error = 100 * float(np.sqrt(ALPHA * (1 - ALPHA) / suites))
    table = Table(
        title=f"Suites of {suites} in which nothing differs that raise an alarm, in %,"
        f" alpha = 5 % (simulation error ±{error:.1f})"
    )
    headers = ("suite", "any pair", "on these scenarios", "on scenarios like these", "all alike")
    for header in headers:
        table.add_column(header, justify="left" if header == "suite" else "right")
    host = Host.load()
    for null in NULLS:
        rng = np.random.default_rng(2006)
        counts = np.zeros(4)
        for _ in range(suites):
            results = Results(RecordFile(1, "null", "", {}, list(null.cells(rng))), host)
            counts += alarms(compare(results, alpha=ALPHA, **dict(null.options)))
        rates = [f"{100 * count / suites:.1f}" for count in counts]
        if null.scenarios == 1:
            rates[1:3] = "-", "-"
        table.add_row(null.name, *rates)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    parser.add_argument(
        "--repetitions", type=int, default=8000, help="simulated samples for each coverage"
    )
    parser.add_argument(
        "--suites", type=int, default=1000, help="simulated suites for each false-alarm rate"
    )
    parser.add_argument("--alarms", action="store_true", help="false alarms alone")
    given = parser.parse_args()
    share = 10 if given.quick else 1
    console = Console(width=150)
    if given.alarms:
        console.print(alarm_table(given.suites // share))
        return
    console.print(coverage_table(given.repetitions // share, SIZES))
    console.print(hierarchical_table(given.repetitions // share // 4))
    console.print(alarm_table(given.suites // share))


if __name__ == "__main__":
    main()
