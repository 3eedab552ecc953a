"""Any optimiser of torch over stacked parameters: one
of its kind a member, on views of the member's rows.

Exact by construction, a Python loop over members, and not capturable: rates are read on the host.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from clbench.errors import OptionError, suggest
from clbench.stack.holding import Held
from clbench.stack.optimizer import Grads, Optimizer, Updates

# These need a closure or sparse gradients, which a stack has not.
UNFIT = ("LBFGS", "Optimizer", "SparseAdam")
# What torch calls a first moment.
FIRST_MOMENTS = ("exp_avg", "momentum_buffer")


def check_optimizer(name: str, options: Mapping[str, Any]) -> None:
    """Refuse, before anything runs, what `torch.<name>` would
    refuse in its first step on a matrix and a vector.
    """
    # A matrix and a vector, for a network has both, and some optimisers (Muon) accept matrices
    # only. The leading 1 is the member axis R.
    params = [torch.zeros(1, 2, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)]
    optimizer = TorchOptimizer(params, 1, name=name, options=options)
    for param in params:
        param.grad = torch.zeros_like(param)
    try:
        optimizer.step()
    except Exception as error:
        raise OptionError(
            [((), f"torch.{name} cannot step with these options: {error}")]
        ) from error


class TorchOptimizer(Optimizer):
    """`torch.<Name>` for every member; `options` are that optimiser's own, and `clip`."""

    capturable: ClassVar[bool] = False
    wiring: ClassVar[frozenset[str]] = frozenset({"rows"})
    one_a_member: ClassVar[frozenset[str]] = frozenset({"optimizers"})

    def __init__(
        self, params: Sequence[Tensor], members: int, *, name: str, options: Mapping[str, Any]
    ) -> None:
        self.kind = name
        # YAML has lists only; torch wants betas and the like as tuples.
        self.options: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in options.items()
            if key != "clip"
        }
        # One dictionary a member: a parameter's key to that member's row of it, `[...]` without R.
        self.rows: list[dict[int, Tensor]] = []
        self.optimizers: list[torch.optim.Optimizer] = []
        defaults = inspect.signature(self._factory()).parameters
        if unknown := sorted(set(self.options) - (set(defaults) - {"params"})):
            known = [key for key in defaults if key != "params"]
            raise OptionError(
                [
                    ((key,), f"unknown option of torch.{name}{suggest(key, known)}")
                    for key in unknown
                ]
            )
        rate = self.options.get("lr", defaults["lr"].default if "lr" in defaults else 0.0)
        try:
            super().__init__(params, members, lr=float(rate), clip=options.get("clip"))
            self._bind()
        except (TypeError, ValueError) as error:
            raise OptionError([((), str(error))]) from error

    # ---- steps

    def step(self) -> None:
        self._bind()
        self._step_members(self._gradients(None))

    def advance(self, grads: Grads | None = None) -> Updates:
        self._bind()
        before = [param.detach().clone() for param in self.params]
        given = self._gradients(grads)
        self._step_members(given)
        updates: Updates = []
        for param, old, grad in zip(self.params, before, given, strict=True):
            # The difference of the values after and before, so that decay and rate are included:
            # what a step adds, whatever rule torch applied.
            updates.append(None if grad is None else param.detach() - old)
            param.detach().copy_(old)
        return updates

    def direction(self, grads: Grads | None = None) -> Updates:
        self._bind()
        # `advance` moves the moments for good; here they are put back, for this is a question only.
        kept = self._states()
        updates = self.advance(grads)
        self._put_back(kept)
        return updates

    def _states(self) -> list[dict[str, Any]]:
        """All that torch keeps, a member after the other."""
        return [self.member_state(member) for member in range(len(self.optimizers))]

    def _put_back(self, states: Sequence[Mapping[str, Any]]) -> None:
        for member, state in enumerate(states):
            self.set_member_state(member, state)

    def _step_members(self, grads: Grads) -> None:
        still = self._still(grads, self._still_rows(grads))
        # One read of the host for all rates, [R]; this is why the class is not capturable.
        for member, rate in enumerate(self.lr.tolist()):
            held = {key: self._hold(member, key, where) for key, where in still.items()}
            self._step_member(member, rate, grads)
            for key, entries in held.items():
                # torch knows no entries that stand still: it has moved them, and they are put back.
                entries.put_back()
                self._clear_new(member, key, entries)

    def _hold(self, member: int, key: int, still: Tensor) -> Held:
        """What of a member stands still: entries of a parameter,
        and of all that torch keeps for each of these.
        """
        return Held(still[member], [self.rows[member][key].detach(), *self._kept(member, key)])

    def _clear_new(self, member: int, key: int, held: Held) -> None:
        """What torch began to keep in this step begins at 0 where nothing moved."""
        # `held.before` has what existed before the step; momentum is made by torch in its first
        # step only.
        known = {id(tensor) for tensor, _ in held.before}
        for value in self._kept(member, key):
            if id(value) not in known:
                value.masked_fill_(held.still, 0.0)

    def _kept(self, member: int, key: int, spared: Sequence[str] = ()) -> list[Tensor]:
        """What torch keeps for each entry of a parameter,
        but for what goes by one of these names.
        """
        row = self.rows[member][key]
        state = self.optimizers[member].state.get(row, {})
        return [
            value for name, value in state.items() if _is_like(value, row) and name not in spared
        ]

    def _step_member(self, member: int, rate: float, grads: Grads) -> None:
        optimizer, rows = self.optimizers[member], self.rows[member]
        for row, grad in zip(rows.values(), grads, strict=True):
            # A view of row `member` of the stacked gradient `[R, ...]`: nothing is copied.
            row.grad = None if grad is None else grad[member]
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        # Cleared at once, or the views would keep the stacked gradients alive until the next step.
        for row in rows.values():
            row.grad = None

    # ---- state

    def reset(self, members: Tensor | None = None) -> None:
        self._bind()
        for member, chosen in enumerate(
            [True] * self.members if members is None else members.tolist()
        ):
            if chosen:
                self.optimizers[member] = self._build(member)

    @torch.no_grad()
    def reset_entries(self, param: Tensor, where: Tensor, first_moment: bool = True) -> None:
        """Zero what torch keeps for these entries.

        Its step counts are the parameter's, and stay.
        """
        self._bind()
        key = self._find(param)
        spared = () if first_moment else FIRST_MOMENTS
        for member in range(self.members):
            for value in self._kept(member, key, spared):
                value.masked_fill_(where[member], 0.0)

    def member_state(self, member: int) -> dict[str, Any]:
        """A copy of all that torch keeps for a member."""
        state, rows = self.optimizers[member].state, self.rows[member]
        groups = []
        for group in self.optimizers[member].param_groups:
            kept = {key: value for key, value in group.items() if key != "params"}
            groups.append(copy.deepcopy(kept))
        # torch keys its state by parameter; here by the slot's key, which outlives the tensor.
        of_rows = {key: copy.deepcopy(state[row]) for key, row in rows.items() if row in state}
        return {"rows": of_rows, "groups": groups}

    def set_member_state(self, member: int, state: Mapping[str, Any]) -> None:
        """Put `member_state` back; parameters added since then begin anew."""
        fresh = self.optimizers[member] = self._build(member)
        for key, kept in state["rows"].items():
            # What the state says of parameters that have gone is dropped.
            if key in self.rows[member]:
                fresh.state[self.rows[member][key]] = copy.deepcopy(kept)
        for group, kept in zip(fresh.param_groups, state["groups"], strict=True):
            group.update(copy.deepcopy(kept))

    # ---- torch's optimisers

    def held(self) -> dict[str, Any]:
        """The parameters before the optimisers, which
        have to fit them when a state is read back.
        """
        # Loading goes through this dictionary in its order.
        held = super().held()
        return {
            **{key: value for key, value in held.items() if key != "optimizers"},
            "optimizers": held["optimizers"],
        }

    def __setattr__(self, name: str, value: Any) -> None:
        """Parameters that come or go (by hand, or from a checkpoint) are
        bound at once, so that the optimisers fit the state to load.
        """
        super().__setattr__(name, value)
        # `self.optimizers` is empty while `__init__` runs: nothing to bind yet.
        if name == "slots" and self.optimizers:
            self._bind()

    def _factory(self) -> Callable[..., torch.optim.Optimizer]:
        offered = [
            key
            for key, value in vars(torch.optim).items()
            if isinstance(value, type)
            and issubclass(value, torch.optim.Optimizer)
            and key not in UNFIT
        ]
        if self.kind in UNFIT:
            raise OptionError(
                [
                    (
                        (),
                        f"torch.{self.kind} needs a closure or sparse gradients, which a stack of"
                        " learners cannot give it",
                    )
                ]
            )
        if self.kind not in offered:
            raise OptionError(
                [((), f"torch has no optimizer {self.kind!r}{suggest(self.kind, offered)}")]
            )
        found: Callable[..., torch.optim.Optimizer] = getattr(torch.optim, self.kind)
        return found

    def _build(self, member: int) -> torch.optim.Optimizer:
        return self._factory()(list(self.rows[member].values()), **self.options)

    def _bind(self) -> None:
        """Give each member's optimiser the rows of the parameters
        as they are now, and what it kept for those it had.
        """
        if self.optimizers and self._is_bound():
            return
        # States first: building anew would begin the moments and step counts at zero.
        kept = self._states()
        self.rows = [self._rows_of(member) for member in range(self.members)]
        self.optimizers = [self._build(member) for member in range(self.members)]
        self._put_back(kept)

    def _is_bound(self) -> bool:
        """Whether the rows are views of the parameters as they lie now."""
        bound = self.rows[0] if self.rows else {}
        if list(bound) != list(self.slots):
            return False
        slots = self.slots.items()
        # The same memory, not the same object: a parameter whose `.data` was exchanged has to be
        # bound anew, and the rows of member 0 begin where the whole tensor begins.
        return all(bound[key].data_ptr() == slot.param.data_ptr() for key, slot in slots)

    def _rows_of(self, member: int) -> dict[int, Tensor]:
        """Views of a member's rows of the parameters, as leaves of their own."""
        slots = self.slots.items()
        # `detach` makes the view a leaf, which is what torch's optimisers accept. It shares memory
        # with the stack, so a step on the row is a step on the stack.
        return {key: slot.param.detach()[member].requires_grad_() for key, slot in slots}


def _is_like(value: Any, row: Tensor) -> bool:
    """Whether this of an optimiser's state has an entry for each of the parameter's."""
    return isinstance(value, Tensor) and value.shape == row.shape
