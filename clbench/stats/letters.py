"""The compact letter display: two strategies share a letter exactly where they cannot be told
apart.
"""

from __future__ import annotations

import numpy as np

from clbench.typing import Array


def groups(different: Array) -> list[tuple[int, ...]]:
    """Sets of strategies none of which differ, that together hold every pair that does not; members
    are in order, best first.

    `different [k, k]` is symmetric, in the order of the ranking. Each pair not yet in a set starts
    one, which takes in whoever differs from nobody in it, first those who bring most pairs not yet
    in a set; sets that the others make superfluous are dropped. (Listing every largest set instead
    takes exponential time.)
    """
    alike: Array = ~np.asarray(different, dtype=bool)
    waiting = alike.copy()  # pairs that are in no set yet
    found: list[tuple[int, ...]] = []
    while waiting.any():
        i, j = divmod(int(np.argmax(waiting)), len(alike))
        members = _grown(sorted({i, j}), alike, waiting)
        waiting[np.ix_(members, members)] = False
        found.append(members)
    return sorted(_needed(found))


def letters(different: Array) -> list[str]:
    """For each strategy its letters: `a`, `ab`, `b`; beyond 26 sets they are `aa`, `ab`, ... with
    commas between.
    """
    sets = groups(different)
    names = [_letter(number) for number in range(len(sets))]
    comma = "," if len(sets) > 26 else ""
    return [
        comma.join(name for name, members in zip(names, sets, strict=True) if k in members)
        for k in range(len(different))
    ]


def _grown(members: list[int], alike: Array, waiting: Array) -> tuple[int, ...]:
    """The members, and whoever differs from none of them."""
    fits: Array = np.all(alike[members], axis=0)
    fits[members] = False
    gain = waiting[members].sum(axis=0)
    while fits.any():
        newcomer = int(np.argmax(np.where(fits, gain, -1)))
        members.append(newcomer)
        fits &= alike[newcomer]
        fits[newcomer] = False
        gain = gain + waiting[newcomer]
    return tuple(sorted(members))


def _needed(sets: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Without those whose every pair is in another set."""
    counts: dict[tuple[int, int], int] = {}
    for members in sets:
        for pair in _pairs(members):
            counts[pair] = counts.get(pair, 0) + 1
    kept = []
    for members in sorted(sets, key=len):
        own = _pairs(members)
        if all(counts[pair] > 1 for pair in own):
            for pair in own:
                counts[pair] -= 1
        else:
            kept.append(members)
    return kept


def _pairs(members: tuple[int, ...]) -> set[tuple[int, int]]:
    return {(i, j) for place, i in enumerate(members) for j in members[place:]}


def _letter(number: int) -> str:
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text = chr(ord("a") + rest) + text
        if number == 0:
            return text
        number -= 1
