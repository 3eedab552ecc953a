"""The optimiser a strategy sees, whoever steps behind it."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack.holding import IdleRows
from clbench.stack.members import beside
from clbench.stack.state import Stateful

Grads = Sequence[Tensor | None]
Updates = list[Tensor | None]


class Column:
    """One value a member, `[R]`, to stand beside `[R, ...]` as `[R, 1, ...]` in its type.

    Made once for each kind of neighbour.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.made: dict[tuple[torch.dtype, int], Tensor] = {}

    def beside(self, tensor: Tensor) -> Tensor:
        kind = tensor.dtype, tensor.dim()
        if kind not in self.made:
            # `[R]` to `[R, 1, 1, ...]`, as many dimensions as the neighbour has.
            self.made[kind] = self.values.to(kind[0]).view(-1, *(1,) * (kind[1] - 1))
        return self.made[kind]


class Slot(Stateful):
    """A parameter and what its optimiser keeps for it.

    `age [R, betas]` holds beta^t of each member. Where units were reset, `ages` hold the same for
    entries, each in the shape of the masks that reset them (`[R, out, 1, betas]`, say); an entry is
    as young as the youngest of its ages. Of entries that stand still no age moves.
    """

    wiring: ClassVar[frozenset[str]] = frozenset({"kept_rows", "kept_outputs", "order"})
    kept_rows: tuple[tuple[int, ...], list[tuple[Tensor, ...]]] | None = None
    kept_outputs: list[list[tuple[Tensor, ...]]] | None = None
    frozen: Tensor | None = None

    def __init__(self, param: Tensor, moments: int, betas: int) -> None:
        self.param = param
        self.moments = [torch.zeros_like(param.detach()) for _ in range(moments)]
        # 1 = beta^0: no step yet. In float64, because the product is taken anew at every step.
        self.age = torch.ones(len(param), betas, dtype=torch.float64, device=param.device)
        self.ages: list[Tensor] = []

    def rows(self) -> list[tuple[Tensor, ...]]:
        """The parameter's and the moments' row of each member, as views.

        Kept while these tensors stay where they are.
        """
        held = (self.param.detach(), *self.moments)
        # Addresses tell whether torch or somebody else has moved a tensor since.
        places = tuple(tensor.data_ptr() for tensor in held)
        if self.kept_rows is None or self.kept_rows[0] != places:
            # Dimensions from the largest stride to the smallest: memory order.
            self.order = sorted(range(self.param.dim()), key=self.param.stride, reverse=True)
            self.kept_rows = places, list(zip(*map(self.unbind, held), strict=True))
            self.kept_outputs = None
        return self.kept_rows[1]

    def outputs(self) -> list[list[tuple[Tensor, ...]]]:
        """The same, of a parameter in the usual layout, for each output of each member."""
        rows = self.rows()
        if self.kept_outputs is None:
            self.kept_outputs = []
            for row in rows:
                outputs = [tensor.unbind() for tensor in row]
                self.kept_outputs.append(list(zip(*outputs, strict=True)))
        return self.kept_outputs

    def laid_out(self, grad: Tensor) -> Tensor:
        """A gradient in the layout and type of the parameter, as fused kernels want it."""
        if grad.stride() == self.param.stride() and grad.dtype == self.param.dtype:
            return grad
        # empty_like keeps the parameter's strides; copy_ casts on the way.
        return torch.empty_like(self.param).copy_(grad)

    def unbind(self, like: Tensor) -> tuple[Tensor, ...]:
        """The members' rows of a tensor laid out as the parameter is,
        each in memory order (a weight seen transposed is turned back).
        """
        return like.permute(self.order).unbind()

    def older(self, betas: Tensor, keep: bool) -> list[Tensor]:
        """The ages one step on, for good where they are to `keep`."""
        return [age.mul_(betas) if keep else age * betas for age in (self.age, *self.ages)]

    def _moments(self, with_first: bool) -> list[Tensor]:
        # The first is the momentum (Adam's m); what comes after it is the second moment.
        return self.moments if with_first else self.moments[1:]

    def reset(self, members: Tensor, first_moment: bool = True) -> None:
        begun = [(moment, 0.0) for moment in self._moments(first_moment)]
        # Zeros for moments, 1 = beta^0 for ages.
        begun += [(age, 1.0) for age in (self.age, *self.ages)]
        for tensor, value in begun:
            tensor.masked_fill_(beside(members, tensor), value)

    def reset_entries(self, where: Tensor, own: Tensor, first_moment: bool = True) -> None:
        for moment in self._moments(first_moment):
            moment.masked_fill_(where, 0.0)
        shape = self.keep_ages(where, own)
        for age in self.ages:
            # Only the ages that this mask tells apart; those of other masks go on.
            if age.shape == shape:
                age.masked_fill_(where.unsqueeze(-1), 1.0)

    def freeze(self, where: Tensor, own: Tensor) -> None:
        """Let entries stand still.

        Ages that there are already get the entries that the mask tells apart.
        """
        # In place, for a device graph holds this very tensor.
        if self.frozen is not None and self.frozen.shape == where.shape:
            self.frozen.copy_(where)
            return
        self.frozen = where.detach().clone().bool()
        for number, age in enumerate(self.ages):
            shape = torch.broadcast_shapes(age.shape, (*where.shape, 1))
            if shape != age.shape:
                self.ages[number] = age.expand(shape).clone()
        self.keep_ages(where, own)

    def keep_ages(self, where: Tensor, own: Tensor) -> tuple[int, ...]:
        """Keep ages for the entries that this mask tells apart,
        and those that stand still; the shape of these ages.

        `own [R, ..., betas]` is the age that they have so far, with the dimensions of the
        parameter.
        """
        shape = torch.broadcast_shapes(own.shape, (*where.shape, 1))
        if self.frozen is not None:
            shape = torch.broadcast_shapes(shape, (*self.frozen.shape, 1))
        # No betas (SGD): nothing depends on the number of steps, so no ages are kept.
        if shape[-1] and not any(age.shape == shape for age in self.ages):
            self.ages.append(own.expand(shape).clone())
        return tuple(shape)


