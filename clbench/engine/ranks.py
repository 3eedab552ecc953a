"""Which row of its kind a row is, for buffers that
are shown a batch at once and fill up row by row.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rank_within(kinds: Tensor, counted: Tensor) -> Tensor:
    """`[R, B]`: how many rows that count and are of the same kind come before each row."""
    size = kinds.shape[1]
    # `[B, B]`: true below the diagonal, where column comes before row.
    before = torch.ones(size, size, dtype=torch.bool, device=kinds.device).tril(-1)
    same = kinds[:, :, None] == kinds[:, None, :]
    # Quadratic in the batch, and without a loop, which a device graph could not hold.
    return (same & before & counted[:, None, :]).sum(2)


def nth_true(flags: Tensor, numbers: Tensor, missing: int) -> Tensor:
    """The column of the n-th true flag of each row, `[R, N]` and `[R, n]` to `[R, n]`.

    `missing` where there is none.
    """
    members, columns = flags.shape
    # One column more, where all flags that are false write to.
    found = torch.full((members, columns + 1), missing, dtype=torch.int64, device=flags.device)
    # A true flag writes its column at its own rank.
    order = torch.where(flags, flags.cumsum(1) - 1, columns)
    found.scatter_(1, order, torch.arange(columns, device=flags.device).expand_as(order))
    found[:, columns].fill_(missing)
    return found.gather(1, numbers.clamp(min=0, max=columns))
