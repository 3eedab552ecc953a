"""The supervised contrastive loss of one member."""

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
    """Supervised contrastive loss (Khosla et al. 2020, L_out), taken within each task.

    L_i = -1 / |P(i)| sum_{p in P(i)} log( exp(z_i.z_p / t) / sum_{a in A(i)} exp(z_i.z_a / t) ), with z the
    features `[N, F]` at length 1, A(i) all other rows of i's task and P(i) those of them with i's label.
    It is averaged over those of the first `anchors` rows that have a positive. Rows that do not count
    (`counts [N]`) are neither anchors nor in any A(i).
    """
    unit = F.normalize(features, dim=1)
    similar = unit[:anchors] @ unit.T / temperature
    itself = torch.eye(anchors, len(unit), dtype=torch.bool, device=unit.device)
    same_task = tasks[:anchors, None] == tasks
    others = same_task & counts & ~itself
    positive = others & (labels[:anchors, None] == labels)
    # A finite number and not -inf: the gradient of a row without any others would be NaN.
    never = torch.finfo(similar.dtype).min
    of_all = similar.masked_fill(~others, never).logsumexp(1, keepdim=True)
    log_share = torch.where(positive, similar - of_all, 0.0)
    positives = positive.sum(1)
    losses = -log_share.sum(1) / positives.clamp(min=1)
    is_anchor = counts[:anchors] & (positives > 0)
    return torch.where(is_anchor, losses, 0.0).sum() / is_anchor.sum().clamp(min=1)
