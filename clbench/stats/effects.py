"""How large a difference is, beside how sure it is."""

from __future__ import annotations

import numpy as np

from clbench.stats.ranks import tie_groups
from clbench.typing import Array


def vargha_delaney(a: Array, b: Array) -> float:
    """A: the chance that a run of the first scores higher than a run of the second.

    Ties are counted half (Vargha & Delaney 2000). It looks at no pairs: runs of one seed may all
    agree where it is near 0.5. By their convention 0.56, 0.64 and 0.71 begin a small, a medium and
    a large one.
    """
    if not (len(a) and len(b)):
        return float("nan")
    # Numbers of ties instead of scores: what is equal on paper is even.
    group = tie_groups(np.concatenate([a, b]))
    first, second = group[: len(a), None], group[len(a) :]
    higher = (first > second).mean()
    equal = (first == second).mean()
    return float(higher + equal / 2)
