"""What a test says, in words: of two strategies, and of all of them."""

from __future__ import annotations

from clbench.report.contest import LIKE_THESE, Omnibus, Pair, differs
from clbench.report.findings import AllStrategies, TwoStrategies
from clbench.report.look_words import p_words
from clbench.report.numbers import show_interval, unit_words
from clbench.report.words import equals, where_words
from clbench.stats import design as designs


def pair_words(found: TwoStrategies) -> str:
    """Who of two is better, and by how much."""
    where = where_words(found.scenario, found.pair.question, found.scenarios)
    return f"{where}: {_of_two(found)}"


def _of_two(found: TwoStrategies) -> str:
    pair = found.pair
    if not pair.is_tested:
        return _untested(pair)
    numbers = f"({pair.a} - {pair.b}: {_numbers(found)})"
    if not differs(pair, found.alpha):
        return f"{pair.a} and {pair.b} cannot be told apart {numbers}."
    told = f"{pair.winner} is better than {pair.loser} {numbers}."
    return f"{told}{_against_the_means(pair, found.sign)}"


def _against_the_means(pair: Pair, sign: int) -> str:
    """A few runs far off move a mean, and no ranks."""
    mean_is_worse = pair.better * sign * pair.difference < 0
    if not mean_is_worse:
        return ""
    won = pair.won if pair.better > 0 else pair.lost
    ahead = f"{pair.winner} is ahead in {won} of {pair.n} {_blocks(pair)}"
    return f" The ranks of the runs decide: {ahead}; its mean is the worse of the two."


def _blocks(found: Pair | Omnibus) -> str:
    """What a test by blocks takes as one."""
    return "scenarios" if found.question == LIKE_THESE else "seeds"


def _untested(pair: Pair) -> str:
    if pair.n:
        return f"{pair.a} and {pair.b} have too few seeds in common to be tested ({pair.n})."
    return (
        f"{pair.a} and {pair.b} have no seeds in common;"
        " --unpaired compares them as independent runs."
    )


def _numbers(found: TwoStrategies) -> str:
    """Size, effect and test of a pair."""
    pair = found.pair
    size = show_interval(pair.difference, pair.ci_low, pair.ci_high, found.unit)
    won = "" if found.unpaired else f"{pair.a} ahead in {pair.won} of {pair.n}, "
    return (
        f"difference {size}{unit_words(found.unit)}, {won}A = {pair.effect:.2f}, {pair.test},"
        f" {pair.n} {_compared(found)}, {p_words(pair.p_adjusted, pair.p_always)}"
    )


def _compared(found: TwoStrategies) -> str:
    """What the number of a pair counts."""
    is_within = found.pair.question != LIKE_THESE
    return "runs" if found.unpaired and is_within else _blocks(found.pair)


def omnibus_words(found: AllStrategies) -> str:
    """Whether all are alike."""
    one = found.omnibus
    where = where_words(one.scenario, one.question, found.scenarios)
    blocks = "runs" if one.test == designs.KRUSKAL_WALLIS else _blocks(one)
    shown = f"{one.test} over {one.strategies} strategies and {one.blocks} {blocks}: {_p_of(one)}"
    if one.p <= found.alpha:
        return f"{where}: {shown}: not all strategies are alike."
    return (
        f"{where}: {shown}: no difference is shown;"
        " the pairs are tested all the same, and the verdicts say so."
    )


def _p_of(one: Omnibus) -> str:
    """With its statistic, where that is one that people know."""
    p = f"p {equals(one.p)}"
    chi_square = f"chi-square({one.strategies - 1}) = {one.statistic:.2f}, "
    if one.test == designs.FRIEDMAN:
        # Not that of chi-square or F, which err for few blocks.
        return f"{chi_square}{p} ({'counted' if one.exact else 'by permutation'})"
    return f"{chi_square}{p}" if one.test == designs.KRUSKAL_WALLIS else p
