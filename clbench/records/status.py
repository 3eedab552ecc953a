"""How members and cells ended: every word for it, and what it means, in one place."""

from __future__ import annotations

import numpy as np

from clbench.typing import Array

DONE = "done"
DIVERGED = "diverged"
FAILED = "failed"
TIMEOUT = "timeout"
PARTIAL = "partial"  # of a cell: some of its members came to an end, and some did not

MEMBER_STATUS = (DONE, DIVERGED, FAILED, TIMEOUT)
# A member with one of these came to an end: run again, it would end in the same way.
FINISHED = (DONE, DIVERGED)


def is_finished(member_status: Array) -> Array:
    """`[S]`: members that need not run again."""
    finished: Array = np.isin(member_status.astype(str), FINISHED)
    return finished


def status_of(member_status: Array) -> str:
    """A cell's status from its members'."""
    finished = is_finished(member_status)
    if not finished.any():
        return FAILED
    if not finished.all():
        return PARTIAL
    return DONE if (member_status == DONE).any() else DIVERGED
