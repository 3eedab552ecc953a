"""Which samples are asked for, and which are nearest to them."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import per_member, sample_cross_entropy

Score = Literal["cross_entropy", "confidence", "margin", "entropy", "random"]


def difficulty(score: Score, logits: Tensor, y: Tensor) -> Tensor:
    """`[R, B, C]`, `[R, B]` -> `[R, B]`: how hard each sample is, by loss or by uncertainty.

    An output that does not count has a logit of -inf.
    """
    if score == "cross_entropy":
        return sample_cross_entropy(logits, y)
    if score == "margin":
        # The smaller the lead of the largest logit, the harder.
        first, second = logits.topk(2, dim=2).values.unbind(2)
        return second - first
    chances = logits.softmax(2)
    if score == "confidence":
        return -chances.amax(2)
    return -torch.where(chances > 0, chances * chances.log(), 0.0).sum(2)


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """`[R, n, F]`, `[R, m, F]` -> `[R, n, m]`: the cosine of each pair."""
    found: Tensor = per_member(_cosines, one.contiguous(), other.contiguous())
    return found


def _cosines(one: Tensor, other: Tensor) -> Tensor:
    return F.normalize(one, dim=1) @ F.normalize(other, dim=1).T


class Nearest:
    """The samples most similar to each query of all that it is shown, the first of equals."""

    def __init__(self, queries: Tensor, count: int) -> None:
        """`queries [R, n, ...]`, and how many samples are looked for, for each."""
        self.count = count
        self.similarity = torch.full((*queries.shape[:2], 0), -torch.inf, device=queries.device)
        self.label = torch.zeros_like(self.similarity, dtype=torch.int64)

    def show(self, similarity: Tensor, label: Tensor) -> None:
        """Samples by their similarity to each query, `[R, queries, B]` (-inf: none), and a number
        that names each, `[R, B]`.
        """
        labels = label[:, None].expand(-1, similarity.shape[1], -1)
        similarities = torch.cat([self.similarity, similarity], dim=2)
        # Stable, with what was shown before in front: of equally similar samples the first stays.
        order = similarities.argsort(dim=2, descending=True, stable=True)[..., : self.count]
        self.similarity = similarities.gather(2, order)
        self.label = torch.cat([self.label, labels], dim=2).gather(2, order)

    @property
    def found(self) -> Tensor:
        """`[R, queries, count]`: which places hold a sample."""
        return self.similarity > -torch.inf
