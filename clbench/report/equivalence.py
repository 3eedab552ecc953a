"""Who differs by less than matters, as far as that is shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from clbench.report.contest import Pair, Rules, is_equivalent
from clbench.report.findings import Equivalence, Finding, Probabilities, Probability
from clbench.report.runs import Runs, common_seeds
from clbench.report.score_tables import scores_at_both
from clbench.report.tested import Tested
from clbench.stats.equivalence import bayesian_signed_rank
from clbench.stats.paired import differences
from clbench.stats.power import smallest_equivalence


def equivalence(
    tested: Tested, scenario: str, here: Sequence[Runs], pairs: Sequence[Pair]
) -> Iterable[Finding]:
    """By two one-sided tests, and in probabilities; nothing where no size was named."""
    rules = tested.rules
    if rules.rope is None:
        return
    same = [(pair.a, pair.b) for pair in pairs if is_equivalent(pair, rules.alpha)]
    failed = [one.strategy for one in here if one.failed.any()]
    too_few = _too_few_seeds(pairs, rules)
    yield Equivalence(scenario, rules.rope, tested.unit, tuple(same), tuple(failed), too_few)
    baseline = [one for one in here if one.strategy == rules.baseline]
    if baseline and not rules.unpaired:
        each = tuple(_probabilities(here, baseline[0], rules))
        yield Probabilities(scenario, baseline[0].strategy, rules.rope, tested.unit, each)


def _probabilities(here: Iterable[Runs], against: Runs, rules: Rules) -> Iterable[Probability]:
    for one in here:
        if one is not against and len(common_seeds([one, against])):
            yield _probability(one, against, rules)


def _too_few_seeds(pairs: Sequence[Pair], rules: Rules) -> int | None:
    """How many seeds the pair with the fewest has, where those are too few to show equivalence."""
    # The pair with the fewest decides: what it cannot show is not shown of all pairs.
    fewest = min((pair.n for pair in pairs if pair.n), default=0)
    if not fewest or rules.unpaired or smallest_equivalence(fewest) <= rules.alpha:
        return None
    return fewest


def _probability(one: Runs, against: Runs, rules: Rules) -> Probability:
    """The Bayesian answer, which knows no differences but those that it has seen.

    So there is none from few pairs, nor where runs failed.
    """
    first, second = scores_at_both(one, against)
    failed = int((~np.isfinite([first, second]).all(axis=0)).sum())
    without = Probability(one.strategy, len(first), failed)
    if failed or smallest_equivalence(len(first)) > rules.alpha:
        return without
    found = bayesian_signed_rank(differences(first, second), rules.rope or 0.0, rules.rng())
    return replace(without, better=found.first, same=found.neither, worse=found.second)
