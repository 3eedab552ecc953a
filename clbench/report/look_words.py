"""In words: that seeds were added after a look, and what verdicts go by then."""

from __future__ import annotations

from collections.abc import Sequence

from clbench.report.findings import SeedsAdded
from clbench.report.numbers import show_p

SHOWN = 6  # earlier looks that are named


def seeds_added(found: SeedsAdded) -> str:
    """What happened, what follows for the verdicts, and what the other p are."""
    return f"{_what_happened(found)} {_what_follows(found)}"


def _what_happened(found: SeedsAdded) -> str:
    if found.by_looks:
        looks = ", ".join(map(str, found.by_looks))
        return f"Seeds were added by looks that were declared beforehand (at {looks} seeds)."
    if found.problem:
        return (
            "Seeds were added until the strategies were told apart, but the declared looks cannot"
            f" decide here: {found.problem}."
        )
    return (
        "Seeds were added after a look: these strategies were compared before, with"
        f" {_earlier(found.earlier)} of the seeds."
    )


def _earlier(looks: Sequence[tuple[int, str]]) -> str:
    """The last of them, and how many more there are."""
    named = [f"{seeds} ({day})" for seeds, day in looks[-SHOWN:]]
    more = len(looks) - len(named)
    if more:
        named.insert(0, f"{more} other numbers of seeds")
    return ", ".join(named)


def _what_follows(found: SeedsAdded) -> str:
    fixed = "p, adjusted p and intervals are as if the number of seeds had been fixed"
    if found.unpaired:
        return (
            f"A test that is repeated finds more than there is: {fixed}, which it was not; tests"
            " paired by seed have a p that holds however often somebody looked."
        )
    if found.by_looks:
        told = (
            f"Verdicts are what these looks decide, which share alpha = {found.alpha:g};"
            f" {fixed}, and `p however often` holds whenever somebody looks."
        )
    else:
        told = (
            "A test that is repeated finds more than there is, so verdicts go by"
            f" `p however often`, which holds however often somebody looked; {fixed}."
        )
    if found.scenarios_like_these:
        told += " Over scenarios like these there is no such p."
    return told


def in_short(found: SeedsAdded) -> str:
    """The same in a line, below ranks."""
    if found.unpaired:
        return "Seeds were added after a look, and these tests do not allow for it."
    if found.by_looks:
        return "Seeds were added by declared looks, and ranks are what those decide."
    return "Seeds were added after a look, so ranks go by a p that holds however often one looks."


def p_words(p: float, p_always: float) -> str:
    """`p = 0.03`, or both p."""
    known = f"p {_equals(p)}"
    if p_always != p_always:  # NaN: nobody looked before
        return known
    return f"{known} if the number of seeds had been fixed, {_equals(p_always)} however often"


def _equals(p: float) -> str:
    shown = show_p(p)
    return shown if shown.startswith("<") else f"= {shown}"
