"""What our own optimisers share: a step over all members,
fused on a CPU, in which some entries may stand still.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from clbench.stack.holding import Held
from clbench.stack.members import beside
from clbench.stack.optimizer import Column, Grads, Optimizer, Slot, Updates


@dataclass(frozen=True)
class Standing:
    """What stands still in a step: masks by slot's key, and the rows `[R, C]` of the head's slots.

    `by_row` are the slots for which the formula of a step sees to it, so that nothing is put back
    after it.
    """

    masks: Mapping[int, Tensor]
    rows: Tensor | None
    head: Sequence[Slot]
    by_row: frozenset[int]

    def of_row(self, slot: Slot, beside_this: Tensor) -> Tensor | None:
        """The rows of a slot that stand still and are not put back
        after the step, with the dimensions of this tensor.
        """
        if self.rows is None or id(slot) not in self.by_row:
            return None
        return beside(self.rows, beside_this)


class Stacked(Optimizer):
    """Our own: a step is a few elementwise operations on the whole stack.

    A subclass says what each parameter moves by as a pair of tensors, which `combine` makes an
    update of and `add` adds to a parameter. On a CPU, where memory is what a step waits for, it
    says rather how torch's fused kernels, one pass in all, are to be called on the members' rows.
    """

    name: ClassVar[str]
    moments: int
    decoupled: ClassVar[bool] = False
    # Rows that may be idle are stepped with an age of their own.
    steps_by_row: ClassVar[bool] = False
    # Adam's two are everybody's; two members would otherwise be taken to have one each.
    shared_state: ClassVar[frozenset[str]] = frozenset({"betas"})

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
        # float64, beside the ages.
        self.betas = torch.tensor(
            betas, dtype=torch.float64, device=params[0].device if params else None
        )
        super().__init__(params, members, lr=lr, clip=clip)
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self) -> None:
        grads: Grads = self._gradients(None)
        still = self._standing(grads)
        if self._fits_fused_rows(still):
            # Its parameters have None for a gradient from here on.
            grads, still = self._step_head(grads, still)
        # A copy of what is to stand still, before anything moves.
        held = self._hold(still, params=True)
        # AdamW's order (Loshchilov & Hutter 2019, algorithm 2): theta (1 - lr decay), then the
        # step.
        self._decay(grads, still)
        for slot, left, right in self._pairs(self._step_fused(grads, still), still, keep=True):
            self._add(slot.param, left, right)
        # After the step: also undone is what decay did to them.
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
    def reset_entries(self, param: Tensor, where: Tensor, first_moment: bool = True) -> None:
        self._check_mask(param, where)
        key = self._find(param)
        # The age so far, with which entries begin that get an age of their own now.
        slot, own = self.slots[key], self._own_age(key)
        if where.numel() == math.prod(own.shape[:-1]) == self.members:
            slot.reset(where.flatten(), first_moment)  # a parameter whole, which has an age already
        else:
            slot.reset_entries(where, own, first_moment)

    def member_state(self, member: int) -> dict[int, int]:
        """What a suspended member has to know besides its
        rows: which ages of entries there were when it left.
        """
        return {key: len(slot.ages) for key, slot in self.slots.items()}

    def set_member_state(self, member: int, state: dict[int, int]) -> None:
        """Ages that began while the member sat out begin, for it, with its own age."""
        for key, slot in self.slots.items():
            # Ages that the others got meanwhile; those before are among the member's suspended
            # rows.
            for age in slot.ages[state.get(key, 0) :]:
                age[member] = self._own_age(key)[member]

    def _slot(self, param: Tensor) -> Slot:
        return Slot(param, self.moments, len(self.betas))

    def _updates(self, grads: Grads | None, keep: bool) -> Updates:
        fade = (
            # The update of decoupled decay is -lr decay theta, added to the step's.
            Column(-self.lr * self.weight_decay) if self.decoupled and self.weight_decay else None
        )
        found = self._gradients(grads)
        still = self._standing(found)
        held = self._hold(still, params=False) if keep else []
        updates: dict[int, Tensor] = {}
        for slot, left, right in self._pairs(found, still, keep):
            update = self._combine(left, right)
            if fade is not None:
                # theta as it is now, before the update: what `step` does, too, in its order.
                update.addcmul_(slot.param, fade.beside(update))
            updates[id(slot)] = update
        for entries in held:
            entries.put_back()
        for key, mask in still.masks.items():
            # `put_back` restored moments and ages; the update itself has to be zero there.
            updates[id(self.slots[key])].masked_fill_(mask, 0.0)
        return [updates.get(id(slot)) for slot in self.slots.values()]

    def _standing(self, grads: Grads) -> Standing:
        """What stands still in a step with these gradients, but for what no step would move."""
        # Plain SGD does not move what has a gradient of 0: nothing to hold.
        rows = self._still_rows(grads) if self.moments or self.weight_decay else None
        masks = self._still(grads, rows)
        keys = [] if rows is None or self.idle_rows is None else self.idle_rows.keys
        slots = [self.slots[key] for key in keys if key in masks]
        # Rows with more ages than one, or frozen entries within, take the general way.
        head = [slot for slot in slots if not slot.ages and slot.frozen is None]
        by_row = head if self.steps_by_row else []
        return Standing(masks, rows, head, frozenset(map(id, by_row)))

    def _fits_fused_rows(self, still: Standing) -> bool:
        """Whether torch's fused kernels can step rows of the head one by one."""
        # A row of a weight that is seen transposed would not be contiguous.
        dense = all(slot.param.is_contiguous() for slot in still.head)
        return bool(still.head and dense and self.moments and self.lr.device.type == "cpu")

    def _step_head(self, grads: Grads, still: Standing) -> tuple[Grads, Standing]:
        """Step the rows of the head that move, each by its own age.

        The gradients of the rest, and what stands still of it.

        Which rows move is read on the host, where the kernels are called from anyway.
        """
        assert still.rows is not None
        self._decay(grads, still, still.head)
        resting, settings = still.rows.tolist(), self._row_settings(still.rows)
        # Rows by type and settings: what shares both goes into one call of the kernel.
        calls: dict[tuple[torch.dtype, Any], list[tuple[Tensor, ...]]] = {}
        left = list(grads)
        for place, (slot, grad) in enumerate(zip(self.slots.values(), grads, strict=True)):
            if grad is None or slot not in still.head:
                continue
            left[place] = None
            # `[R][C]` rows of the gradient, as `slot.outputs()` has those of the parameter.
            parts = [row.unbind() for row in slot.laid_out(grad).unbind()]
            for flags, wanted, own, part in zip(
                resting, settings, slot.outputs(), parts, strict=True
            ):
                for rests, setting, row, given in zip(flags, wanted, own, part, strict=True):
                    if not rests:
                        calls.setdefault((grad.dtype, setting), []).append((given, *row))
        self._call(calls)
        keys = {key for key, slot in self.slots.items() if slot in still.head}
        masks = {key: mask for key, mask in still.masks.items() if key not in keys}
        return left, Standing(masks, None, [], frozenset())

    def _hold(self, still: Standing, params: bool) -> list[Held]:
        """What is to be put back after a step: moments and
        ages, and the parameters where they move, too.
        """
        held = []
        for key, mask in still.masks.items():
            slot = self.slots[key]
            # The others' formula sees to it: `torch.where` in the step itself.
            if id(slot) not in still.by_row:
                tensors = [*slot.moments, *slot.ages]
                held.append(Held(mask, [slot.param.detach(), *tensors] if params else tensors))
        return held

    def _decay(self, grads: Grads, still: Standing, slots: Sequence[Slot] | None = None) -> None:
        """Decoupled weight decay, of all slots that move or of these."""
        if not (self.decoupled and self.weight_decay):
            return
        keep = Column(1.0 - self.lr * self.weight_decay)
        for slot in slots or [slot for slot, _ in self._moving(grads)]:
            factor = keep.beside(slot.param)
            if (resting := still.of_row(slot, slot.param)) is not None:
                factor = torch.where(resting, 1.0, factor)
            slot.param.mul_(factor)

    def _step_fused(self, grads: Grads, still: Standing) -> Grads:
        """Step what torch's fused kernels can step; the gradients of the rest."""
        if not self.moments or self.lr.device.type != "cpu":
            return grads
        # Ages of entries do not fit a kernel that takes one number a row.
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
            rows = slot.rows()
            parts = slot.unbind(slot.laid_out(grad))
            for row, setting, part in zip(rows, settings, parts, strict=True):
                # float or tuple settings are equal for all members unless rates or ages differ.
                calls.setdefault((grad.dtype, setting), []).append((part, *row))
        self._call(calls)

    def _call(self, calls: Mapping[tuple[torch.dtype, Any], list[tuple[Tensor, ...]]]) -> None:
        for (_, setting), rows in calls.items():
            # Transposed: one list of gradients, one of parameters, one of each moment.
            self._fused(setting, *(list(part) for part in zip(*rows, strict=True)))

    @abstractmethod
    def _settings(self, slots: Sequence[Slot]) -> list[list[Any]]:
        """For each slot what each member's step is to be called with; the ages move on."""

    @abstractmethod
    def _row_settings(self, still: Tensor) -> list[list[Any]]:
        """For each member what each row of the head is to be stepped with.

        The ages of those that move go on.
        """

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
        """Each slot that moves, and the pair it moves by.

        Moments and ages move on only where they are to `keep`.
        """
