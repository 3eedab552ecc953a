"""Optimisers over stacked parameters `[R, ...]`, each member stepping as if it were alone.

`torch.optim` shares its step count and rate between members and cannot forget a unit. Here rate and
age are tensors with a row a member, an age is kept as the running products beta^t (no powers, no
Python numbers, so that a step can be captured in a device graph), and every operation that could round
differently in a vectorised kernel and in its scalar tail has a column `[R, 1, ...]` among its
operands: torch then walks member by member, and R and place cannot matter.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from clbench.errors import OptionError, StrategyError, suggest
from clbench.options import check_options
from clbench.stack.foreign import TorchOptimizer
from clbench.stack.optimizer import Grads, Optimizer, Slot, Updates, column

NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "Stacked", "TorchOptimizer", "make_optimizer"]


class Stacked(Optimizer):
    """Our own: a step is a few elementwise operations on the whole stack.

    A subclass says what each parameter moves by as a pair of tensors, which `combine` makes an update of
    and `add` adds to a parameter in one pass over memory.
    """

    moments: int
    combine: ClassVar[Callable[[Tensor, Tensor], Tensor]]
    add: ClassVar[Callable[[Tensor, Tensor, Tensor], Tensor]]
    decoupled: ClassVar[bool] = False

    def __init__(
        self, params: Sequence[Tensor], members: int, *, lr: float, weight_decay: float, clip: float | None, betas: Sequence[float] = ()
    ) -> None:
        self.betas = torch.tensor(betas, dtype=torch.float64, device=params[0].device if params else None)
        super().__init__(params, members, lr=lr, clip=clip)
        self.weight_decay = torch.full_like(self.lr, weight_decay) if weight_decay else None

    @torch.no_grad()
    def step(self) -> None:
        fade = self._fade()
        for slot, left, right in self._pairs(self._gradients(None), keep=True):
            if fade is not None:
                slot.param.mul_(column(1.0 + fade, slot.param))
            type(self).add(slot.param, left, right)

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

    @torch.no_grad()
    def reset_entries(self, param: Tensor, where: Tensor) -> None:
        if where.dim() != param.dim() or len(where) != self.members:
            raise StrategyError(
                f"where has shape {tuple(where.shape)}, and must have that of the parameter, {tuple(param.shape)}, or 1 in place of its later sizes"
            )
        self.slots[self._find(param)].reset_entries(where)

    def member_state(self, member: int) -> dict[int, int]:
        """What a suspended member has to know besides its rows: which ages of entries there were when it left."""
        return {key: len(slot.ages) for key, slot in self.slots.items()}

    def set_member_state(self, member: int, state: dict[int, int]) -> None:
        """Ages that began while the member sat out begin, for it, with its own age."""
        for key, slot in self.slots.items():
            for age in slot.ages[state.get(key, 0) :]:
                age[member] = slot.age[member]

    def _slot(self, param: Tensor) -> Slot:
        return Slot(param, self.moments, len(self.betas))

    def _updates(self, grads: Grads | None, keep: bool) -> Updates:
        fade = self._fade()
        updates = {}
        for slot, left, right in self._pairs(self._gradients(grads), keep):
            update = type(self).combine(left, right)
            updates[id(slot)] = update if fade is None else update.addcmul_(slot.param, column(fade, update))
        return [updates.get(id(slot)) for slot in self.slots.values()]

    def _fade(self) -> Tensor | None:
        """The part of itself that decoupled weight decay adds to a parameter."""
        return -self.lr * self.weight_decay if self.decoupled and self.weight_decay is not None else None

    def _live(self, grads: Grads) -> list[tuple[Slot, Tensor]]:
        """The slots that move, with their gradients and coupled weight decay."""
        live = [(slot, grad) for slot, grad in zip(self.slots.values(), grads, strict=True) if grad is not None]
        if self.decoupled or self.weight_decay is None:
            return live
        return [(slot, torch.addcmul(grad, slot.param, column(self.weight_decay, grad))) for slot, grad in live]

    @abstractmethod
    def _pairs(self, grads: Grads, keep: bool) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        """Each slot that moves, and the pair it moves by; moments and ages move on only where they are to `keep`."""


class SGD(Stacked):
    """Stochastic gradient descent as torch's, with momentum (no dampening) and Nesterov's look-ahead."""

    name = "sgd"
    combine = staticmethod(torch.mul)
    add = staticmethod(Tensor.addcmul_)

    def __init__(
        self,
        params: Sequence[Tensor],
        members: int,
        *,
        lr: NotNegative = 1e-3,
        momentum: Fraction = 0.0,
        nesterov: bool = False,
        weight_decay: NotNegative = 0.0,
        clip: Positive | None = None,
    ) -> None:
        if nesterov and not momentum:
            raise OptionError([(("nesterov",), "Nesterov's look-ahead needs a momentum above 0")])
        self.moments = 1 if momentum else 0
        super().__init__(params, members, lr=lr, weight_decay=weight_decay, clip=clip)
        self.momentum = torch.full_like(self.lr, momentum)
        self.nesterov = nesterov

    def _pairs(self, grads: Grads, keep: bool) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        rate = -self.lr
        for slot, grad in self._live(grads):
            if slot.moments:
                momentum = column(self.momentum, grad)
                velocity = torch.addcmul(grad, slot.moments[0], momentum, out=slot.moments[0] if keep else None)
                grad = torch.addcmul(grad, velocity, momentum) if self.nesterov else velocity
            yield slot, grad, column(rate, grad)


class Adam(Stacked):
    """Adam (Kingma & Ba 2015) as torch's: weight decay is part of the gradient."""

    name = "adam"
    moments = 2
    combine = staticmethod(torch.div)
    add = staticmethod(Tensor.addcdiv_)

    def __init__(
        self,
        params: Sequence[Tensor],
        members: int,
        *,
        lr: NotNegative = 1e-3,
        betas: tuple[Fraction, Fraction] = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NotNegative = 0.0,
        clip: Positive | None = None,
    ) -> None:
        super().__init__(params, members, lr=lr, weight_decay=weight_decay, clip=clip, betas=betas)
        self.eps = eps
        self.weights = [torch.full_like(self.lr, 1.0 - beta) for beta in betas]

    def _pairs(self, grads: Grads, keep: bool) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        live = self._live(grads)
        ages = [[age.mul_(self.betas) if keep else age * self.betas for age in (slot.age, *slot.ages)] for slot, _ in live]
        if not live:
            return
        offsets, factors = self._scales(1.0 - torch.stack([age for age, *_ in ages]), self.lr)
        for k, (slot, grad) in enumerate(live):
            mean, square = slot.moments if keep else [moment.clone() for moment in slot.moments]
            first, second = (column(weight, grad) for weight in self.weights)
            mean.lerp_(grad, first)
            scratch = grad * grad
            square.lerp_(scratch, second)
            if slot.ages:
                offset, factor = self._entry_scales(ages[k][1:], grad)
            else:
                offset, factor = column(offsets[k], grad), column(factors[k], grad)
            yield slot, mean, torch.sqrt(square, out=scratch).add_(offset).mul_(factor)

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
        return self._scales(youngest, column(self.lr, beside))


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019) as torch's."""

    name = "adamw"
    decoupled = True

    def __init__(
        self,
        params: Sequence[Tensor],
        members: int,
        *,
        lr: NotNegative = 1e-3,
        betas: tuple[Fraction, Fraction] = (0.9, 0.999),
        eps: Positive = 1e-8,
        weight_decay: NotNegative = 0.01,
        clip: Positive | None = None,
    ) -> None:
        super().__init__(params, members, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, clip=clip)


OPTIMIZERS: dict[str, type[Stacked]] = {kind.name: kind for kind in (SGD, Adam, AdamW)}


def make_optimizer(choice: Mapping[str, Mapping[str, Any] | None], params: Sequence[Tensor], members: int) -> Optimizer:
    """The optimiser a protocol asks for: `{"sgd": {"lr": 0.1}}`, or `{"torch.RMSprop": {...}}` for any other of torch."""
    if len(choice) != 1:
        raise OptionError([((), f"one optimizer with its options, such as {{sgd: {{lr: 0.1}}}}, not {dict(choice)!r}")])
    ((name, given),) = choice.items()
    try:
        if name.startswith("torch."):
            return TorchOptimizer(params, members, name=name.removeprefix("torch."), options=given or {})
        if name not in OPTIMIZERS:
            raise OptionError([((), f"unknown optimizer{suggest(name, OPTIMIZERS)}; any other of torch is called torch.<Name>")])
        return OPTIMIZERS[name](params, members, **check_options(OPTIMIZERS[name], given or {}))
    except OptionError as error:
        raise OptionError([((name, *path), sentence) for path, sentence in error.issues]) from None
