"""How often does a comparison call equal strategies different, and find those that are?

    python benchmarks/comparison_power.py                   # an hour; --suites 100 for a tenth
    python benchmarks/comparison_power.py --tables power --seeds 5,8 --strategies 5 --noises normal
    python benchmarks/comparison_power.py --judges "by design,clbench.compare"

Judges are functions from tables of scores to who is shown to be better: `before` is the exact
signed-rank test with Holm's correction (over scenarios Nemenyi's), `by design` what
`clbench.stats.questions` chooses, `clbench.compare` the whole pipeline from records on. A row is
printed when it is known.

false      suites in which an equal strategy, or a worse one, is called better, in %
power      chance to find a pair that differs, in %, where one strategy is better than all others
scenarios  the same over several scenarios: of these, and of scenarios like these
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from made_up_suites import (
    NOISES,
    NOTHING,
    PARTIAL,
    Array,
    Judge,
    Noise,
    Rates,
    Truth,
    error_of,
    one_better,
    rates,
    suites,
)

from clbench.stats.corrections import adjust
from clbench.stats.families import all_pairs
from clbench.stats.paired import signed_rank
from clbench.stats.questions import (
    Answer,
    Plan,
    over_scenarios_like_these,
    over_these_scenarios,
    within_scenarios,
)
from clbench.stats.several import average_ranks, nemenyi_p

ALPHA = 0.05
PLAN = Plan(ALPHA, omnibus_draws=1_999)  # fewer permutations than a report takes


# ---------------------------------------------------------------------- judges


def before(tables: Sequence[Array]) -> Array:
    """Signed ranks of every pair of every scenario, by Holm; what is shown of the first one."""
    pairs = all_pairs(tables[0].shape[1])
    tested = [signed_rank(table[:, i], table[:, j]) for table in tables for i, j in pairs]
    adjusted = adjust(np.array([one.p for one in tested]), "holm")
    shown = np.zeros((tables[0].shape[1],) * 2, dtype=bool)
    for (i, j), one, p in zip(pairs, tested, adjusted, strict=False):
        shown[i, j] = p <= ALPHA and one.better > 0
        shown[j, i] = p <= ALPHA and one.better < 0
    return shown


def by_design(tables: Sequence[Array]) -> Array:
    return _shown(within_scenarios(tables, PLAN)[0], tables)


def by_nemenyi(tables: Sequence[Array]) -> Array:
    """Before, over scenarios: by the ranks of the scenarios' means."""
    averages = average_ranks(np.stack([table.mean(axis=0) for table in tables]))
    gaps = averages - averages[:, None]
    return (nemenyi_p(gaps, len(averages), len(tables)) <= ALPHA) & (gaps > 0)


def these_scenarios(tables: Sequence[Array]) -> Array:
    return _shown(over_these_scenarios(tables, PLAN), tables)


def scenarios_like_these(tables: Sequence[Array]) -> Array:
    return _shown(over_scenarios_like_these(tables, PLAN), tables)


def _shown(found: Answer | None, tables: Sequence[Array]) -> Array:
    strategies = tables[0].shape[1]
    if found is None:
        return np.zeros((strategies, strategies), dtype=bool)
    return found.better(strategies, ALPHA)


def pipeline(tables: Sequence[Array]) -> Array:
    """From records on, as a user has them: a point of accuracy is half a standard deviation."""
    from clbench.records import RecordFile, Results
    from clbench.report.comparison import compare

    cells = [cell for s, table in enumerate(tables) for cell in _cells(f"s{s}", table)]
    found = compare(Results(RecordFile(1, "simulated", "", {}, cells), _host()), alpha=ALPHA)
    shown = np.zeros((tables[0].shape[1],) * 2, dtype=bool)
    for pair in found.pairs:
        winner = pair.verdict.partition(" better")[0]
        if pair.scenario == "s0" and winner in (pair.a, pair.b):
            loser = pair.b if winner == pair.a else pair.a
            shown[int(winner[1:]), int(loser[1:])] = True
    return shown


@functools.cache
def _host() -> object:
    from clbench.host import Host

    return Host.load()


def _cells(scenario: str, table: Array) -> Iterable[object]:
    from clbench.records import CellRecord, validated

    seeds = np.arange(len(table))
    for k, scores in enumerate(np.clip(0.5 + 0.02 * table, 0, 1).T):
        accuracy = np.broadcast_to(scores[:, None, None], (len(seeds), 2, 1))
        name = f"m{k}"
        yield validated(CellRecord(f"{scenario}-{k}", scenario, name, name, seeds, accuracy))


WITHIN: dict[str, Judge] = {"before": before, "by design": by_design, "clbench.compare": pipeline}
OVER: dict[str, Judge] = {
    "before (Nemenyi)": by_nemenyi,
    "these scenarios": these_scenarios,
    "scenarios like these": scenarios_like_these,
}


