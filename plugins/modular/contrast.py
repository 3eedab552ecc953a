"""The supervised contrastive loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def supervised_contrast(
    features: Tensor,
    labels: Tensor,
    tasks: Tensor,
    counts: Tensor,
    anchors: int,
    temperature: float,
) -> Tensor:
    """`[R]`: supervised contrastive loss (Khosla et al. 2020, L_out), taken within each task.

    L_i = -1 / |P(i)| sum_{p in P(i)} log( exp(z_i.z_p / t) / sum_{a in A(i)} exp(z_i.z_a / t) ),
    with z the features `[R, N, F]` at length 1, A(i) all other rows of i's task and P(i) those of
    them with i's label. It is averaged over those of the first `anchors` rows that have a positive.
    Rows that do not count (`counts [R, N]`) are neither anchors nor in any A(i).
    """
    similar = _cosines(features, anchors) / temperature
    # An anchor is row i of all rows, too, as the anchors come first.
    itself = torch.eye(*similar.shape[1:], dtype=torch.bool, device=similar.device)
    others = _alike(tasks, anchors) & counts[:, None] & ~itself
    positive = others & _alike(labels, anchors)
    log_shares = torch.where(positive, _log_shares(similar, others), 0.0)
    positives = positive.sum(2)
    # L_out: the mean over positives stands outside the logarithm.
    losses = -log_shares.sum(2) / positives.clamp(min=1)
    # One without a positive has no loss, and does not count in the mean either.
    is_anchor = counts[:, :anchors] & (positives > 0)
    return _mean_where(is_anchor, losses)


def _cosines(features: Tensor, anchors: int) -> Tensor:
    """`[R, anchors, N]`: inner products of unit vectors, from -1 to 1."""
    unit = F.normalize(features, dim=2)
    return unit[:, :anchors] @ unit.transpose(1, 2)


def _log_shares(similar: Tensor, others: Tensor) -> Tensor:
    """The logarithm of each row's share among the others of an anchor, A(i)."""
    # A finite number and not -inf: the gradient of a row without any others would be NaN.
    never = torch.finfo(similar.dtype).min
    # log of the denominator: sum over A(i).
    of_all = similar.masked_fill(~others, never).logsumexp(2, keepdim=True)
    return similar - of_all


def _mean_where(counts: Tensor, values: Tensor) -> Tensor:
    """`[R]`: the mean of those that count; 0 where none does."""
    return torch.where(counts, values, 0.0).sum(1) / counts.sum(1).clamp(min=1)


def _alike(names: Tensor, anchors: int) -> Tensor:
    """`[R, N]` to `[R, anchors, N]`: which rows have the name of each anchor."""
    return names[:, :anchors, None] == names[:, None]
