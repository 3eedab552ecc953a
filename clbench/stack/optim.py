"""Optimisers over stacked parameters `[R, ...]`, each member stepping as if it were alone.

`torch.optim` shares its step count and rate between members and cannot forget a unit. Here rate and
age are tensors with a row a member, an age is kept as the running products beta^t (no powers, no
Python numbers, so that a step can be captured in a device graph), and every operation that could round
differently in a vectorised kernel and in its scalar tail has a column `[R, 1, ...]` among its
operands: torch then walks member by member, and R and place cannot matter.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from clbench import optimizers
from clbench.errors import OptionError, suggest
from clbench.stack.foreign import TorchOptimizer
from clbench.stack.holding import Held, beside
from clbench.stack.optimizer import Column, Grads, Optimizer, Slot, Updates

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "Stacked", "TorchOptimizer", "make_optimizer"]


@dataclass(frozen=True)
class Standing:
    """What stands still in a step: masks by slot's key, the head's rows `[R, C]`, and the slots whose own step sees to it."""

    masks: Mapping[int, Tensor]
    rows: Tensor | None
    by_row: frozenset[int]

    def of_row(self, slot: Slot, beside_this: Tensor) -> Tensor | None:
        """The rows of a slot that stand still and are not put back after the step, with the dimensions of this tensor."""
        if self.rows is None or id(slot) not in self.by_row:
            return None
        return beside(self.rows, beside_this)


class Stacked(Optimizer):
    """Our own: a step is a few elementwise operations on the whole stack.

    A subclass says what each parameter moves by as a pair of tensors, which `combine` makes an update of
    and `add` adds to a parameter. On a CPU, where memory is what a step waits for, it says rather how
    torch's fused kernels, one pass in all, are to be called on the members' rows.
    """

    name: ClassVar[str]
    moments: int
    decoupled: ClassVar[bool] = False
    steps_by_row: ClassVar[bool] = (
        False  # rows that may be idle are stepped with an age of their own
    )

    def __init__(
        self,
        params: Sequence[Tensor],
        members: int,
        *,
        lr: float,
        weight_decay: float,
        clip: float | None,
        betas: Sequence[float] = (),
    ) -> None:
        self.rates = tuple(betas)
        self.betas = torch.tensor(
            betas, dtype=torch.float64, device=params[0].device if params else None
        )
        super().__init__(params, members, lr=lr, clip=clip)
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self) -> None:
        grads = self._gradients(None)
        still = self._standing(grads)
        held = self._hold(still, params=True)
        self._decay(grads, still)
        for slot, left, right in self._pairs(self._step_fused(grads, still), still, keep=True):
            self._add(slot.param, left, right)
        for entries in held:
            entries.put_back()

    @torch.no_grad()
    def advance(self, grads: Grads | None = None) -> Updates:
        return self._updates(grads, keep=True)

    @torch.no_grad()
    def direction(self, grads: Grads | None = None) -> Updates:
        return self._updates(grads, keep=False)

    @torch.no_grad()
    def reset(self, members: Tensor | None = None) -> None:
        chosen = torch.ones_like(self.lr, dtype=torch.bool) if members is None else members
        for slot in self.slots.values():
            slot.reset(chosen)
        if self.idle_rows is not None:
            self.idle_rows.age.masked_fill_(chosen[:, None, None], 1.0)

    @torch.no_grad()
    def reset_entries(self, param: Tensor, where: Tensor) -> None:
        self._check_mask(param, where)
        key = self._find(param)
        self.slots[key].reset_entries(where, self._own_age(key))

    def member_state(self, member: int) -> dict[int, int]:
        """What a suspended member has to know besides its rows: which ages of entries there were when it left."""
        return {key: len(slot.ages) for key, slot in self.slots.items()}

    def set_member_state(self, member: int, state: dict[int, int]) -> None:
        """Ages that began while the member sat out begin, for it, with its own age."""
        for key, slot in self.slots.items():
            for age in slot.ages[state.get(key, 0) :]:
                age[member] = self._own_age(key)[member]

    def _slot(self, param: Tensor) -> Slot:
        return Slot(param, self.moments, len(self.betas))

    def _updates(self, grads: Grads | None, keep: bool) -> Updates:
        fade = (
            Column(-self.lr * self.weight_decay) if self.decoupled and self.weight_decay else None
        )
        found = self._gradients(grads)
        still = self._standing(found)
        held = self._hold(still, params=False) if keep else []
        updates: dict[int, Tensor] = {}
        for slot, left, right in self._pairs(found, still, keep):
            update = self._combine(left, right)
            if fade is not None:
                update.addcmul_(slot.param, fade.beside(update))
            updates[id(slot)] = update
        for entries in held:
            entries.put_back()
        for key, mask in still.masks.items():
            updates[id(self.slots[key])].masked_fill_(mask, 0.0)
        return [updates.get(id(slot)) for slot in self.slots.values()]

    def _standing(self, grads: Grads) -> Standing:
        """What stands still in a step with these gradients, but for what no step would move."""
        rows = self._still_rows(grads) if self.moments or self.weight_decay else None
        masks = self._still(grads, rows)
        if rows is None or self.idle_rows is None or not self.steps_by_row:
            return Standing(masks, rows, frozenset())
        own = {key for key in self.idle_rows.keys if key in masks and not self.slots[key].ages}
        return Standing(masks, rows, frozenset(id(self.slots[key]) for key in own))

    def _hold(self, still: Standing, params: bool) -> list[Held]:
        """What is to be put back after a step: moments and ages, and the parameters where they move, too."""
        held = []
        for key, mask in still.masks.items():
            slot = self.slots[key]
            if id(slot) not in still.by_row:
                tensors = [*slot.moments, *slot.ages]
                held.append(Held(mask, [slot.param.detach(), *tensors] if params else tensors))
        return held

    def _decay(self, grads: Grads, still: Standing) -> None:
        """Decoupled weight decay."""
        if not (self.decoupled and self.weight_decay):
            return
        keep = Column(1.0 - self.lr * self.weight_decay)
        for slot, _ in self._moving(grads):
            factor = keep.beside(slot.param)
            if (resting := still.of_row(slot, slot.param)) is not None:
                factor = torch.where(resting, 1.0, factor)
            slot.param.mul_(factor)

    def _step_fused(self, grads: Grads, still: Standing) -> Grads:
        """Step what torch's fused kernels can step; the gradients of the rest."""
        if not self.moments or self.lr.device.type != "cpu":
            return grads
        apart = {id(slot) for slot in self.slots.values() if slot.ages} | still.by_row
        self._step_rows([pair for pair in self._moving(grads) if id(pair[0]) not in apart])
        return [
            grad if id(slot) in apart else None
            for slot, grad in zip(self.slots.values(), grads, strict=True)
        ]

    def _moving(self, grads: Grads) -> list[tuple[Slot, Tensor]]:
        return [
            (slot, grad)
            for slot, grad in zip(self.slots.values(), grads, strict=True)
            if grad is not None
        ]

    def _decayed(self, grads: Grads) -> list[tuple[Slot, Tensor]]:
        """The slots that move, with their gradients and coupled weight decay."""
        moving = self._moving(grads)
        if self.decoupled or not self.weight_decay:
            return moving
        decay = Column(torch.full_like(self.lr, self.weight_decay))
        return [
            (slot, torch.addcmul(grad, slot.param, decay.beside(grad))) for slot, grad in moving
        ]

    def _step_rows(self, moving: Sequence[tuple[Slot, Tensor]]) -> None:
        """Call the fused kernel once for all rows that share their settings: for all, as a rule."""
        calls: dict[tuple[torch.dtype, Any], list[tuple[Tensor, ...]]] = {}
        for (slot, grad), settings in zip(
            moving, self._settings([slot for slot, _ in moving]), strict=True
        ):
            if grad.stride() != slot.param.stride() or grad.dtype != slot.param.dtype:
                grad = torch.empty_like(slot.param).copy_(grad)
            rows = slot.rows()
            for row, setting, part in zip(rows, settings, slot.unbind(grad), strict=True):
                calls.setdefault((grad.dtype, setting), []).append((part, *row))
        for (_, setting), rows in calls.items():
            self._fused(setting, *(list(part) for part in zip(*rows, strict=True)))

    @abstractmethod
    def _settings(self, slots: Sequence[Slot]) -> list[list[Any]]:
        """For each slot what each member's step is to be called with; the ages move on."""

    @abstractmethod
    def _fused(
        self, setting: Any, grads: list[Tensor], params: list[Tensor], *moments: list[Tensor]
    ) -> None:
        """Step these rows in one pass."""

    @abstractmethod
    def _combine(self, left: Tensor, right: Tensor) -> Tensor:
        """What a pair adds to its parameter."""

    @abstractmethod
    def _add(self, param: Tensor, left: Tensor, right: Tensor) -> None:
        """Add it, in one pass."""

    @abstractmethod
    def _pairs(
        self, grads: Grads, still: Standing, keep: bool
    ) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        """Each slot that moves, and the pair it moves by; moments and ages move on only where they are to `keep`."""


