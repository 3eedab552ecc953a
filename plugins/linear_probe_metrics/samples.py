"""The images that linear probes look at, and what a layer makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clbench import Batch, Probe, Undefined, per_member

FEWEST = 20  # images of a task; rather fewer tasks than fewer images
TINY = 1e-9  # beside a standard deviation


@dataclass(frozen=True)
class Features:
    """`x [R, N, D]` in float64, labels `y [R, N]` of `classes`; rows that count, `valid [R, N]`.

    N follows from the options alone, so that a member's numbers do not depend on the others'.
    """

    x: Tensor
    y: Tensor
    valid: Tensor
    classes: int

    def of_classes(self, rows: Tensor) -> Tensor:
        """`[R, N, classes]`: 1 where one of these rows, `[R, N]`, is of the class."""
        every = torch.arange(self.classes, device=self.y.device)
        return ((self.y[..., None] == every) & rows[..., None]).double()

    def has_classes(self, number: int) -> Tensor:
        """`[R]`: whether there are images of so many classes."""
        return self.of_classes(self.valid).any(1).sum(1) >= number


@torch.no_grad()
def features_of(probe: Probe, layer: str, classes: str, samples: int) -> Features:
    """A layer's features of the images chosen; a filter gives one at each of its positions."""
    name = _layer_named(probe, layer)
    size = _images_a_task(probe, classes, samples)
    tasks = _batches_by_task(probe, classes, samples)
    found = [_of_task(probe, name, batches, size) for batches in tasks]
    if not found:
        return _none(probe)
    x, y, index, counted = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
    if classes == "unseen":
        # Images of a class that was trained on before are no unseen ones, though their task is.
        counted = counted & ~probe.classes("seen").gather(1, y)
    x = x.double()
    # One infinite feature would make the whole fit of a member NaN.
    counted = counted & x.isfinite().all(2)
    counted = counted & _for_the_first_time(index, counted)
    return Features(x.where(counted[..., None], 0.0), y, counted, probe.classes("all").shape[1])


def _of_task(
    probe: Probe, name: str, batches: Sequence[Batch], size: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The features, labels, numbers of the images, and whether they count: `[R, size, ...]`.

    Each task takes the same number of rows of every member, whoever has fewer.
    """
    # `[R, n, D]`: units, or channels and positions side by side.
    features = [probe.net(batch.x, trace=True)[1][name].flatten(2) for batch in batches]
    labels = [batch.y for batch in batches]
    numbers = [batch.index for batch in batches]
    valid = [batch.weights for batch in batches]
    x, y, index, counted = (_exactly(one, size) for one in (features, labels, numbers, valid))
    return x, y, index, counted


@torch.no_grad()
def network_is_right(probe: Probe, classes: str, samples: int) -> Tensor:
    """`[R, N]`: whether the network, as evaluated, knows the images that `features_of` gives."""
    size, found = _images_a_task(probe, classes, samples), []
    for batches in _batches_by_task(probe, classes, samples):
        right = [probe.predict(batch).argmax(2) == batch.y for batch in batches]
        found.append(_exactly(right, size))
    return torch.cat(found, dim=1)


def mean_shifts(features: Features) -> Tensor:
    """`[R, classes]`: how far each class's mean is from that of all, in deviations a feature."""
    counted = features.valid[..., None]
    number = counted.sum(1, keepdim=True)
    # `[R, 1, D]`; rows that do not count are 0.
    mean = features.x.sum(1, keepdim=True) / number
    away = (features.x - mean).where(counted, 0.0)
    deviation = (away.square().sum(1, keepdim=True) / number).sqrt()
    # `[R, N, classes]`.
    members = features.of_classes(features.valid)
    # `[R, classes, D]`: sums of deviations, so that the mean of all is off already.
    sums = per_member(torch.matmul, members.transpose(1, 2), away)
    shift = sums / members.sum(1)[..., None] / (deviation + TINY)
    lengths: Tensor = shift.norm(dim=2)
    return lengths


def _batches_by_task(probe: Probe, classes: str, samples: int) -> Iterator[list[Batch]]:
    split, size = _split_of(probe), _images_a_task(probe, classes, samples)
    for task in _tasks(probe, classes, samples):
        yield list(probe.data(split, [task], size))


def _split_of(probe: Probe) -> str:
    """Images that the network was not trained on."""
    return "validation" if min(probe.task.size("validation")) > 0 else "test"


def _tasks(probe: Probe, classes: str, samples: int) -> Sequence[int]:
    """All tasks, or so many spread evenly up to the last, that enough images of each are left."""
    tasks: Sequence[int] = probe.tasks(classes)
    most = samples // FEWEST
    if len(tasks) <= most:
        return tasks
    return [tasks[(place + 1) * len(tasks) // most - 1] for place in range(most)]


def _images_a_task(probe: Probe, classes: str, samples: int) -> int:
    return samples // max(1, len(_tasks(probe, classes, samples)))


def _layer_named(probe: Probe, name: str) -> str:
    names: list[str] = [layer.name for layer in probe.net.layers()]
    if name == "last" and names:
        return names[-1]
    if name in names:
        return name
    known = ", ".join(names) or "none"
    raise Undefined(f"the network has no hidden layer {name!r}; it has: {known}")


def _exactly(parts: Sequence[Tensor], size: int) -> Tensor:
    """The parts `[R, n, ...]` one behind the other, cut or filled up with zeros to so many rows."""
    whole = torch.cat(list(parts), dim=1)[:, :size]
    lacking = size - whole.shape[1]
    return torch.cat([whole, whole.new_zeros(len(whole), lacking, *whole.shape[2:])], dim=1)


def _for_the_first_time(index: Tensor, counted: Tensor) -> Tensor:
    """`[R, N]`: whether no earlier row that counts shows the same image; tasks may share images."""
    last = torch.iinfo(index.dtype).max
    # Rows that do not count are sorted to the end. The sort is stable: of equal images the first
    # row stays first.
    ordered, order = index.masked_fill(~counted, last).sort(dim=1, stable=True)
    first = torch.ones_like(counted)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    # Back to the order that rows came in.
    return torch.empty_like(first).scatter_(1, order, first)


def _none(probe: Probe) -> Features:
    """No image at all."""
    outputs = probe.classes("all")
    members, classes = outputs.shape
    empty = outputs.new_zeros(members, 0)
    return Features(empty[..., None].double(), empty.long(), empty, classes)
