"""Old heads, `[R, heads, outputs]`: the outputs of each by number, -1 where a head has no more."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# In place of the logit of no output: its probability is exactly 0, and no arithmetic trips over it.
NOWHERE = -1e30


def with_outputs(heads: Tensor, classes: Tensor) -> Tensor:
    """One head that has these outputs `[R, C]`, too."""
    return heads.scatter(2, classes[:, None], classes[:, None])


def with_head(heads: Tensor, classes: Tensor) -> Tensor:
    """One head more, of these outputs `[R, C]`; of none for a member that has this head already."""
    # Sorted, so that the same outputs are the same row.
    row = classes.sort(1).values
    width = max(heads.shape[2], row.shape[1])
    heads = F.pad(heads, (0, width - heads.shape[2]), value=-1)
    row = F.pad(row, (0, width - row.shape[1]), value=-1)
    there = (heads == row[:, None]).all(2).any(1)
    row = row.masked_fill(there[:, None], -1)
    return torch.cat([heads, row[:, None]], dim=1)


def responses(logits: Tensor, heads: Tensor, temperature: float) -> Tensor:
    """`[R, B, heads, outputs]`: the log-probabilities within each head at this temperature."""
    # `[R, B, heads * outputs]`: each sample's logits, head by head; places without an output read
    # output 0 and are masked next.
    index = heads.clamp(min=0).flatten(1)[:, None].expand(-1, logits.shape[1], -1)
    scaled = logits.gather(2, index).unflatten(2, heads.shape[1:]) / temperature
    found: Tensor = scaled.masked_fill(heads[:, None] < 0, NOWHERE).log_softmax(3)
    return found


def divergence(taught: Tensor, own: Tensor) -> Tensor:
    """`[R, B]`: KL(taught || own) of log-probabilities, summed over heads."""
    # Both have about -1e30 where a head has no output: their difference is 0 and so is exp of it.
    return (taught.exp() * (taught - own)).sum((2, 3))
