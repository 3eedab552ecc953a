"""Members that sit out: their rows of the state are kept apart while the others train."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor

from clbench.errors import StrategyError
from clbench.stack.state import Stateful
from clbench.stack.tree import member_tables, objects


class Kept(Stateful):
    """What a member left behind: its rows, the states that
    objects keep apart, and the objects there were.
    """

    def __init__(self, rows: dict[str, Tensor], apart: dict[str, Any], present: set[str]) -> None:
        self.rows, self.apart, self.present = rows, apart, present


class Suspension(Stateful):
    """Members that sit out: their rows of every stacked
    state tensor are kept, and put back when they return.

    Rows are found again by path, so a strategy may replace a tensor while a member sits out.
    Objects whose state is not in stacked tensors (a torch optimiser a member) answer `member_state`
    and `set_member_state` instead. What was made while a member sat out (noise, an optimiser) is
    begun anew for it by `begin_member`.
    """

    wiring = frozenset({"root", "members"})

    def __init__(self, root: Any, members: int) -> None:
        self.root, self.members = root, members
        self.kept: dict[int, Kept] = {}

    @property
    def active(self) -> list[int]:
        """The members that take part now."""
        return [member for member in range(self.members) if member not in self.kept]

    def set_active(self, active: set[int]) -> None:
        """Let exactly these members take part."""
        # Read before anything is kept: `active` follows from `self.kept`.
        leaving = [member for member in self.active if member not in active]
        returning = [member for member in self.kept if member in active]
        if leaving:
            stacked = list(self._tables())
            named = dict(objects(self.root))
            for member in leaving:
                apart = {
                    path: item.member_state(member)
                    for path, item in named.items()
                    if hasattr(item, "member_state")
                }
                self.kept[member] = Kept(
                    # A clone: the row is trained on, with arbitrary samples, while its member sits
                    # out.
                    {path: tensor[member].clone() for path, tensor in stacked},
                    apart,
                    set(named),
                )
        # Before anything is written, so that an error leaves the state as it was.
        for path, rows in self._reshaped(returning):
            raise StrategyError(
                f"{path} changed the shape of its rows, {rows}, while a member sat out that"
                " returns; let a table grow where every member takes part: in begin_task or"
                " end_task"
            )
        self._put_back(returning)
        for member in returning:
            del self.kept[member]

    def _reshaped(self, members: Sequence[int]) -> Iterator[tuple[str, list[int]]]:
        """Tables whose rows are no longer of the shape that one of these members left behind."""
        stacked = dict(self._tables()) if members else {}
        for member in members:
            for path, row in self.kept[member].rows.items():
                if path in stacked and stacked[path].shape[1:] != row.shape:
                    yield path, list(row.shape)

    def show_kept(self) -> None:
        """Put the rows of members that sit out back for somebody
        to look at: steps of the others let them drift.

        They stay kept as they were, so what is written to them from here on is lost.
        """
        self._put_back(list(self.kept))

    def _put_back(self, members: Sequence[int]) -> None:
        """Write what these members left behind into the state."""
        if not members:
            return
        # Walked anew: a strategy may have replaced or grown its tables since then.
        stacked = dict(self._tables())
        named = list(objects(self.root))
        for member in members:
            kept = self.kept[member]
            for path, row in kept.rows.items():
                # One that diverged never returns, and tables may have grown since it left.
                if path in stacked and stacked[path][member].shape == row.shape:
                    stacked[path][member] = row
            for path, item in named:
                if path in kept.apart:
                    item.set_member_state(member, kept.apart[path])
                # Made while the member sat out: not its own history, so it begins here.
                elif path not in kept.present and hasattr(item, "begin_member"):
                    item.begin_member(member)

    def _tables(self) -> Iterator[tuple[str, Tensor]]:
        for path, tensor in member_tables(self.root, self.members):
            yield path, tensor.detach()
