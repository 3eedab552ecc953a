"""Which task a sample belongs to, when nobody tells: the one whose network is surest of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

UNLIKELY = -1e9  # a logit of an output that is out of the question; finite, unlike -inf


def entropy(logits: Tensor) -> Tensor:
    """`[..., C]` -> `[...]`: the entropy of the soft-max; outputs at -inf do not count."""
    p = logits.softmax(-1)
    # 0 log 0 is 0; 0 times -inf would be NaN.
    return -torch.where(p > 0, p * logits.log_softmax(-1), 0.0).sum(-1)


def surest(candidates: Iterable[Tensor]) -> Tensor:
    """`[R, B, C]` of several networks -> each sample's logits of lowest entropy, first of equals.

    Outputs that are at -inf in the logits chosen become very unlikely ones.
    """
    rest = iter(candidates)
    chosen = next(rest)
    lowest = entropy(chosen)
    for logits in rest:
        own = entropy(logits)
        # Strictly: of equal ones the first stays.
        surer = own < lowest
        chosen = torch.where(surer[..., None], logits, chosen)
        lowest = torch.where(surer, own, lowest)
    return chosen.clamp(min=UNLIKELY)