class Optimizer(Stateful):
    """What a strategy sees of every optimiser; one rate a member in `lr [R]`.

    `own_lr` is the rate it was made with, from which schedules start.
    """

    capturable: ClassVar[bool] = True
    idle_rows: IdleRows | None = None  # of the head, where outputs take no part in some steps

    def __init__(
        self, params: Sequence[Tensor], members: int, *, lr: float, clip: float | None
    ) -> None:
        self.members, self.clip = members, clip
        self.own_lr = lr
        # float64, as Python's numbers are: 0.1 in float32 is another rate.
        self.lr = torch.full(
            (members,), lr, dtype=torch.float64, device=params[0].device if params else None
        )
        self.slots: dict[int, Slot] = {}
        for param in params:
            self.add_param(param)

    # ---- what a step does

    @abstractmethod
    def step(self) -> None:
        """Move every parameter that has a gradient."""

    @abstractmethod
    def advance(self, grads: Grads | None = None) -> Updates:
        """Take the step in the moments and counts only.

        What it would add to each parameter, to be projected and then applied.
        """

    @abstractmethod
    def direction(self, grads: Grads | None = None) -> Updates:
        """What `step()` would add to each parameter for these gradients
        (default: the parameters' own), and nothing else happens.
        """

    @torch.no_grad()
    def apply(self, updates: Grads) -> None:
        """Add an update to each parameter."""
        for param, update in zip(self.params, updates, strict=True):
            if update is not None:
                param.add_(update)

    # ---- what it acts on

    @property
    def params(self) -> list[Tensor]:
        """The parameters, in the order they were added."""
        return [slot.param for slot in self.slots.values()]

    def zero_grad(self) -> None:
        for slot in self.slots.values():
            slot.param.grad = None

    def add_param(self, param: Tensor) -> None:
        """Step this parameter too, from a state of zero."""
        # A new dictionary, not an entry more: the assignment is what `TorchOptimizer` notices.
        self.slots = {**self.slots, max(self.slots, default=-1) + 1: self._slot(param)}

    def remove_param(self, param: Tensor) -> None:
        """Leave this parameter alone from now on."""
        gone = self._find(param)
        self.slots = {key: slot for key, slot in self.slots.items() if key != gone}

    # ---- what a strategy may set

    @torch.no_grad()
    def set_lr(self, value: float | Tensor) -> None:
        """The rate from now on: one for all, or `[R]`."""
        # In place and without waiting: graphs and fused kernels hold this tensor.
        self.lr.copy_(torch.as_tensor(value, dtype=self.lr.dtype), non_blocking=True)

    @abstractmethod
    def reset(self, members: Tensor | None = None) -> None:
        """Zero moments and counts, of all or of the members where `members [R]` is true."""

    def begin_member(self, member: int) -> None:
        """As if no step had been taken for this member."""
        chosen = torch.zeros(self.members, dtype=torch.bool, device=self.lr.device)
        chosen[member] = True
        self.reset(chosen)

    @abstractmethod
    def reset_entries(self, param: Tensor, where: Tensor, first_moment: bool = True) -> None:
        """Zero moments and counts of the entries of `param` where `where` is true.

        It has `param`'s dimensions, or 1 in their place.

        With `first_moment=False` the first moment (momentum) of these entries stays.
        """

    @torch.no_grad()
    def freeze_entries(self, param: Tensor, where: Tensor | None) -> None:
        """From now on the entries of `param` where `where` is true
        stand still, with their moments and age; no decay either.

        `where` has the dimensions of `param`, later sizes may be 1; None lets all move again.
        """
        key = self._find(param)
        if where is None:
            self.slots[key].frozen = None
            return
        self._check_mask(param, where)
        self.slots[key].freeze(where, self._own_age(key))

    def rest_idle(self, params: Sequence[Tensor], idle: Tensor) -> None:
        """Let rows of these parameters, `[R, C, ...]` each, stand still
        in steps in which they are `idle [R, C]` and have no gradient.

        `idle` is read anew at each step.
        """
        keys = [self._find(param) for param in params]
        if not keys:
            return
        rows = self.idle_rows
        if rows is None or rows.keys != keys or rows.age.shape[:2] != idle.shape:
            # New rows begin at the age of the first of these parameters.
            rows = self.idle_rows = IdleRows(keys, idle, self.slots[keys[0]].age)
        rows.idle = idle

    def _check_mask(self, param: Tensor, where: Tensor) -> None:
        if where.dim() != param.dim() or len(where) != self.members:
            raise StrategyError(
                f"where has shape {tuple(where.shape)}; that of the parameter is"
                f" {tuple(param.shape)}; only later sizes may be 1 instead"
            )

    # ---- for subclasses

    def _own_age(self, key: int) -> Tensor:
        """The age of a parameter's entries so far,
        `[R, ..., betas]`, with the parameter's dimensions.
        """
        slot, rows = self.slots[key], self.idle_rows
        age = slot.age if rows is None or key not in rows.keys else rows.age
        # The age has R and perhaps C in front; 1s go in between, betas stay last.
        inner = slot.param.dim() + 1 - age.dim()
        return age.view(*age.shape[:-1], *(1,) * inner, age.shape[-1])

    def _still_rows(self, grads: Grads) -> Tensor | None:
        """`[R, C]`: the rows of the head that stand still in a step with these gradients."""
        rows = self.idle_rows
        if rows is None:
            return None
        # A head's parameter that had no gradient at all tells nothing about its rows.
        found = dict(zip(self.slots, grads, strict=True))
        own = [grad for key in rows.keys if (grad := found.get(key)) is not None]
        return rows.still(own) if own else None

    def _still(self, grads: Grads, still_rows: Tensor | None) -> dict[int, Tensor]:
        """By slot, which entries stand still in a step with these gradients."""
        still = {}
        for (key, slot), grad in zip(self.slots.items(), grads, strict=True):
            if grad is None:
                continue
            masks = [] if slot.frozen is None else [slot.frozen]
            if self.idle_rows is not None and key in self.idle_rows.keys and still_rows is not None:
                masks.append(beside(still_rows, grad))
            if masks:
                still[key] = functools.reduce(torch.bitwise_or, masks)
        return still

    def _slot(self, param: Tensor) -> Slot:
        return Slot(param, 0, 0)

    def _find(self, param: Tensor) -> int:
        for key, slot in self.slots.items():
            if slot.param is param:
                return key
        raise StrategyError(
            "the optimizer does not hold that parameter; add it with add_param(), or pass the"
            " very tensor it was made with"
        )

    def _gradients(self, grads: Grads | None) -> list[Tensor | None]:
        """The gradients of a step, each member's clipped to the norm `clip`."""
        found = [param.grad for param in self.params] if grads is None else list(grads)
        if len(found) != len(self.slots):
            raise StrategyError(
                f"the optimizer holds {len(self.slots)} parameters, and was given {len(found)}"
                " gradients"
            )
        if self.clip is None:
            return found
        squares = [
            # `[R]` each: norms of one member's gradient, over all its entries.
            torch.linalg.vector_norm(grad.reshape(self.members, -1), dim=1).square()
            for grad in found
            if grad is not None
        ]
        if not squares:
            return found
        # One after the other: a reduction over the stacked norms would group them by R.
        norm = functools.reduce(torch.add, squares).sqrt()
        # As `torch.nn.utils.clip_grad_norm_`: the 1e-6 keeps a norm of 0 from dividing.
        scale = Column((self.clip / (norm + 1e-6)).clamp(max=1.0))
        return [None if grad is None else grad * scale.beside(grad) for grad in found]
