"""How large differences are, beside what the tests say of them: means, intervals, seeds won."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from clbench.report.contest import NAN, Pair, Rules
from clbench.report.runs import Runs, common_seeds
from clbench.stats.corrections import adjust_testable
from clbench.stats.effects import vargha_delaney
from clbench.stats.equivalence import two_one_sided, two_one_sided_unpaired
from clbench.stats.intervals import (
    Interval,
    mean_intervals,
    simultaneous_level,
    welch,
)
from clbench.stats.paired import differences
from clbench.stats.power import smallest_equivalence, smallest_equivalence_unpaired
from clbench.stats.proportions import won_seeds
from clbench.typing import Array

Known = Mapping[tuple[str | None, str], Runs]  # by scenario and strategy


def by_name(runs: Sequence[Runs]) -> Known:
    """The runs of every scenario and strategy."""
    return {(one.scenario, one.strategy): one for one in runs}


# ---------------------------------------------------------------------- paired by seed


def paired_sizes(pairs: Sequence[Pair], known: Known, rules: Rules) -> list[Pair]:
    """Pairs of scenarios at the seeds that both have."""
    sized, gains, deltas = [], [], []
    for pair in pairs:
        a, b = known[pair.scenario, pair.a], known[pair.scenario, pair.b]
        seeds = common_seeds([a, b])
        first, second = a.at(seeds), b.at(seeds)
        sized.append(replace(pair, effect=vargha_delaney(first, second)))
        gain = differences(first, second)
        gains.append(gain)
        deltas.append(a.sign * gain[np.isfinite(first) & np.isfinite(second)])
    return sizes_of_gains(sized, gains, deltas, rules)


def sizes_of_gains(
    pairs: Sequence[Pair], gains: Sequence[Array], deltas: Sequence[Array], rules: Rules
) -> list[Pair]:
    """What follows from how far a is ahead in each block, infinite where a run failed.

    And from the differences a - b in those blocks in which both finished.
    """
    every = zip(pairs, gains, deltas, strict=True)
    sized = [_one_size(pair, gain, delta, rules) for pair, gain, delta in every]
    smallest = [smallest_equivalence(pair.n) for pair in pairs]
    return _with_intervals(_equivalence_adjusted(sized, smallest, rules), deltas, rules)


def _one_size(pair: Pair, gain: Array, delta: Array, rules: Rules) -> Pair:
    won = won_seeds(gain, rules.level)
    return replace(
        pair,
        difference=float(delta.mean()) if len(delta) else NAN,
        equivalence_p=_equivalence(delta, all_finished=len(delta) == len(gain), rules=rules),
        won=won.wins,
        lost=won.losses,
        won_low=won.low,
        won_high=won.high,
    )


def _equivalence(delta: Array, *, all_finished: bool, rules: Rules) -> float:
    """The p-value of lying within the region; NaN where nobody asked.

    The test looks at means, which a failed run has no part in: with one nothing is shown to be
    equivalent.
    """
    if rules.rope is None:
        return NAN
    return two_one_sided(delta, rules.rope) if all_finished else 1.0


def _equivalence_adjusted(
    pairs: Sequence[Pair], smallest: Sequence[float], rules: Rules
) -> list[Pair]:
    """Equivalence is a family of its own; `smallest` is what each pair's p could be at best."""
    p = np.array([pair.equivalence_p for pair in pairs])
    adjusted = adjust_testable(p, np.array(smallest), rules.correction, rules.alpha)
    both = zip(pairs, adjusted.tolist(), strict=True)
    return [replace(pair, equivalence_p=one) for pair, one in both]


def _with_intervals(pairs: Sequence[Pair], deltas: Sequence[Array], rules: Rules) -> list[Pair]:
    """Intervals of as many differences each are computed together."""
    sized = list(pairs)
    by_length: dict[int, list[int]] = defaultdict(list)
    # `mean_intervals` takes many columns at once: a hundred strategies have 4,950 pairs.
    for place, delta in enumerate(deltas):
        by_length[len(delta)].append(place)
    all_of_them = simultaneous_level(rules.alpha, _tested(pairs))
    for places in by_length.values():
        values = np.stack([deltas[place] for place in places], axis=1)
        alone = mean_intervals(values, rules.level)
        together = mean_intervals(values, all_of_them)
        for place, *ends in zip(places, alone, together, strict=True):
            sized[place] = _with_ends(sized[place], *ends)
    return sized


def _tested(pairs: Sequence[Pair]) -> int:
    return sum(pair.is_tested for pair in pairs)


def _with_ends(pair: Pair, alone: Interval, together: Interval) -> Pair:
    return replace(
        pair,
        ci_low=alone.low,
        ci_high=alone.high,
        interval=alone.method,
        together_low=together.low,
        together_high=together.high,
    )


# ---------------------------------------------------------------------- independent runs


def unpaired_sizes(pairs: Sequence[Pair], known: Known, rules: Rules) -> list[Pair]:
    """Pairs of scenarios whose runs are taken as independent: Welch's intervals."""
    sized, smallest = [], []
    all_of_them = simultaneous_level(rules.alpha, _tested(pairs))
    for pair in pairs:
        a, b = known[pair.scenario, pair.a], known[pair.scenario, pair.b]
        smallest.append(smallest_equivalence_unpaired(len(a.seed), len(b.seed)))
        found = replace(
            pair,
            effect=vargha_delaney(a.score, b.score),
            difference=a.mean - b.mean,
            equivalence_p=_equivalence_unpaired(a, b, rules),
        )
        alone = welch(a.finished, b.finished, rules.level)
        together = welch(a.finished, b.finished, all_of_them)
        sized.append(_with_ends(found, alone, together))
    return _equivalence_adjusted(sized, smallest, rules)


def _equivalence_unpaired(a: Runs, b: Runs, rules: Rules) -> float:
    if rules.rope is None:
        return NAN
    if a.failed.any() or b.failed.any():
        return 1.0
    return two_one_sided_unpaired(a.finished, b.finished, rules.rope)