class SGD(Stacked):
    """Stochastic gradient descent as torch's, with momentum (no dampening) and Nesterov's look-ahead."""

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
            if slot.moments:
                momentum = inertia.beside(grad)
                velocity = torch.addcmul(
                    grad, slot.moments[0], momentum, out=slot.moments[0] if keep else None
                )
                grad = torch.addcmul(grad, velocity, momentum) if self.nesterov else velocity
            yield slot, grad, rate.beside(grad)

    def _columns(self) -> tuple[Column, Column]:
        """Rate and momentum as columns, made again when the rate was written to; in a device graph, which shows no such thing, always."""
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
            weight_decay=self.weight_decay,
            dampening=0.0,
            maximize=False,
            is_first_step=False,
        )


class Adam(Stacked):
    """Adam (Kingma & Ba 2015) as torch's: weight decay is part of the gradient."""

    name = "adam"
    moments = 2
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
            mean, square = slot.moments if keep else [moment.clone() for moment in slot.moments]
            resting = still.of_row(slot, grad)
            _toward(mean, grad, first.beside(grad), resting)
            scratch = grad * grad
            _toward(square, scratch, second.beside(grad), resting)
            yield slot, mean, torch.sqrt(square, out=scratch).add_(offset).mul_(factor)

    def _shares(self) -> tuple[Column, Column]:
        """How far the moments go toward the gradient and its square. Kept but on a GPU, where a graph would own them."""
        if self.shares is None or self.lr.is_cuda:
            first, second = (Column(torch.full_like(self.lr, 1.0 - beta)) for beta in self.rates)
            self.shares = first, second
        return self.shares

    def _scales_beside(
        self, moving: Sequence[tuple[Slot, Tensor]], still: Standing, keep: bool
    ) -> list[tuple[Tensor, Tensor]]:
        """Offset and factor of every slot that moves, by the age of its members, or of its rows or entries."""
        ages = [slot.older(self.betas, keep) for slot, _ in moving]
        one_age = [
            own[0]
            for (slot, _), own in zip(moving, ages, strict=True)
            if not slot.ages and id(slot) not in still.by_row
        ]
        pairs = self._scales(1.0 - torch.stack(one_age), self.lr) if one_age else ((), ())
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
        """Offset and factor of each row of the head, by its own age; what stands still is divided by infinity."""
        if not still.by_row or still.rows is None or self.idle_rows is None:
            return ()
        older = self.idle_rows.older(still.rows, self.betas, keep)
        offset, factor = self._scales(1.0 - older, self.lr[:, None])
        kind = self.slots[self.idle_rows.keys[0]].param.dtype
        offset = torch.where(still.rows, 1.0, offset)
        return offset.to(kind), torch.where(still.rows, torch.inf, factor).to(kind)

    def _scales(self, corrections: Tensor, lr: Tensor) -> tuple[Tensor, Tensor]:
        """Adam's -lr (m / c1) / (sqrt(v / c2) + eps) is m / ((sqrt(v) + offset) * factor): one pass less, and no move where lr is 0."""
        first, second = corrections.unbind(-1)
        root = second.sqrt()
        return root * self.eps, first / (root * -lr)

    def _entry_scales(self, ages: Sequence[Tensor], beside: Tensor) -> tuple[Tensor, Tensor]:
        corrections = [(1.0 - age).to(beside.dtype) for age in ages]
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
        offsets, factors = self._scales(
            1.0 - torch.stack([slot.older(self.betas, keep=True)[0] for slot in slots]), self.lr
        )
        return [
            list(zip(*pair, strict=True))
            for pair in zip(offsets.tolist(), factors.reciprocal().neg_().tolist(), strict=True)
        ]

    def _fused(
        self, setting: Any, grads: list[Tensor], params: list[Tensor], *moments: list[Tensor]
    ) -> None:
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
    """The optimiser a protocol asks for: `{"sgd": {"lr": 0.1}}`, or `{"torch.RMSprop": {...}}` for any other of torch."""
    if len(choice) != 1:
        raise OptionError(
            [
                (
                    (),
                    f"one optimizer with its options, such as {{sgd: {{lr: 0.1}}}}, not {dict(choice)!r}",
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
                        f"unknown optimizer{suggest(name, OPTIMIZERS)}; any other of torch is called torch.<Name>",
                    )
                ]
            )
        return OPTIMIZERS[name](params, members, **(given or {}))
    except OptionError as error:
        raise OptionError([((name, *path), sentence) for path, sentence in error.issues]) from None
