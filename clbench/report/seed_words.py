"""How many of its seeds a cell has: what `clbench show` says in its last column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from clbench.records import CellRecord
from clbench.records.status import TIMEOUT


def seeds_in_words(cell: CellRecord, asked: Sequence[int]) -> str:
    """`10`, or `8 of 10 (1 diverged, 1 not run)`. A seed is finished when all its agents are."""
    missing = _count_missing(cell, asked)
    total = len(np.unique(cell.seed)) + missing
    unfinished = len(np.unique(cell.seed[~cell.complete])) + missing
    if not unfinished:
        return str(total)
    words = _ended(cell)
    if missing:
        words.append(f"{missing} not run")
    return f"{total - unfinished} of {total} ({', '.join(words)})"


def _count_missing(cell: CellRecord, asked: Sequence[int]) -> int:
    """Of the seeds that the suite asks for."""
    # Nobody asks any more for what is kept apart.
    return 0 if cell.apart else len(np.setdiff1d(asked, cell.seed))


def _ended(cell: CellRecord) -> list[str]:
    """How many seeds ended in each way but the good one: `1 diverged`."""
    seeds_of: dict[str, set[int]] = defaultdict(set)
    for row in np.flatnonzero(~cell.done):
        seeds_of[cell.member_status[row]].add(int(cell.seed[row]))
    return [f"{len(seeds)} {_in_words(status)}" for status, seeds in sorted(seeds_of.items())]


def _in_words(status: str) -> str:
    return "timed out" if status == TIMEOUT else status
