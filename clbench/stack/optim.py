"""Optimisers over stacked parameters `[R, ...]`, each member stepping as if it were alone.

`torch.optim` shares its step count and rate between members and cannot forget a unit. Here rate and
age are tensors with a row a member, an age is kept as the running products beta^t (no powers, no
Python numbers, so that a step can be captured in a device graph), and every operation that could
round differently in a vectorised kernel and in its scalar tail has a column `[R, 1, ...]` among its
operands: torch then walks member by member, and R and place cannot matter.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from clbench import optimizers
from clbench.errors import OptionError, suggest
from clbench.stack.foreign import TorchOptimizer
from clbench.stack.members import beside
from clbench.stack.optimizer import Column, Grads, Optimizer, Slot
from clbench.stack.stacked import Stacked, Standing

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "Stacked", "TorchOptimizer", "make_optimizer"]


class SGD(Stacked):
    """Stochastic gradient descent as torch's, with
    momentum (no dampening) and Nesterov's look-ahead.
    """

    name = "sgd"
    wiring: ClassVar[frozenset[str]] = frozenset({"made"})
    made: tuple[int, tuple[Column, Column]] | None = None

    def __init__(
        self,
        params: Sequence[Tensor],
        members: int,
        *,
        clip: float | None = None,
        **options: Any,
    ) -> None:
        """`options` as `clbench.optimizers.Sgd` declares them."""
        chosen = optimizers.Sgd(**options)
        self.moments = 1 if chosen.momentum else 0
        super().__init__(params, members, lr=chosen.lr, weight_decay=chosen.weight_decay, clip=clip)
        self.momentum, self.nesterov = chosen.momentum, chosen.nesterov

    def _pairs(
        self, grads: Grads, still: Standing, keep: bool
    ) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        rate, inertia = self._columns()
        for slot, grad in self._decayed(grads):
            # Only with momentum. v = m v + g, as torch without dampening.
            if slot.moments:
                momentum = inertia.beside(grad)
                velocity = torch.addcmul(
                    grad, slot.moments[0], momentum, out=slot.moments[0] if keep else None
                )
                # Nesterov (Sutskever et al. 2013, in torch's form): the step is g + m v.
                grad = torch.addcmul(grad, velocity, momentum) if self.nesterov else velocity
            # The step is left * right: gradient and -rate, `[R, 1, ...]`.
            yield slot, grad, rate.beside(grad)

    def _columns(self) -> tuple[Column, Column]:
        """Rate and momentum as columns, made again when the rate was written to.

        In a device graph, which shows no such thing, always.
        """
        # torch counts the writes to a tensor; reading the rate itself would wait for the device.
        if self.made is None or self.made[0] != self.lr._version or self.lr.is_cuda:
            self.made = (
                self.lr._version,
                (Column(-self.lr), Column(torch.full_like(self.lr, self.momentum))),
            )
        return self.made[1]

    def _combine(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right

    def _add(self, param: Tensor, left: Tensor, right: Tensor) -> None:
        param.addcmul_(left, right)

    def _settings(self, slots: Sequence[Slot]) -> list[list[Any]]:
        return [self.lr.tolist()] * len(slots)

    def _row_settings(self, still: Tensor) -> list[list[Any]]:
        return [[rate] * still.shape[1] for rate in self.lr.tolist()]

    def _fused(
        self, setting: Any, grads: list[Tensor], params: list[Tensor], *moments: list[Tensor]
    ) -> None:
        torch._fused_sgd_(
            params,
            grads,
            *(moments or ([],)),
            lr=setting,
            momentum=self.momentum,
            nesterov=self.nesterov,
            # The gradients come as they are, not through `_decayed`: the kernel adds the decay.
            weight_decay=self.weight_decay,
            dampening=0.0,
            maximize=False,
            # Velocities exist from the beginning here, as zeros: no first step to tell apart.
            is_first_step=False,
        )


class Adam(Stacked):
    """Adam (Kingma & Ba 2015) as torch's: weight decay is part of the gradient."""

    name = "adam"
    moments = 2
    # The correction for age differs by row where some rows of a head stand still.
    steps_by_row = True
    wiring: ClassVar[frozenset[str]] = frozenset({"shares"})
    shares: tuple[Column, Column] | None = None

    declared: ClassVar[type[optimizers.Adam | optimizers.Adamw]] = optimizers.Adam

    def __init__(
        self,
        params: Sequence[Tensor],
        members: int,
        *,
        clip: float | None = None,
        **options: Any,
    ) -> None:
        """`options` as `clbench.optimizers.Adam` (`Adamw`) declares them."""
        chosen = self.declared(**options)
        super().__init__(
            params,
            members,
            lr=chosen.lr,
            weight_decay=chosen.weight_decay,
            clip=clip,
            betas=chosen.betas,
        )
        self.eps = chosen.eps

    def _pairs(
        self, grads: Grads, still: Standing, keep: bool
    ) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        moving = self._decayed(grads)
        first, second = self._shares()
        scales = self._scales_beside(moving, still, keep)
        for (slot, grad), (offset, factor) in zip(moving, scales, strict=True):
            # m and v of the paper's algorithm 1; clones where the step is only asked for.
            mean, square = slot.moments if keep else [moment.clone() for moment in slot.moments]
            resting = still.of_row(slot, grad)
            # m = m + (1 - beta1)(g - m): the paper's line with one multiplication.
            _toward(mean, grad, first.beside(grad), resting)
            # One buffer for g^2 and then for the denominator: a pass over memory saved.
            scratch = grad * grad
            _toward(square, scratch, second.beside(grad), resting)
            # The step is left / right: m over the denominator.
            yield slot, mean, torch.sqrt(square, out=scratch).add_(offset).mul_(factor)

    def _shares(self) -> tuple[Column, Column]:
        """How far the moments go toward the gradient and its square.

        Kept but on a GPU, where a graph would own them.
        """
        if self.shares is None or self.lr.is_cuda:
            first, second = (Column(torch.full_like(self.lr, 1.0 - beta)) for beta in self.rates)
            self.shares = first, second
        return self.shares

    def _scales_beside(
        self, moving: Sequence[tuple[Slot, Tensor]], still: Standing, keep: bool
    ) -> list[tuple[Tensor, Tensor]]:
        """Offset and factor of every slot that moves, by the
        age of its members, or of its rows or entries.
        """
        # A slot's ages: beta^t of its members, `[R, betas]`, then of entries with an age of their
        # own.
        ages = [slot.older(self.betas, keep) for slot, _ in moving]
        one_age = [
            own[0]
            for (slot, _), own in zip(moving, ages, strict=True)
            if not slot.ages and id(slot) not in still.by_row
        ]
        # 1 - beta^t, `[slots, R, betas]`: the corrections for the zero start.
        pairs = self._scales(1.0 - torch.stack(one_age), self.lr) if one_age else ((), ())
        # Taken one after the other by the slots that have one age a member.
        of_members = zip(*pairs, strict=True)
        of_rows = self._row_scales(still, keep)
        found = []
        for (slot, grad), own in zip(moving, ages, strict=True):
            if slot.ages:
                offset, factor = self._entry_scales(own[1:], grad)
            elif id(slot) in still.by_row:
                offset, factor = (beside(scale.to(grad.dtype), grad) for scale in of_rows)
            else:
                offset, factor = (Column(scale).beside(grad) for scale in next(of_members))
            found.append((offset, factor))
        return found

    def _row_scales(self, still: Standing, keep: bool) -> tuple[Tensor, ...]:
        """Offset and factor of each row of the head, by its own age.

        What stands still is divided by infinity.
        """
        if not still.by_row or still.rows is None or self.idle_rows is None:
            return ()
        older = self.idle_rows.older(still.rows, self.betas, keep)
        offset, factor = self._scales(1.0 - older, self.lr[:, None])
        kind = self.slots[self.idle_rows.keys[0]].param.dtype
        offset = torch.where(still.rows, 1.0, offset)
        return offset.to(kind), torch.where(still.rows, torch.inf, factor).to(kind)

    def _scales(self, corrections: Tensor, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Adam's -lr (m / c1) / (sqrt(v / c2) + eps) is m / ((sqrt(v) +
        offset) * factor): one pass less, and no move where lr is 0.
        """
        first, second = corrections.unbind(-1)
        root = second.sqrt()
        return root * self.eps, first / (root * -lr)

    def _entry_scales(self, ages: Sequence[Tensor], beside: Tensor) -> tuple[Tensor, Tensor]:
        corrections = [(1.0 - age).to(beside.dtype) for age in ages]
        # Entries that were reset have an own age; the younger of the two counts.
        youngest = corrections[0]
        for other in corrections[1:]:
            youngest = torch.minimum(youngest, other)
        return self._scales(youngest, Column(self.lr).beside(beside))

    def _combine(self, left: Tensor, right: Tensor) -> Tensor:
        return left / right

    def _add(self, param: Tensor, left: Tensor, right: Tensor) -> None:
        param.addcdiv_(left, right)

    def _settings(self, slots: Sequence[Slot]) -> list[list[Any]]:
        if not slots:
            return []
        older = torch.stack([slot.older(self.betas, keep=True)[0] for slot in slots])
        return _on_host(*self._scales(1.0 - older, self.lr))

    def _row_settings(self, still: Tensor) -> list[list[Any]]:
        assert self.idle_rows is not None
        older = self.idle_rows.older(still, self.betas, keep=True)
        return _on_host(*self._scales(1.0 - older, self.lr[:, None]))

    def _fused(
        self, setting: Any, grads: list[Tensor], params: list[Tensor], *moments: list[Tensor]
    ) -> None:
        # With t = infinity beta^t is 0, so torch's own corrections are 1.
        # The setting has the corrections for age in it; to the kernel every row is infinitely old.
        offset, rate = setting
        torch._fused_adam_(
            params,
            grads,
            moments[0],
            moments[1],
            [],
            [ENDLESS] * len(params),
            lr=rate,
            eps=offset,
            beta1=self.rates[0],
            beta2=self.rates[1],
            weight_decay=0.0 if self.decoupled else self.weight_decay,
            amsgrad=False,
            maximize=False,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) as torch's."""

    name = "adamw"
    decoupled = True
    declared = optimizers.Adamw