# ---------------------------------------------------------------------- tables


@dataclass(frozen=True)
class Asked:
    """How much is simulated."""

    suites: int
    seeds: tuple[int, ...]
    strategies: tuple[int, ...]
    scenarios: tuple[int, ...]
    noises: tuple[Noise, ...]
    judges: tuple[str, ...]

    def within(self) -> dict[str, Judge]:
        return {name: WITHIN[name] for name in self.judges}

    def simulate(
        self, judge: Judge, noise: Noise, effects: Array, seeds: int, scenarios: int = 1
    ) -> Rates:
        return rates(judge, suites(noise, effects, seeds, scenarios), effects, self.suites)


def show(cells: Sequence[str], numbers: Iterable[str]) -> None:
    """A row of Markdown."""
    print("|", " | ".join((*cells, *numbers)), "|", flush=True)


def head(title: str, cells: Sequence[str], sizes: Sequence[int]) -> None:
    print(f"\n{title}\n")
    show(cells, [f"n = {size}" for size in sizes])
    show(["---"] * len(cells), ["---:"] * len(sizes))


def rows(
    asked: Asked, truths: Iterable[Truth], judges: dict[str, Judge]
) -> Iterator[tuple[int, Truth, Noise, str]]:
    """Every combination, judges side by side."""
    return product(asked.strategies, truths, asked.noises, judges)


def false_alarms(asked: Asked) -> None:
    head(
        f"Suites of {asked.suites} with a false difference, in % ({error_of(asked.suites)})",
        ("k", "truth", "noise", "judge"),
        asked.seeds,
    )
    for strategies, truth, noise, name in rows(asked, (NOTHING, *PARTIAL), asked.within()):
        if truth is not NOTHING and strategies == 2:
            continue  # nobody is equal
        effects = truth.effects(strategies)
        found = [asked.simulate(WITHIN[name], noise, effects, size) for size in asked.seeds]
        numbers = [f"{100 * one.false:.1f}" for one in found]
        show((str(strategies), truth.name, noise.name, name), numbers)


def power(asked: Asked) -> None:
    head(
        f"True differences found, in % of {asked.suites} suites ({error_of(asked.suites, 0.5)})",
        ("k", "one is better by", "noise", "judge"),
        asked.seeds,
    )
    truths = [Truth(f"{effect:g} sd", one_better(effect)) for effect in (0.5, 1.0, 2.0)]
    for strategies, truth, noise, name in rows(asked, truths, asked.within()):
        effects = truth.effects(strategies)
        found = [asked.simulate(WITHIN[name], noise, effects, size) for size in asked.seeds]
        numbers = [f"{100 * one.found:.0f}" for one in found]
        show((str(strategies), truth.name, noise.name, name), numbers)


def over_scenarios(asked: Asked) -> None:
    """A difference of 1.41 sd on every scenario; and how often an equal one is called better."""
    head(
        f"Over scenarios: found / false, in % of {asked.suites} suites ({error_of(asked.suites)})",
        ("k", "scenarios", "noise", "judge"),
        asked.seeds,
    )
    better = Truth("one differs by 1.41 sd", one_better(2**0.5))
    for scenarios in asked.scenarios:
        for strategies, truth, noise, name in rows(asked, [better], OVER):
            effects = truth.effects(strategies)
            found = [
                asked.simulate(OVER[name], noise, effects, size, scenarios) for size in asked.seeds
            ]
            numbers = [f"{100 * one.found:.0f} / {100 * one.false:.1f}" for one in found]
            show((str(strategies), str(scenarios), noise.name, name), numbers)


TABLES = {"false": false_alarms, "power": power, "scenarios": over_scenarios}


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(","))


def names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = ",".join(noise.name.replace(",", "") for noise in NOISES)
    parser.add_argument("--tables", type=names, default=tuple(TABLES))
    parser.add_argument("--suites", type=int, default=1000, help="for each number")
    parser.add_argument("--seeds", type=numbers, default=(3, 5, 6, 8, 10, 20))
    parser.add_argument("--strategies", type=numbers, default=(2, 3, 5, 10))
    parser.add_argument("--scenarios", type=numbers, default=(3, 10))
    parser.add_argument("--noises", type=names, default=names(known), help=f"of {known}")
    parser.add_argument("--judges", type=names, default=("before", "by design"))
    given = parser.parse_args()
    noises = tuple(noise for noise in NOISES if noise.name.replace(",", "") in given.noises)
    asked = Asked(
        given.suites, given.seeds, given.strategies, given.scenarios, noises, given.judges
    )
    for name in given.tables:
        TABLES[name](asked)


if __name__ == "__main__":
    main()
