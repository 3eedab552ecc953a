"""What looking again costs, and what intervals hold: by simulation.

    python benchmarks/comparison_looks.py                   # half an hour; --suites 200 for a tenth
    python benchmarks/comparison_looks.py --tables looks --strategies 2 --noises normal

A row is printed when it is known.

looks      two ways to add a seed at a time, from 5 up to 30, beside a test at every look and one at
           the end: false differences, seeds used, and what is found by 10 and by 30 seeds, in %
intervals  how often 95 % intervals hold what they say, in %, and how wide they are, in sd
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from comparison_power import head, names, numbers, show
from made_up_suites import NOISES, Array, Noise, error_of, one_better, suites

from clbench.stats.always_valid import always_valid, always_valid_interval
from clbench.stats.corrections import adjust
from clbench.stats.families import all_pairs
from clbench.stats.intervals import mean_intervals, simultaneous_intervals
from clbench.stats.looks import NEVER, OPEN, LookPlan, decide
from clbench.stats.paired import signed_rank
from clbench.stats.proportions import won_seeds

ALPHA = 0.05
LOOKS = tuple(range(5, 31))
Stopping = Callable[
    [Array], Array
]  # scores of 30 seeds to, for every pair, the look it is shown at


# ---------------------------------------------------------------------- when a pair is shown


def at_every_look(scores: Array) -> Array:
    """The signed-rank test with Holm's correction, made anew each time: what one should not do."""
    shown = np.full(len(all_pairs(scores.shape[1])), NEVER)
    for look in reversed(LOOKS):
        shown[_different(scores[:look])] = look
    return shown


def at(size: int) -> Stopping:
    """One test at so many seeds."""

    def once(scores: Array) -> Array:
        return np.where(_different(scores[:size]), size, NEVER)

    return once


def _different(scores: Array) -> Array:
    pairs = all_pairs(scores.shape[1])
    p = np.array([signed_rank(scores[:, i], scores[:, j]).p for i, j in pairs])
    return adjust(p, "holm") <= ALPHA


def by_always_valid_p(scores: Array) -> Array:
    p = always_valid(scores, all_pairs(scores.shape[1])).p_adjusted[LOOKS[0] - 1 :]
    return np.where((p <= ALPHA).any(axis=0), LOOKS[0] + np.argmax(p <= ALPHA, axis=0), NEVER)


def by_declared_looks(scores: Array) -> Array:
    found = decide(scores, LookPlan(LOOKS, alpha=ALPHA, draws=1_999)).pairs
    return np.array([NEVER if pair.verdict == OPEN else pair.look for pair in found])


WAYS: dict[str, tuple[Stopping, int]] = {  # and the seeds at which each ends
    "a test at every look": (at_every_look, LOOKS[-1]),
    "a test at 10 seeds": (at(10), 10),
    "a test at 20 seeds": (at(20), 20),
    "always valid": (by_always_valid_p, LOOKS[-1]),
    "declared looks": (by_declared_looks, LOOKS[-1]),
}


# ---------------------------------------------------------------------- tables


@dataclass(frozen=True)
class Asked:
    """How much is simulated."""

    suites: int
    strategies: tuple[int, ...]
    noises: tuple[Noise, ...]


def looks(asked: Asked) -> None:
    print(f"\nLooking again, {asked.suites} suites ({error_of(asked.suites)})\n")
    columns = ("k", "effect", "noise", "way", "false", "seeds", "by 10", "by 30")
    show(columns, ())
    show(["---"] * len(columns), ())
    effects = (0.0, 0.5, 1.0, 2.0)
    for strategies, effect, noise, name in product(asked.strategies, effects, asked.noises, WAYS):
        row = _look_row(*WAYS[name], noise, one_better(effect)(strategies), asked.suites)
        show((str(strategies), f"{effect:g} sd", noise.name, name), row)


def _look_row(way: Stopping, most: int, noise: Noise, effects: Array, number: int) -> list[str]:
    drawn = suites(noise, effects, LOOKS[-1])
    shown = np.array([way(next(drawn)[0]) for _ in range(number)])
    true = np.array([effects[i] != effects[j] for i, j in all_pairs(len(effects))])
    false = (shown[:, ~true] != NEVER).any(axis=1).mean() if not true.all() else 0.0
    if not true.any():
        return [f"{100 * false:.1f}", "-", "-", "-"]
    found = shown[:, true]
    return [
        f"{100 * false:.1f}",
        f"{np.minimum(found, most).mean():.1f}",
        f"{100 * (found <= 10).mean():.0f}",
        f"{100 * (found != NEVER).mean():.0f}",
    ]