def _on_host(offsets: Tensor, factors: Tensor) -> list[list[Any]]:
    """Of each row an offset and a rate a member: Python numbers, which the fused kernel takes."""
    pairs = zip(offsets.tolist(), factors.reciprocal().neg_().tolist(), strict=True)
    return [list(zip(*pair, strict=True)) for pair in pairs]


def _toward(moment: Tensor, value: Tensor, share: Tensor, still: Tensor | None) -> None:
    """Move a moment this share of the way to a value, but for what stands still."""
    if still is None:
        moment.lerp_(value, share)
    else:
        torch.where(still, moment, torch.lerp(moment, value, share), out=moment)


ENDLESS = torch.tensor(math.inf)

OPTIMIZERS: dict[str, type[Stacked]] = {kind.name: kind for kind in (SGD, Adam, AdamW)}


def make_optimizer(
    choice: Mapping[str, Mapping[str, Any] | None], params: Sequence[Tensor], members: int
) -> Optimizer:
    """The optimiser a protocol asks for: `{"sgd": {"lr": 0.1}}`,
    or `{"torch.RMSprop": {...}}` for any other of torch.
    """
    if len(choice) != 1:
        raise OptionError(
            [
                (
                    (),
                    f"one optimizer with its options, such as {{sgd: {{lr: 0.1}}}}, not"
                    f" {dict(choice)!r}",
                )
            ]
        )
    ((name, given),) = choice.items()
    try:
        if name.startswith("torch."):
            return TorchOptimizer(
                params, members, name=name.removeprefix("torch."), options=given or {}
            )
        if name not in OPTIMIZERS:
            raise OptionError(
                [
                    (
                        (),
                        f"unknown optimizer{suggest(name, OPTIMIZERS)}; any other of torch is"
                        " called torch.<Name>",
                    )
                ]
            )
        return OPTIMIZERS[name](params, members, **(given or {}))
    except OptionError as error:
        # The optimiser's name in front of each path, so that the message names the suite's line.
        raise OptionError([((name, *path), sentence) for path, sentence in error.issues]) from None
