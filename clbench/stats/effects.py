"""How large a difference is, beside how sure it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clbench.stats.ranks import tie_groups
from clbench.typing import Array


def vargha_delaney(a: Array, b: Array) -> float:
    """A: the chance that a run of the first scores higher than a run of the second, ties counted
    half (Vargha & Delaney 2000).

    It looks at no pairs: runs of one seed may all agree where it is near 0.5. By their convention
    0.56, 0.64 and 0.71 begin a small, a medium and a large one.
    """
    if not (len(a) and len(b)):
        return float("nan")
    group = tie_groups(np.concatenate([a, b]))
    first, second = group[: len(a), None], group[len(a) :]
    return float((first > second).mean() + (first == second).mean() / 2)


def cliffs_delta(a: Array, b: Array) -> float:
    """The chance to score higher minus the chance to score lower: 2 A - 1, from -1 to 1 (Cliff
    1993).
    """
    return 2 * vargha_delaney(a, b) - 1


def probability_of_improvement(a: Sequence[Array], b: Sequence[Array]) -> float:
    """A, averaged over scenarios: `a[s]` and `b[s]` are the runs on scenario s (Agarwal et al.
    2021).
    """
    return float(
        np.mean([vargha_delaney(first, second) for first, second in zip(a, b, strict=True)])
    )
