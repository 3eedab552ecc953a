"""iCaRL: exemplars chosen by herding, distillation, and the nearest mean of exemplars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench import (
    Batch,
    Memory,
    Phase,
    Samples,
    Stack,
    Strategy,
    Task,
    errors,
    hookimpl,
    per_member,
)

from .exemplars import Exemplars, herd

BYTES = 4  # of each number that is kept beside the exemplars, float32
CHUNK = 256  # exemplars at a time


class ICaRL(Strategy):
    """Incremental classifier and representation learning (Rebuffi et al. 2017).

    Trains on the task's samples and all exemplars. Every output of a class seen so far is a
    logistic regression: those of the task's classes learn the labels, those of earlier classes what
    the network said before the task. The loss is the sum over these outputs. After a task
    floor(memory / classes seen) exemplars of each class are kept, chosen by herding, and a sample
    is of the class whose exemplars have the nearest mean, in features of length 1. Until a task
    ends, the network's own outputs answer.
    """

    paper = (
        "Rebuffi et al. 2017, iCaRL: incremental classifier and representation learning,"
        " https://arxiv.org/abs/1611.07725"
    )
    name = "icarl"
    replaces = frozenset({"task_loss"})
    memory: Memory = 2000  # exemplars kept in all, or the bytes that all it carries may take

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        if setting == "domain":
            return (
                "it keeps exemplars of each class, and in the domain setting labels come back in"
                " every task; use it where setting is class or task"
            )
        return super().refusal(setting, protocol)

    def setup(self) -> None:
        super().setup()
        classes, width = self.scenario.classes, self._head_weight().shape[2]
        # The teacher and the means.
        numbers = sum(p[0].numel() for p in self.net.parameters()) + classes * width
        self.exemplars = Exemplars(self, self.memory, beside=BYTES * numbers)
        flags = torch.zeros(self.members, classes, dtype=torch.bool, device=self.device)
        self.seen, self.earlier, self.has_mean = flags, flags.clone(), flags.clone()
        self.means = torch.zeros(self.members, classes, width, device=self.device)
        self.answers_by_means = False
        self.teacher: Stack | None = None

    # ------------------------------------------------------------------ training

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        present = torch.zeros_like(self.seen).scatter_(1, task.classes, True)
        # Classes that are learnt from the labels in this task are not distilled.
        self.earlier = self.seen & ~present
        self.seen = self.seen | present

    def phases(self, task: Task) -> Sequence[Phase]:
        phases = super().phases(task)
        if task.index == 0:
            return phases
        both = self._with_exemplars(task)
        return [replace(phase, data=both) if phase.data == "task" else phase for phase in phases]

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        self.answers_by_means = False

    def task_loss(self, batch: Batch) -> Tensor:
        logits = self.net(batch.x)
        # One-hot.
        wanted = torch.zeros_like(logits).scatter_(2, batch.y[..., None], 1.0)
        if self.teacher is not None:
            with torch.no_grad():
                taught: Tensor = per_member(torch.sigmoid, self.teacher(batch.x))
            # Outputs of earlier classes learn q = sigma(teacher), the others the labels (algorithm
            # 3 of the paper).
            wanted = torch.where(self.earlier[:, None], taught, wanted)
        losses = per_member(_logistic, logits, wanted)
        # Outputs of classes to come have no loss; the sum over the others, as published.
        return batch.mean(torch.where(self.seen[:, None], losses, 0.0).sum(2))

    def _with_exemplars(self, task: Task) -> Samples:
        """The task's samples and the exemplars."""
        batches = list(task.batches("train", CHUNK))
        kept = self.exemplars.samples()
        index = [batch.index for batch in batches]
        tasks = [batch.tasks for batch in batches]
        valid = [batch.weights for batch in batches]
        return Samples(
            torch.cat([*index, kept.index], dim=1),
            torch.cat([*tasks, kept.tasks], dim=1),
            torch.cat([*valid, self.exemplars.occupied], dim=1),
        )

    # ------------------------------------------------------------------ after a task

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        super().end_task(task)
        with self.net.evaluation():
            self._choose(task)
            self._average()
        # As the network is when the next task begins.
        self.teacher = self.net.spawn().requires_grad_(False).eval()
        self.answers_by_means = True

    def _choose(self, task: Task) -> None:
        """Shorten the lists of exemplars that there are, and choose those of the task's classes."""
        batches = list(task.batches("train", CHUNK))
        features = torch.cat([self._features(batch.x) for batch in batches], dim=1)
        # Padding belongs to no class.
        labels = torch.cat([batch.y.masked_fill(~batch.weights, -1) for batch in batches], dim=1)
        index = torch.cat([batch.index for batch in batches], dim=1)
        # m = floor(K / t), for each member.
        share = self.exemplars.size // self.seen.sum(1)
        for column in task.classes.unbind(1):
            places = self._herded(features, labels == column[:, None], share)
            chosen = index.gather(1, places.clamp(min=0))
            self.exemplars.renew(share, chosen, task.index, places >= 0)

    def _herded(self, features: Tensor, of_class: Tensor, share: Tensor) -> Tensor:
        """`[R, m]`: the rows of the samples chosen of one class, first to last; -1 behind them."""
        places = torch.full((self.members, int(share.max())), -1, device=self.device)
        for member in range(self.members):
            mine = of_class[member].nonzero()[:, 0]
            order = herd(features[member, mine], min(int(share[member]), len(mine)))
            places[member, : len(order)] = mine[order]
        return places

    def _average(self) -> None:
        """The means of the exemplars' features, of length 1."""
        self.means.zero_()
        self.has_mean.zero_()
        for start in range(0, self.exemplars.size, CHUNK):
            part = slice(start, start + CHUNK)
            self._add_features(part)
        # The mean of features of length 1, brought to length 1 itself (algorithm 1).
        self.means.copy_(F.normalize(self.means, dim=2))

    def _add_features(self, part: slice) -> None:
        """Add the features of these exemplars to the sums of their classes."""
        kept = self.exemplars.samples()
        valid = self.exemplars.occupied[:, part]
        batch = self.fetch(kept.index[:, part], kept.tasks[:, part], valid=valid)
        features = torch.where(valid[..., None], self._features(batch.x), 0.0)
        self.means.scatter_add_(1, batch.y[..., None].expand_as(features), features)
        counts = torch.zeros_like(self.has_mean, dtype=torch.int64)
        self.has_mean |= counts.scatter_add_(1, batch.y, valid.long()) > 0

    # ------------------------------------------------------------------ prediction

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """Minus the squared distance to the mean of each class."""
        if not self.answers_by_means:
            return super().predict(x, task)
        products: Tensor = per_member(_products, self._features(x), self.means)
        # -||f - mu||^2 = 2 <f, mu> - 2, both of length 1.
        return (2.0 * products - 2.0).masked_fill(~self.has_mean[:, None], UNKNOWN)

    def _features(self, x: Tensor) -> Tensor:
        """`[R, B, F]`: what goes into the head, of length 1."""
        _, taps = self.net.tap(x, (nn.Linear,))
        return F.normalize(taps.inputs["head"], dim=2)

    def _head_weight(self) -> Tensor:
        weight = self.net.named_parameters().get("head.weight")
        if weight is None:
            raise errors.StrategyError(
                "icarl reads the features that go into the last layer, a linear one named head;"
                f" the model {type(self.net.module).__name__} has none"
            )
        return weight


UNKNOWN = -1e6  # of a class without exemplars; distances are at most 4


def _logistic(logits: Tensor, wanted: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")


def _products(features: Tensor, means: Tensor) -> Tensor:
    return features @ means.T


@hookimpl
def clbench_strategies() -> list[type]:
    return [ICaRL]
