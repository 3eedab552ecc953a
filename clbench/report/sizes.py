"""How large differences are, beside what the tests say of them: means, intervals, seeds won."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
    found = []
    for pair in pairs:
        a, b = known[pair.scenario, pair.a], known[pair.scenario, pair.b]
        seeds = common_seeds([a, b])
        first, second = a.at(seeds), b.at(seeds)
        gain = differences(first, second)
        delta = a.sign * gain[np.isfinite(first) & np.isfinite(second)]
        found.append(Apart(gain, delta, vargha_delaney(first, second)))
    return with_sizes(pairs, found, rules)


@dataclass(frozen=True)
class Apart:
    """How far apart two strategies are."""

    gains: Array  # how far a is ahead in each block, infinite where a run failed
    deltas: Array  # a - b in those blocks in which both finished
    effect: float  # the chance that a run of a is better than one of b


def with_sizes(pairs: Sequence[Pair], apart: Sequence[Apart], rules: Rules) -> list[Pair]:
    """The pairs of one question with the sizes that follow."""
    sized = [_one_size(pair, one, rules) for pair, one in zip(pairs, apart, strict=True)]
    if rules.rope is not None:
        smallest = [smallest_equivalence(pair.n) for pair in pairs]
        sized = _equivalence_adjusted(sized, smallest, rules)
    return _with_intervals(sized, [one.deltas for one in apart], rules)


def _one_size(pair: Pair, apart: Apart, rules: Rules) -> Pair:
    gain, delta = apart.gains, apart.deltas
    won = won_seeds(gain, rules.level)
    return replace(
        pair,
        effect=apart.effect,
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
