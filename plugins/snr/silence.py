"""For how long units have been silent, and how likely that is by what is known of them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

import torch
from torch import Tensor

from clbench import Stateful, per_member

Samples = TypeVar("Samples", int, Tensor)


def fires(h: Tensor) -> Tensor:
    """`[R, B, units, ...]` -> `[R, units]`: whether a unit is above 0 anywhere."""
    # `[R, units, B * ...]`: samples and positions together.
    return (h > 0).transpose(1, 2).flatten(2).any(2)


class Silence(Stateful):
    """The samples since each unit last fired, `age [R, units]`, and what past silences were."""

    def __init__(self, members: int, units: int, device: torch.device) -> None:
        self.age = torch.zeros(members, units, dtype=torch.int64, device=device)

    def note(self, fired: Tensor, samples: int) -> None:
        """A step over so many samples, in which these units `[R, units]` fired."""
        # The step's samples count as silent until its end is noted: a silence is as long as the
        # steps it spans.
        self.age += samples
        self.end(fired)
        self.age.masked_fill_(fired, 0)

    def forget(self, due: Tensor) -> None:
        """These units are new ones."""
        self.age.masked_fill_(due, 0)
        self.begin(due)

    @abstractmethod
    def end(self, fired: Tensor) -> None:
        """Silences of these units, of length `age`, end."""

    @abstractmethod
    def begin(self, due: Tensor) -> None:
        """Nothing is known of these units any longer."""

    @abstractmethod
    def unlikely(self, candidates: Tensor, eta: float) -> Tensor:
        """`[R, units]`: which candidates have P(A >= age) <= eta, A being a silence of theirs."""


class Geometric(Silence):
    """Silences as if a unit fired at each sample with the same probability: one by their mean."""

    def __init__(self, members: int, units: int, device: torch.device) -> None:
        super().__init__(members, units, device)
        self.sum = torch.ones_like(self.age)
        self.count = torch.ones_like(self.age)

    def end(self, fired: Tensor) -> None:
        self.sum += torch.where(fired, self.age, 0)
        self.count += fired

    def begin(self, due: Tensor) -> None:
        self.sum.masked_fill_(due, 1)
        self.count.masked_fill_(due, 1)

    def unlikely(self, candidates: Tensor, eta: float) -> Tensor:
        tail: Tensor = per_member(geometric_tail, self.age, self.sum, self.count)
        return candidates & (tail <= eta)


def geometric_tail(age: Tensor, total: Tensor, count: Tensor) -> Tensor:
    """P(A >= age) = (1 - 1 / mean)^age, with the mean of `count` silences that make `total`."""
    # In float64: 1 - a small rate, to a power of thousands.
    return (1.0 - count.double() / total).pow(age)


class Histogram(Silence):
    """How many silences of each length a unit had, in bins of `width` samples, up to `maximum`."""

    def __init__(
        self, members: int, units: int, device: torch.device, width: int, maximum: int
    ) -> None:
        super().__init__(members, units, device)
        self.width, self.maximum = width, maximum
        # Bin k holds silences of up to k * width samples; bin 0 is that of no silence.
        bins = widths(maximum, width) + 1
        self.counts = torch.zeros(members, units, bins, dtype=torch.int32, device=device)

    def end(self, fired: Tensor) -> None:
        # `[R, units, 1]`: one more in the bin of each unit that fired.
        self.counts.scatter_add_(2, self._bin()[..., None], fired.int()[..., None])

    def begin(self, due: Tensor) -> None:
        self.counts.masked_fill_(due[..., None], 0)

    def unlikely(self, candidates: Tensor, eta: float) -> Tensor:
        """Few silences were as long, the one at hand counted in; or it has lasted for `maximum`."""
        # Only of the candidates: all counts of a layer are many numbers to go through.
        counts = self.counts[candidates]
        bins = torch.arange(counts.shape[1], device=counts.device)
        # `[candidates, bins]`, whatever member they are of.
        as_long = torch.where(bins >= self._bin()[candidates][:, None], counts, 0).sum(1)
        share = (1 + as_long) / (1 + counts.sum(1))
        over = self.age[candidates] >= self.maximum
        return torch.zeros_like(candidates).masked_scatter_(candidates, (share <= eta) | over)

    def _bin(self) -> Tensor:
        """Where silences of length `age` are counted."""
        return widths(self.age, self.width).clamp(max=self.counts.shape[2] - 1)


def widths(samples: Samples, width: int) -> Samples:
    """How many widths it takes to hold so many samples."""
    return (samples + width - 1) // width
