"""What is said of configurations: of the best of them, and of one that some seeds chose."""

from __future__ import annotations

import math
from collections.abc import Iterable

from clbench.report.findings import (
    BestConfiguration,
    BestConfigurations,
    ChosenConfiguration,
    OnlyChoosingSeeds,
)
from clbench.report.numbers import show_number, unit_words
from clbench.suite.seeds import seeds_in_words
from clbench.words import plural


def best_of(count: int) -> str:
    """The mark of the best row."""
    return f"best of {count}"


def best_words(found: BestConfigurations) -> str:
    """By how much their means are too good, as far as the seeds say."""
    told = _of_one(*found.each) if len(found.each) == 1 else _of_several(found.each)
    return f"{found.scenario}: {told}; --choose-on SEEDS avoids it."


def _of_one(one: BestConfiguration) -> str:
    return (
        f"{one.strategy} is the {best_of(one.count)} configurations by the metric it is"
        f" reported on: its mean is optimistic {_optimism(one)}"
    )


def _of_several(each: Iterable[BestConfiguration]) -> str:
    told = [f"{one.strategy} ({best_of(one.count)}) {_optimism(one)}" for one in each]
    return (
        "each of these is the best of several configurations by the metric it is reported on,"
        f" and its mean is optimistic: {', '.join(told)}"
    )


def _optimism(one: BestConfiguration) -> str:
    if math.isnan(one.optimism):
        return "by what so few common seeds do not say"
    return f"by up to about {show_number(one.optimism, one.unit)}{unit_words(one.unit)}"


def chosen_words(found: ChosenConfiguration) -> str:
    """What was chosen, on which seeds, and on which it is reported."""
    return (
        f"{found.scenario}: {found.tuned} is {found.chosen}, the {best_of(found.count)}"
        f" configurations by {found.metric} on {_seeds(found.chosen_on)}, reported on"
        f" {_seeds(found.reported_on)} alone; {_default(found)}."
    )


def _seeds(seeds: tuple[int, ...]) -> str:
    return f"{plural(len(seeds), 'seed')} {seeds_in_words(seeds)}"


def _default(found: ChosenConfiguration) -> str:
    if not found.default_known:
        return "which of them is the default is not known here"
    if found.default is None:
        return "the default is not among them"
    if found.default_row == found.tuned:
        return "it is the default"
    return f"{found.default_row} is {found.default}"


def only_choosing_words(found: OnlyChoosingSeeds) -> str:
    """Why a strategy is not there."""
    return (
        f"{found.scenario}, {found.strategy} is left out: it has no runs but on the seeds on which"
        " configurations were chosen"
    )
