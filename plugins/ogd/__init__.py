"""Orthogonal gradient descent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Phase, Stateful, Strategy, Task, errors, hookimpl, sample_bytes

from .basis import Basis, DenseBasis, FactoredBasis
from .directions import SAMPLES, Sites, dense, factored, summed
from .parts import DenseRows, Part, joined


class Remembered(Stateful):
    """The samples that a task is remembered by, `[R, M]`, and its outputs, `[R, C]`."""

    def __init__(
        self, index: Tensor, tasks: Tensor, valid: Tensor, outputs: Tensor, sample_size: int
    ) -> None:
        self.index, self.tasks, self.valid, self.outputs = index, tasks, valid, outputs
        self.sample_size = sample_size  # bytes

    @property
    def size(self) -> int:
        """M."""
        return self.index.shape[1]

    def chunks(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """`index`, `tasks` and `valid` of so many samples at a time as directions are taken of."""
        pieces = [table.split(SAMPLES, dim=1) for table in (self.index, self.tasks, self.valid)]
        yield from zip(*pieces, strict=True)

    def stands_for(self) -> int:
        """The samples themselves."""
        return self.size * self.sample_size


class OGD(Strategy):
    """Orthogonal gradient descent (Farajtabar et al. 2020): steps that leave old outputs as they
    are, to first order.

    After a task the gradients of outputs for some of its samples join a set of directions; from
    then on the gradient of the loss loses its components in the space that they span, g - sum <g,
    u> u over an orthonormal basis. Meant for plain SGD: where the optimiser has moments, what is
    orthogonal is the gradient and not the step, unless `project: update`.

    In the task setting the last layer is left alone: the rows of the task at hand are stepped as
    they are, those of other tasks get no gradient. Otherwise all trainable parameters are
    projected.
    """

    paper = (
        "Farajtabar et al. 2020, Orthogonal gradient descent for continual learning,"
        " https://arxiv.org/abs/1910.07104"
    )
    name = "ogd"
    # A direction of a sample: the gradient of its true class's output (gtl), of the mean of its
    # outputs (ave), of each of them (all); mean_loss: one direction a task, the mean gradient of
    # the loss.
    variant: Literal["gtl", "ave", "all", "mean_loss"] = "gtl"
    # Directions a task. A sample has one of them, and with `all` one for each of its outputs.
    memory: PositiveInt = 200
    # With mean_loss, one direction a class: the gradient of the sum of its samples' true outputs.
    per_class: bool = False
    project: Literal["gradient", "update"] = "gradient"  # what is projected
    # Keep samples instead of gradients, and take all gradients anew after every task (OGD+).
    recompute: bool = False
    # Keep so many principal directions of each task instead of all.
    pca: PositiveInt | None = None
    # How directions are kept: as factors in linear layers and whole elsewhere, or as a dense
    # orthonormal basis. `auto`: as factors where these take less room.
    store: Literal["auto", "factors", "dense"] = "auto"
    # What a direction of norm 1 has beside the others is dropped where it is shorter.
    tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.001
    # The rate from the second task on, as a multiple of the protocol's.
    later_rate: PositiveFloat = 1.0

    foreseeable: ClassVar[bool] = True

    def setup(self) -> None:
        super().setup()
        self._check()
        self.basis: Basis | None = None
        self.samples: list[Remembered] = []  # of each task, with `recompute`

    def _check(self) -> None:
        """Options that do not go together."""
        if self.variant == "mean_loss":
            for option, given in (("recompute", self.recompute), ("store", self._wants_factors())):
                if given:
                    raise errors.StrategyError(
                        f"ogd: {option}: {getattr(self, option)} does not go with variant: "
                        "mean_loss,"
                        f" whose direction is made from all of a task's data; leave {option} out"
                    )
        elif self.per_class:
            raise errors.StrategyError(
                "ogd: per_class goes with variant: mean_loss; the others have directions of samples"
            )
        if self.pca is not None and self._wants_factors():
            raise errors.StrategyError(
                "ogd: principal directions have no factors: with pca leave store: factors out"
                " (factors of a few times as many samples take less room than pca's directions)"
            )

    def _wants_factors(self) -> bool:
        return self.store == "factors"

    @property
    def projected(self) -> list[str]:
        """The names of the parameters whose gradients are projected."""
        if self.scenario.setting == "task":
            return self.shared()
        named = self.net.named_parameters()
        return [name for name, value in named.items() if value.requires_grad]

    # ------------------------------------------------------------------ training

    def phases(self, task: Task) -> Sequence[Phase]:
        phases = super().phases(task)
        if task.index == 0 or self.later_rate == 1.0:
            return phases
        return [replace(phase, lr=self.later_rate * self._rate(phase)) for phase in phases]

    def _rate(self, phase: Phase) -> float:
        """Of a phase without `later_rate`."""
        if phase.lr is not None:
            return phase.lr
        ((kind, options),) = self.protocol.optimizer.items()
        if "lr" not in (options or {}):
            raise errors.StrategyError(f"ogd: later_rate needs a rate: {kind}: {{lr: ...}}")
        return float(options["lr"])

    @torch.no_grad()
    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        if self.project == "gradient" and self.basis is not None:
            self._project(self.basis, self._gradients())

    def _gradients(self) -> dict[str, Tensor | None]:
        params = self.net.named_parameters()
        return {name: params[name].grad for name in self.projected}

    @torch.no_grad()
    def adjust_updates(self, batch: Batch, updates: Any) -> None:
        super().adjust_updates(batch, updates)
        if self.project == "update" and self.basis is not None:
            self._project(self.basis, self._named(updates))

    def _named(self, updates: Any) -> dict[str, Tensor | None]:
        # By identity: the optimiser lists tensors, and names are the network's.
        mine = {id(p): update for p, update in zip(self.optimizer.params, updates, strict=True)}
        params = self.net.named_parameters()
        return {name: mine.get(id(params[name])) for name in self.projected}

    def _project(self, basis: Basis, found: dict[str, Tensor | None]) -> None:
        """In place; what has no gradient stands still, and counts as 0."""
        params = self.net.named_parameters()
        whole = {
            name: torch.zeros_like(params[name], requires_grad=False) if value is None else value
            for name, value in found.items()
        }
        basis.project(whole)

    # ------------------------------------------------------------------ what is remembered

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        if self.variant == "mean_loss":
            self._take_in(self._mean_directions(task))
            return
        with self.net.evaluation():
            new = self._remember(task)
            # Old directions were taken at old weights: the basis is made anew from all samples.
            if self.recompute:
                self.samples.append(new)
                self.basis = None
            for samples in self.samples if self.recompute else [new]:
                self._take_in(self._directions_of(samples))

    @torch.no_grad()
    def _take_in(self, parts: Sequence[Part]) -> None:
        if self.basis is None:
            self.basis = self._empty_basis()
        self.basis.add(parts)

    def _empty_basis(self) -> Basis:
        if self.in_factors:
            return FactoredBasis(self.tolerance)
        return DenseBasis(self.projected, self.tolerance, self.pca)

    def _remember(self, task: Task) -> Remembered:
        """Samples of the task, as many places for every member, whoever has fewer."""
        outputs = self._outputs(task)
        each = outputs.shape[1] if self.variant == "all" else 1
        # Directions are what is counted: with `all` a sample takes one for each output.
        size = max(1, self.memory // each)
        found = list(task.batches("train", min(size, SAMPLES), size))
        valid = places([batch.weights for batch in found], size)
        # Places without a sample name one that exists, and do not count.
        index = torch.where(valid, places([batch.index for batch in found], size), 0)
        tasks = torch.full_like(index, task.index)
        return Remembered(index, tasks, valid, outputs, sample_bytes(self.scenario))

    def _outputs(self, task: Task) -> Tensor:
        """`[R, C]`: the outputs of a task's samples: its own where the setting tells, or all."""
        if self.scenario.setting == "task":
            return task.classes.clone()
        every = torch.arange(self.scenario.classes, device=self.device)
        return every.repeat(self.members, 1)

    def _directions_of(self, samples: Remembered) -> list[Part]:
        """At the weights as they are now."""
        parts: list[Part] = []
        for index, tasks, valid in samples.chunks():
            batch = self.fetch(index, tasks, valid=valid)
            functions = self._functions(batch.y, samples.outputs)
            parts = joined(parts, self._directions(batch, functions))
        return parts

    def _functions(self, y: Tensor, outputs: Tensor) -> Tensor:
        """`[R, B, K, classes]`: the kept functions of a sample's outputs, by coefficients."""
        classes = self.scenario.classes
        if self.variant == "gtl":
            return F.one_hot(y, classes)[:, :, None].float()
        # `[R, B, outputs, classes]`: one function for each output, the same for all samples.
        each = F.one_hot(outputs, classes)[:, None].float().expand(-1, y.shape[1], -1, -1)
        return each.mean(2, keepdim=True) if self.variant == "ave" else each

    def _directions(self, batch: Batch, functions: Tensor) -> list[Part]:
        names = self.projected
        sites = Sites(self.net, batch.x, names)
        if self.basis is None:
            self.in_factors = self._keeps_factors(sites, functions.shape[2])
        if self.in_factors:
            return factored(self.net, batch, functions, sites)
        return dense(self.net, batch, functions, names)

    def _keeps_factors(self, sites: Sites, each: int) -> bool:
        if self.store == "auto":
            return self.pca is None and sites.saves_room(each)
        return self.store == "factors"

    def _mean_directions(self, task: Task) -> list[Part]:
        """Of all of the task's training samples, in training mode, as they were trained on."""
        self.in_factors = False
        self.net.train()
        batches = task.batches("train", self.protocol.batch_size)
        names = self.projected
        of_each = self._true_outputs if self.per_class else self._summed_loss
        rows = summed(self.net, batches, partial(of_each, task), names)
        samples = torch.tensor(task.size("train"), device=self.device).clamp(min=1)
        mean = (rows / samples[:, None, None]).float()
        return [DenseRows(names, mean[:, None])]

    def _summed_loss(self, task: Task, logits: Tensor, batch: Batch) -> Tensor:
        """`[R, 1]`."""
        # `cross_entropy` is a mean over the batch, and batches are of unequal size: sums add up.
        total = self.cross_entropy(logits, batch) * batch.weights.sum(1)
        return total[:, None]

    def _true_outputs(self, task: Task, logits: Tensor, batch: Batch) -> Tensor:
        """`[R, C]`: the sum of the true outputs of each class's samples."""
        true = logits.gather(2, batch.y[..., None])
        # `[R, B, C]`: one value, and so one direction, for each class.
        own = (batch.y[..., None] == task.classes[:, None]) & batch.weights[..., None]
        return torch.where(own, true, 0.0).sum(1)


def places(tables: Sequence[Tensor], size: int) -> Tensor:
    """`[R, size]`: one behind the other, cut, or filled up with zeros."""
    whole = torch.cat(list(tables), dim=1)[:, :size]
    return F.pad(whole, (0, size - whole.shape[1]))


@hookimpl
def clbench_strategies() -> list[type]:
    return [OGD]
