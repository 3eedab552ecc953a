"""The compact letter display: two share a letter exactly where they cannot be told apart."""

from __future__ import annotations

import string
from collections import Counter
from itertools import combinations_with_replacement

import numpy as np

from clbench.typing import Array

Members = tuple[int, ...]  # of a group, in order


def groups(different: Array) -> list[Members]:
    """Sets of strategies none of which differ, that together hold every pair that does not.

    `different [k, k]` is symmetric, in the order of the ranking; so are the members, best first.
    Each pair not yet in a set starts one, which takes in whoever differs from nobody in it, first
    those who bring most pairs not yet in a set; sets that the others make superfluous are dropped.
    (Listing every largest set instead takes exponential time.)
    """
    alike: Array = ~np.asarray(different, dtype=bool)
    waiting = alike.copy()  # pairs that are in no set yet
    found: list[Members] = []
    while waiting.any():
        i, j = divmod(int(np.argmax(waiting)), len(alike))
        members = _grown(sorted({i, j}), alike, waiting)
        waiting[np.ix_(members, members)] = False
        found.append(members)
    return sorted(_needed(found))


def letters(different: Array) -> list[str]:
    """For each strategy its letters: `a`, `ab`, `b`.

    Beyond 26 sets they are `aa`, `ab`, ... with commas between.
    """
    sets = groups(different)
    comma = "," if len(sets) > len(string.ascii_lowercase) else ""
    return [comma.join(_letters_of(k, sets)) for k in range(len(different))]


def _letters_of(strategy: int, sets: list[Members]) -> list[str]:
    return [_letter(number) for number, members in enumerate(sets) if strategy in members]


def _grown(members: list[int], alike: Array, waiting: Array) -> Members:
    """The members, and whoever differs from none of them."""
    fits: Array = np.all(alike[members], axis=0)
    fits[members] = False  # they are in it already
    gain = waiting[members].sum(axis=0)
    while fits.any():
        newcomer = int(np.argmax(np.where(fits, gain, -1)))
        members.append(newcomer)
        fits &= alike[newcomer]
        fits[newcomer] = False
        gain = gain + waiting[newcomer]
    return tuple(sorted(members))


def _needed(sets: list[Members]) -> list[Members]:
    """Without those whose every pair is in another set."""
    counts = Counter(pair for members in sets for pair in _pairs(members))
    kept = []
    # The smallest first: what they hold is most likely to be held by others.
    for members in sorted(sets, key=len):
        own = _pairs(members)
        if all(counts[pair] > 1 for pair in own):
            counts.subtract(own)
        else:
            kept.append(members)
    return kept


def _pairs(members: Members) -> set[tuple[int, int]]:
    """Every two of them, and each with itself: a set of one holds a pair, too."""
    return set(combinations_with_replacement(members, 2))


def _letter(number: int) -> str:
    """a, b, ... z, aa, ab, ...: counting without a zero."""
    text = ""
    while True:
        number, letter = divmod(number, len(string.ascii_lowercase))
        text = string.ascii_lowercase[letter] + text
        if number == 0:
            return text
        number -= 1
