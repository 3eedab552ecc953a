"""How large differences are, beside what the tests say of them: means, intervals, seeds won."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from clbench.report.contest import NAN, Pair, Rules
from clbench.report.runs import Runs
from clbench.report.score_tables import scores_at_both
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


def by_name(scenarios: Iterable[Sequence[Runs]]) -> Known:
    """The runs of every scenario and strategy."""
    return {(one.scenario, one.strategy): one for one in chain.from_iterable(scenarios)}


# ---------------------------------------------------------------------- paired by seed


def paired_sizes(pairs: Sequence[Pair], known: Known, rules: Rules) -> list[Pair]:
    """Pairs of scenarios at the seeds that both have."""
    found = []
    for pair in pairs:
        a, b = _runs_of(pair, known)
        found.append(_apart(*scores_at_both(a, b), a.sign))
    return with_sizes(pairs, found, rules)


def _runs_of(pair: Pair, known: Known) -> tuple[Runs, Runs]:
    return known[pair.scenario, pair.a], known[pair.scenario, pair.b]


@dataclass(frozen=True)
class Apart:
    """How far apart two strategies are."""

    gains: Array  # how far a is ahead in each block, infinite where a run failed
    deltas: Array  # a - b in those blocks in which both finished
    effect: float  # the chance that a run of a is better than one of b


def _apart(first: Array, second: Array, sign: int) -> Apart:
    """Of scores at common seeds; `sign` is -1 where less is better."""
    gains = differences(first, second)
    both_finished = np.isfinite(first) & np.isfinite(second)
    return Apart(gains, sign * gains[both_finished], vargha_delaney(first, second))


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
    together_level = _level_of_all(pairs, rules)
    # `mean_intervals` takes many columns at once: a hundred strategies have 4,950 pairs.
    for places in _by_length(deltas):
        values = np.stack([deltas[place] for place in places], axis=1)
        alone = mean_intervals(values, rules.level)
        together = mean_intervals(values, together_level)
        for place, *ends in zip(places, alone, together, strict=True):
            sized[place] = _with_ends(sized[place], *ends)
    return sized


def _by_length(deltas: Iterable[Array]) -> Iterable[list[int]]:
    """The places of those that are equally long, together."""
    places: dict[int, list[int]] = defaultdict(list)
    for place, length in enumerate(map(len, deltas)):
        places[length].append(place)
    return places.values()


def _level_of_all(pairs: Iterable[Pair], rules: Rules) -> float:
    """Of intervals that hold together for all pairs that were tested."""
    return simultaneous_level(rules.alpha, sum(pair.is_tested for pair in pairs))


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
    together_level = _level_of_all(pairs, rules)
    for pair in pairs:
        a, b = _runs_of(pair, known)
        smallest.append(smallest_equivalence_unpaired(len(a.seed), len(b.seed)))
        alone = welch(a.finished, b.finished, rules.level)
        together = welch(a.finished, b.finished, together_level)
        sized.append(_with_ends(_unpaired_size(pair, a, b, rules), alone, together))
    return _equivalence_adjusted(sized, smallest, rules)


def _unpaired_size(pair: Pair, a: Runs, b: Runs, rules: Rules) -> Pair:
    return replace(
        pair,
        effect=vargha_delaney(a.score, b.score),
        difference=a.mean - b.mean,
        equivalence_p=_equivalence_unpaired(a, b, rules),
    )


def _equivalence_unpaired(a: Runs, b: Runs, rules: Rules) -> float:
    if rules.rope is None:
        return NAN
    if a.failed.any() or b.failed.any():
        return 1.0
    return two_one_sided_unpaired(a.finished, b.finished, rules.rope)
