"""Which tests were made, and why, in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clbench.report.agents import means_of_agents
from clbench.report.contest import THESE
from clbench.report.findings_of_design import (
    Chance,
    ChosenTests,
    DesignedTests,
    IntervalsMade,
    Power,
    TestsOverByDesign,
    TestsOverScenarios,
    Untested,
)
from clbench.report.numbers import show_level
from clbench.stats.by_design import FLIPS, HOLM, JOINT, PARTITIONS, SHAFFER, STUDENT
from clbench.stats.corrections import WORDS
from clbench.stats.flips import smallest_flips
from clbench.stats.questions import SIGNED_RANKS
from clbench.words import counted, plural

CORRECTED = {
    JOINT: "all of a family by the same flips",
    PARTITIONS: "adjusted over all ways in which strategies may be equal (closed partitions)",
    SHAFFER: "adjusted by Shaffer's multipliers",
    HOLM: "adjusted by Holm",
    "none": "not adjusted for their number",
    "holm": "adjusted by Holm",
    "bonferroni": "adjusted by Bonferroni",
    "fdr_bh": "adjusted by Benjamini-Hochberg",
}
TESTS = {
    FLIPS: "sign flips",
    STUDENT: "the paired t test",
    SIGNED_RANKS: "sign flips of signed ranks where a run failed",
}


def design(found: ChosenTests | DesignedTests) -> str:
    """The tests, and the reason for them, without a full stop."""
    if not found.agents_of:
        return "No test: there are no runs to compare"
    if isinstance(found, DesignedTests):
        return _by_design(found)
    return _on_ranks(found)


def corrected_words(corrections: Iterable[str]) -> str:
    """How the p of pairs are adjusted, each way once."""
    return " or ".join(CORRECTED[name] for name in dict.fromkeys(corrections))


# ---------------------------------------------------------------------- by design


def _by_design(found: DesignedTests) -> str:
    over = "".join(map(_over_by_design, found.over))
    after = f"{over}{_of_agents(found)}"
    if not found.family:
        return f"No test within a scenario: {found.reason}{after}"
    return f"{_reason(found)}: {_tests(found)}{_family(found)}{after}"


def _reason(found: ChosenTests | DesignedTests) -> str:
    return f"By the design of the experiment ({found.reason}), not by a look at the data"


def _of_agents(found: ChosenTests | DesignedTests) -> str:
    """What is said last: that agents of one seed count as their mean."""
    means = means_of_agents(found.agents_of)
    return f"; {means}" if means else ""


def _tests(found: DesignedTests) -> str:
    tests = []
    if found.flipped:
        tests.append(f"sign flips of the mean difference ({_seeds(found.flipped)})")
    if found.students:
        tests.append(f"the paired t test ({_why_t(found)})")
    if found.by_ranks:
        tests.append("sign flips of signed ranks where a run failed, which counts as the lowest")
    pairs = "every pair" if found.baseline is None else f"every strategy with {found.baseline}"
    omnibus = f"of all strategies: {' or '.join(found.omnibus)}; " if found.omnibus else ""
    return f"{omnibus}of {pairs}: {', or '.join(tests)}"


def _why_t(found: DesignedTests) -> str:
    """Why it is not the exact test of signs."""
    seeds = _seeds(found.students)
    if smallest_flips(max(found.students)) > found.alpha:
        return f"sign flips of {seeds} cannot reach alpha = {found.alpha:g}"
    return f"sign flips of {seeds} have too few patterns for so many pairs"


def _family(found: DesignedTests) -> str:
    if found.family == 1:
        return ""
    where = f" of {found.scenarios} scenarios" if found.scenarios > 1 else ""
    corrected = corrected_words(found.corrections)
    return f"; {corrected}; the {found.family} pairs{where} are one family"


def _over_by_design(over: TestsOverByDesign) -> str:
    how, blocks = "nothing is tested", "for too few seeds are on all of them"
    if over.tests:
        tests = " and ".join(TESTS[name] for name in over.tests)
        how, blocks = f"{tests}, {CORRECTED[over.correction]}", "each seed's mean over them"
    if over.question == THESE:
        return f"; on these {over.scenarios} scenarios together {how} ({blocks})"
    return f"; on scenarios like these, of which {over.scenarios} are a sample, {how}"


def _seeds(sizes: Sequence[int]) -> str:
    """`5 seeds`, or `3 to 5 seeds`."""
    if len(sizes) == 1:
        return f"{sizes[0]} seeds"
    return f"{sizes[0]} to {sizes[-1]} seeds"


# ---------------------------------------------------------------------- by ranks


def _on_ranks(found: ChosenTests) -> str:
    after = f"{_over(found.over)}{_of_agents(found)}"
    if found.pairs is None:
        return f"No test within a scenario: {found.reason}{after}"
    tests = f"{'exact ' if found.exact else ''}{found.pairs} test"
    if found.omnibus:
        tests = f"{found.omnibus} test, then the {tests} of every pair"
    return f"{_reason(found)}: {tests}{_corrected(found)}{after}"


def _corrected(found: ChosenTests) -> str:
    if found.family <= 1:
        return ""
    if found.correction == "none":
        return f", not adjusted for their number ({found.family})"
    return f", adjusted by {WORDS[found.correction]} over the {found.family} pairs shown"


def _over(over: TestsOverScenarios | None) -> str:
    if over is None:
        return ""
    several = f"; over the {over.scenarios} scenarios "
    if over.omnibus:
        return (
            f"{several}Friedman's test of the strategies' ranks on each, then"
            " Nemenyi's of every pair, which adjusts itself"
        )
    return f"{several}the Wilcoxon signed-rank test of how far one is ahead on each"


# ---------------------------------------------------------------------- what can be found


def power_words(found: Power) -> str:
    """The smallest p that so many seeds can have, and whether it is small enough."""
    unit = "runs" if found.unpaired else plural(found.n, "seed")
    after = ""
    if found.penalty > 1:
        after = f", {found.after_correction:.3g} after the correction"
    return (
        f"A pair of {found.n} {unit} can have no p smaller than {found.smallest_p:.3g}{after}:"
        f" {_enough(found)}."
    )


def _enough(found: Power) -> str:
    level = f"alpha = {found.alpha:g}"
    if found.is_enough:
        return f"enough for {level}{'' if found.unpaired else ' where all seeds agree'}"
    if found.unpaired:
        return f"nothing could be shown at {level}, however large; more seeds are needed"
    more = found.seeds_needed - found.n
    return (
        f"no difference could be shown at {level}, however large it is; with"
        f" {found.seeds_needed} seeds, {more} more, one could be, if all of them agree"
    )


def chance_words(found: Chance) -> str:
    """How likely so many seeds find a difference."""
    return (
        f"With {counted(found.n, 'seed')} a difference of one standard deviation (of a seed's"
        f" differences) is found in about {_percent(found.one_sd)} of cases, one of two in"
        f" {_percent(found.two_sd)}; to find one of one in 80 % takes {found.needed} seeds."
    )


def untested_words(found: Untested) -> str:
    """Why pairs are in no family."""
    pairs = "A pair has" if found.pairs == 1 else f"{found.pairs} pairs have"
    seeds = counted(found.n, "seed")
    return (
        f"{pairs} {seeds} in common, and nothing can be shown of so few: not tested, and in"
        f" nobody's family; {found.fewest} are the fewest."
    )


def _percent(share: float) -> str:
    return "more than 99 %" if share > 0.995 else f"{100 * share:.0f} %"


def intervals_words(found: IntervalsMade) -> str:
    """How intervals were made, and what they do not say."""
    differences = "those of differences are of the differences seed by seed"
    if found.unpaired:
        differences = "those of differences are Welch's"
    level = show_level(found.level)
    together = ""
    if found.family > 1:
        together = (
            f"; those that hold for all {found.family} differences together are as much longer as"
            " Bonferroni asks (together_low and together_high in --format csv and json)"
        )
    return (
        f"Intervals are Student's t, {level} for one mean at a time ({differences}): unlike p they"
        " are not adjusted for their number, and two means whose intervals overlap may differ all"
        f" the same{together}. The effect A is how often a run of the one is better than a run of"
        " the other, of all that can be paired, whatever their seeds (Vargha, Delaney); a test seed"
        " by seed may find a difference where A is near 0.5."
    )