def intervals(asked: Asked) -> None:
    sizes = (3, 5, 6, 8, 10, 20, 30)
    head(
        f"95 % intervals: coverage / width, {asked.suites} suites ({error_of(asked.suites)})",
        ("noise", "interval"),
        sizes,
    )
    for noise in asked.noises:
        for name, measure in INTERVALS.items():
            show((noise.name, name), [measure(noise, size, asked.suites) for size in sizes])


def _of_a_mean(noise: Noise, size: int, number: int) -> str:
    rng = np.random.default_rng(size)
    truth = float(noise.draw(np.random.default_rng(1), (1_000_000,)).mean())
    return _held(mean_intervals(noise.draw(rng, (size, number))), truth)


def _of_a_difference(noise: Noise, size: int, number: int) -> str:
    drawn = suites(noise, np.zeros(2), size)
    delta = [np.subtract(*next(drawn)[0].T) for _ in range(number)]
    return _held(mean_intervals(np.stack(delta, axis=1)), 0.0)


def _together(noise: Noise, size: int, number: int) -> str:
    """All ten differences of five strategies."""
    drawn = suites(noise, np.zeros(5), size)
    held, width = [], []
    for _ in range(number):
        [table] = next(drawn)
        delta = np.stack([table[:, i] - table[:, j] for i, j in all_pairs(5)], axis=1)
        found = simultaneous_intervals(delta, ALPHA)
        held.append(all(one.low <= 0 <= one.high for one in found))
        width.append(np.median([one.high - one.low for one in found]))
    return f"{100 * np.mean(held):.1f} / {np.median(width):.2f}"


def _at_any_look(noise: Noise, size: int, number: int) -> str:
    """At every size from five seeds up to this one."""
    drawn = suites(noise, np.zeros(2), size)
    held, width = [], []
    for _ in range(number):
        delta = np.subtract(*next(drawn)[0].T)
        found = [always_valid_interval(delta[:n]) for n in range(min(5, size), size + 1)]
        held.append(all(one.low <= 0 <= one.high for one in found))
        width.append(found[-1].high - found[-1].low)
    return f"{100 * np.mean(held):.1f} / {np.median(width):.2f}"


def _of_won_seeds(noise: Noise, size: int, number: int) -> str:
    """Of a strategy that is ahead in 84 of 100 seeds where runs are normal."""
    drawn = suites(noise, np.array([1.0, 0.0]), size)
    many = np.subtract(*next(suites(noise, np.array([1.0, 0.0]), 200_000))[0].T)
    truth = won_seeds(many).share
    found = [won_seeds(np.subtract(*next(drawn)[0].T)) for _ in range(number)]
    held = np.mean([one.low <= truth <= one.high for one in found])
    width = np.median([one.high - one.low for one in found])
    return f"{100 * held:.1f} / {width:.2f}"


def _held(found: list, truth: float) -> str:
    held = np.mean([one.low <= truth <= one.high for one in found])
    width = np.median([one.high - one.low for one in found])
    return f"{100 * held:.1f} / {width:.2f}"


INTERVALS: dict[str, Callable[[Noise, int, int], str]] = {
    "a mean": _of_a_mean,
    "a difference": _of_a_difference,
    "ten differences together": _together,
    "a difference, at any look": _at_any_look,
    "seeds won": _of_won_seeds,
}
TABLES = {"looks": looks, "intervals": intervals}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = ",".join(noise.name.replace(",", "") for noise in NOISES)
    parser.add_argument("--tables", type=names, default=tuple(TABLES))
    parser.add_argument("--suites", type=int, default=2000, help="for each number")
    parser.add_argument("--strategies", type=numbers, default=(2, 5))
    parser.add_argument("--noises", type=names, default=names(known), help=f"of {known}")
    given = parser.parse_args()
    noises = tuple(noise for noise in NOISES if noise.name.replace(",", "") in given.noises)
    for name in given.tables:
        TABLES[name](Asked(given.suites, given.strategies, noises))


if __name__ == "__main__":
    main()
