"""What is remembered of a layer's kernels: of tasks that are over, and of the one at hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clbench import Stateful

from . import changes, ranking


class KernelMemory(Stateful):
    """Of one layer of K kernels, for R members."""

    def __init__(self, members: int, kernels: int, device: torch.device) -> None:
        rows = members, kernels
        # From tasks that are over; nothing where `tasks` is 0.
        self.tasks = torch.zeros(members, dtype=torch.int64, device=device)
        self.allowed = torch.zeros(rows, device=device)  # d, the change that is within bounds
        self.scores = torch.zeros(rows, dtype=torch.float64, device=device)
        self.important = torch.zeros(rows, dtype=torch.bool, device=device)
        # Of the task at hand.
        self.importance = torch.zeros(rows, dtype=torch.float64, device=device)  # over its steps
        self.is_trained = False
        self.sampled: Tensor | None = None  # the weights [R, K, ...] of the last sample
        self.samples: list[Tensor] = []  # [R, K] each, NaN for members that took fewer
        self.taken = [0] * members  # how many of them
        self.moved = torch.zeros(rows, dtype=torch.float64, device=device)  # signed, over samples

    @property
    def kernels(self) -> int:
        """K."""
        return self.allowed.shape[1]

    def begin(self, weight: Tensor) -> None:
        """A task begins with these weights."""
        self.is_trained = False
        self.sampled = weight.detach().clone()
        self.samples = []
        self.taken = [0] * len(self.taken)
        self.importance.zero_()
        self.moved.zero_()

    def sample(self, weight: Tensor, members: Sequence[int], stat: changes.DeltaStat) -> None:
        """How much these members' kernels changed since the last sample."""
        assert self.sampled is not None
        # Since the last sample, not since the task began.
        change = weight.detach() - self.sampled
        sizes = changes.size_of_change(change, stat)
        signed = changes.size_of_change(change, "signed")
        for member in members:
            self._write(sizes, member)
            self.moved[member] += signed[member]
            self.sampled[member] = weight.detach()[member]

    def _write(self, sizes: Tensor, member: int) -> None:
        """A member's next sample.

        Each is a tensor of its own: a table that grows would not fit what a member that sits out
        has left behind.
        """
        place = self.taken[member]
        if place == len(self.samples):
            self.samples.append(torch.full_like(sizes, torch.nan))
        self.samples[place][member] = sizes[member]
        self.taken[member] += 1

    def unsampled(self) -> list[int]:
        """The members without a sample."""
        return [member for member, count in enumerate(self.taken) if count == 0]

    def average_change(self, learnt: Tensor) -> Tensor:
        """`[R, K]`: the mean signed change between two samples; NaN for who did not learn."""
        taken = torch.tensor(self.taken, device=self.moved.device)[:, None]
        known = learnt[:, None] & (taken > 0)
        return torch.where(known, self.moved / taken.clamp(min=1), torch.nan)

    def remember(
        self, allowed: Tensor, scores: Tensor, learnt: Tensor, *, accumulate: bool
    ) -> None:
        """Put what the task gave in place of what was remembered, or add it, where `learnt [R]`."""
        allowed, scores = allowed.to(self.allowed.dtype), scores.to(self.scores.dtype)
        if accumulate:
            before = self.tasks[:, None]
            # Running mean over tasks.
            allowed = (self.allowed * before + allowed) / (before + 1)
            scores = self.scores + scores
        self.allowed = torch.where(learnt[:, None], allowed, self.allowed)
        self.scores = torch.where(learnt[:, None], scores, self.scores)
        self.tasks = self.tasks + learnt

    def choose(self, count: int, learnt: Tensor) -> None:
        """The kernels of the highest scores are the important ones."""
        chosen = ranking.largest(self.scores, count)
        self.important = torch.where(learnt[:, None], chosen, self.important)

    def end(self) -> None:
        """Let go of what only the task needed."""
        self.sampled = None
        self.samples = []
