"""Banks of heads on small streams."""

from __future__ import annotations

import math
from typing import Any

RULES = ("vote", "sum_max", "sum_abs_max", "max_softmax", "entropy")


def score_by_hand(rule: str, heads: list[list[float]], head: int, label: int) -> float:
    """What one image adds to one head's score; `heads` are the logits of those that there are."""
    z = heads[head]
    if rule == "vote":
        tops = [max(other) for other in heads]
        return float(tops.index(max(tops)) == head)
    if rule == "sum_max":
        return max(z)
    if rule == "sum_abs_max":
        return max(abs(value) for value in z)
    if rule == "oracle":
        return float(z.index(max(z)) == label)
    total = sum(math.exp(value) for value in z)
    p = [math.exp(value) / total for value in z]
    if rule == "max_softmax":
        return max(p)
    return sum(share * math.log(share) for share in p)


def chosen_by_hand(rule: str, logits: Any, label: Any, valid: Any, together: int) -> list[int]:
    """Of one member: `logits [H][N][C]` of the heads that it has; an answer for each image that
    counts.
    """
    chosen: list[int] = []
    count = int(valid.sum())
    for start in range(0, count, together):
        group = range(start, min(start + together, count))
        totals = []
        for head in range(len(logits)):
            added = 0.0
            for image in group:
                heads = [other[image] for other in logits]
                added += score_by_hand(rule, heads, head, int(label[image]))
            totals.append(added)
        chosen += [totals.index(max(totals))] * len(group)
    return chosen


def trained(bench: Any, *seeds: int, tasks: int = 5) -> tuple[Any, Any]:
    """The swap after so many tasks, and its loop."""
    running, loop = bench.start(*seeds)
    for task in running.session.streams.tasks[:tasks]:
        loop.task(task)
    return running.part("multihead_swap"), loop
