"""How seeds may be added, and when one looks: what a suite declares before anything has run.

Without numpy, so that a suite can be read without the statistics that will decide by it.
"""

from __future__ import annotations

DECLARED, ALWAYS_VALID = "declared looks", "always valid"


def declared_looks(least: int, most: int) -> tuple[int, ...]:
    """Looks from the least seeds to the most, each half as many again as the one before.

    6, 9, 13, 19 and 30: what would be left for a last small step is added to the one before it.
    """
    looks = [least]
    while looks[-1] < most:
        step = max(1, looks[-1] // 2)
        following = looks[-1] + step
        looks.append(following if following + step // 2 < most else most)
    return tuple(looks)
