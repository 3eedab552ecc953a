"""Features of a frozen body: computed once for a phase,
kept where there is room, and computed again where not.

What is kept decides about speed alone. A sample's features are always computed among the same
number of samples, and are the same bits whichever these are: that is looked at before anything is
kept.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clbench.engine.learner import Learner
from clbench.engine.phases import Order, Pool, ResolvedPhase
from clbench.engine.plan import Step
from clbench.engine.room import room_for_features
from clbench.engine.task import Phase
from clbench.errors import StrategyError
from clbench.stack import Stack
from clbench.stack.members import beside

IntArray = npt.NDArray[np.int64]
Compute = Callable[[Sequence[IntArray]], Tensor]

CHUNK = 128  # samples whose features are computed together
SAMPLES_AHEAD = 1024  # samples that are looked ahead
SHIFTS = 1, 37, 64  # places that samples are moved by, to see whether their features depend on it
# How far outputs may be apart, beside their size, that are the same but for rounding (in bf16,
# too).
ROUNDING = 0.02


class FrozenBody:
    """A phase's network of which the front stands still, and the features it gives out."""

    def __init__(self, learner: Learner, workers: int = 1) -> None:
        self.learner, self.session, self.workers = learner, learner.session, workers
        self.point: str | None = None  # the first module that is trained; None: all are
        self.table: Table | None = None
        self.before: dict[str, Tensor] = {}  # the front when the epoch began

    # ------------------------------------------------------------------ a phase

    def begin_phase(self, phase: Phase, resolved: ResolvedPhase) -> None:
        """A phase begins, or goes on after a resume."""
        self.end_phase()
        if phase.frozen_before is None:
            return
        where = f"{self.learner.part_name}.phases, phase {phase.name!r}"
        self.learner.stack_to_freeze(where).part(
            phase.frozen_before
        )  # an error where there is none
        self.point = phase.frozen_before
        # An error here if the rest is not what the network does behind that point.
        shape = self._checked_shape(phase, resolved.pools)
        # Augmented images are others in each epoch: nothing could be kept.
        if shape is not None and self._augmentation(phase) == "none":
            room = room_for_features(self.learner.device, self.workers)
            self.table = Table(self._computing(resolved.pools), resolved, shape, room, self.net)

    def end_phase(self) -> None:
        """All of the network is trained again."""
        self.point, self.table, self.before = None, None, {}

    def begin_epoch(self) -> None:
        """Whatever ran between two epochs may have changed
        the front: its features are others then.
        """
        if self.point is None:
            return
        # By value, not by a counter: whoever writes the same numbers changes nothing.
        if self.table is not None and self._changed() is not None:
            self.table.forget()
        # Clones for `end_epoch`, which compares.
        self.before = {name: value.detach().clone() for name, value in self._front().items()}

    def end_epoch(self) -> None:
        """Refuse a step that changed what stands still."""
        if self.point is not None and (name := self._changed()) is not None:
            raise StrategyError(
                f"phase {self.session.phase and self.session.phase.name!r} trains the network from"
                f" {self.point!r} on (frozen_before), and a step of it changed {name!r}, which"
                " lies in front; leave frozen_before out, or keep that method's hands off it"
            )

    def of_steps(self, order: Order, plan: Sequence[Step]) -> Iterator[tuple[Step, Tensor]]:
        """Each step of an epoch with its samples `[3, R, B]`,
        and with where their features are, `[4, R, B]`.
        """
        if self.table is None:
            for step in plan:
                yield step, order.batch(step)
            return
        for steps in _groups(plan):
            # Features of all steps of a group are computed ahead, in full chunks.
            places = self.table.ready(order, steps)
            for step, place in zip(steps, places, strict=True):
                # A fourth row beside index, task and validity.
                yield step, torch.cat([order.batch(step), place[None]])

    @contextlib.contextmanager
    def step(self, x: Tensor, samples: Tensor) -> Iterator[None]:
        """A step over the images `x`; `samples` are those of `of_steps`."""
        if self.point is None:
            yield
            return
        known = self.table is not None and len(samples) > 3
        features = self.table.take(samples[3]) if self.table is not None and known else None
        with self.net.frozen_before(self.point, x, features):
            yield

    # ------------------------------------------------------------------ what they are

    @property
    def net(self) -> Stack:
        """The network."""
        return self.learner.net

    def _augmentation(self, phase: Phase) -> Any:
        return self.learner.protocol.augment if phase.augment is None else phase.augment

    def _front(self) -> dict[str, Tensor]:
        assert self.point is not None
        return self.net.front(self.point)

    def _changed(self) -> str | None:
        """The first tensor of the front that is otherwise
        than when the epoch began, among who takes part.
        """
        # Members that sit out hold arbitrary weights meanwhile.
        active = self.session.active
        for name, value in self._front().items():
            if name not in self.before:
                return name
            if not torch.equal(value[active], self.before[name][active]):
                return name
        return None

    def _checked_shape(self, phase: Phase, pools: Sequence[Pool]) -> tuple[int, ...] | None:
        """The shape of a sample's features; None where they depend on the samples beside it.

        So they do behind batch-norm without running statistics, or where a kernel rounds by place.
        The whole network is then run in every step.
        """
        assert self.point is not None
        # One chunk of each member's pool is enough to see how the kernel behaves.
        first = [np.arange(min(CHUNK, len(pool))) for pool, _ in pools]
        x = self._images(pools, first)
        features, whole = self.net.features(x, self.point)
        try:
            fits = self._close(self.net.from_features(features, self.point), whole)
        except RuntimeError:  # another shape than the modules want
            fits = False
        if not fits:
            raise StrategyError(
                f"phase {phase.name!r}: frozen_before={self.point!r}, and the output of"
                f" {type(self.net.module).__name__} is not what the modules from there on make of"
                " it; name a later module (the last one is 'head'), or build the model as an"
                " nn.Sequential"
            )
        # The same images at other places of the chunk: are their features the same bits?
        for places in SHIFTS:
            # Fetched anew: an image's numbers are to lie in memory as they always do.
            rolled, _ = self.net.features(self._images(pools, first, places), self.point)
            if not self._same(rolled.roll(-places, 1), features):
                return None
        return tuple(features.shape[2:])

    def _same(self, one: Tensor, other: Tensor) -> bool:
        """Bit for bit, of who takes part; of a member that diverged NaN is NaN."""
        same = (one == other) | (one.isnan() & other.isnan())
        return bool(same[self.session.active].all())

    def _close(self, one: Tensor, other: Tensor) -> bool:
        if one.shape != other.shape:
            return False
        # `[R]`: the largest output of each member, and 1 at least.
        size = other.abs().flatten(1).amax(1).clamp(min=1.0)
        near = (one - other).abs() <= ROUNDING * beside(size, other)
        # Of a diverged member nothing can be said.
        return bool((near | ~other.isfinite())[self.session.active].all())

    def _computing(self, pools: Sequence[Pool]) -> Compute:
        def compute(places: Sequence[IntArray]) -> Tensor:
            assert self.point is not None
            # Members for which nothing is missing are left out where the form allows.
            with self._only(places):
                return self.net.features(self._images(pools, places), self.point)[0]

        return compute

    @contextlib.contextmanager
    def _only(self, places: Sequence[IntArray]) -> Iterator[None]:
        """Compute for the members that want any."""
        wanted = [member for member, mine in enumerate(places) if len(mine)]
        before = self.net.active
        self.net.active = wanted
        try:
            yield
        finally:
            self.net.active = before

    def _images(
        self, pools: Sequence[Pool], places: Sequence[IntArray], moved_by: int = 0
    ) -> Tensor:
        """The images `[R, CHUNK, ...]` at these places of
        each member's pool, filled up with some of them.
        """
        index, tasks = [], []
        for (pool, task_of), mine in zip(pools, places, strict=True):
            some = mine if len(mine) else np.zeros(1, dtype=np.int64)
            # Repeated until the chunk is full: sizes are always the same, so bits are.
            filled = np.roll(np.resize(some, CHUNK), moved_by)
            index.append(pool[filled])
            tasks.append(task_of[filled])
        device = self.learner.device
        where, of = (torch.from_numpy(np.stack(table)).to(device) for table in (index, tasks))
        return self.session.fetch(where, of).x


class Table:
    """Rows of features: of the first samples of each
    member's pool for good, of others for the steps ahead.

    `slots[member][place]` says in which row a sample's features are, -1 where in none.
    """

    def __init__(
        self,
        compute: Compute,
        resolved: ResolvedPhase,
        shape: tuple[int, ...],
        room: float,
        net: Stack,
    ) -> None:
        self.compute = compute
        counts = [len(pool) for pool, _ in resolved.pools]
        longest, members = max(counts), len(counts)
        # Samples of the pool's beginning whose features stay for the whole phase.
        self.kept = min(longest, int(room // row_bytes(shape, members)))
        ahead = 0 if self.kept == longest else max(SAMPLES_AHEAD, resolved.size)
        self.spare = self.kept + ahead  # a row for what nobody asks about
        self.values = torch.empty(members, self.spare + 1, *shape, device=net.device)
        # The spare row is read for rows that do not count; memory as it came may hold NaN.
        self.values[:, self.spare] = 0.0
        self.slots = [np.full(count, -1, dtype=np.int64) for count in counts]
        # `[R, 1]` beside rows `[R, B]`.
        self.members = torch.arange(members, device=net.device)[:, None]

    def forget(self) -> None:
        """The features are others now."""
        for mine in self.slots:
            mine[:] = -1

    def take(self, rows: Tensor) -> Tensor:
        """`[R, B]` rows to `[R, B, ...]` features."""
        return self.values[self.members, rows]

    def ready(self, order: Order, steps: Sequence[Step]) -> list[Tensor]:
        """Have the features of these steps' samples; where they are, `[R, B]` a step."""
        wanted = _wanted(order, steps, len(self.slots))
        self._compute([self._missing(*one) for one in zip(self.slots, wanted, strict=True)])
        rows = [self._rows(order, step) for step in steps]
        placed = torch.from_numpy(np.concatenate(rows, axis=1)).to(self.values.device)
        return list(placed.split([step.size for step in steps], dim=1))

    def _missing(self, slots: IntArray, places: IntArray) -> IntArray:
        """The samples at these places that have no features yet; each is given a row."""
        # What was computed for the steps before makes room.
        slots[self.kept :] = -1
        missing = np.unique(places[slots[places] < 0])
        passing = missing[missing >= self.kept]
        # Rows behind the kept ones, given out anew for each group.
        slots[passing] = self.kept + np.arange(len(passing))
        staying = missing[missing < self.kept]
        slots[staying] = staying
        return missing

    def _compute(self, missing: Sequence[IntArray]) -> None:
        # As many chunks as the member needs that lacks most.
        for start in range(0, max(map(len, missing)), CHUNK):
            places = [mine[start : start + CHUNK] for mine in missing]
            rows = np.full((len(places), CHUNK), self.spare)
            for row, slots, mine in zip(rows, self.slots, places, strict=True):
                row[: len(mine)] = slots[mine]
            where = torch.from_numpy(rows).to(self.values.device)
            self.values[self.members, where] = self.compute(places)

    def _rows(self, order: Order, step: Step) -> IntArray:
        rows = np.full((len(self.slots), step.size), self.spare)
        for member, start in zip(step.members, step.start, strict=True):
            rows[member] = self.slots[member][order.places[member][start : start + step.size]]
        return rows


def row_bytes(shape: Sequence[int], members: int) -> int:
    """What a sample's features take in the stack."""
    # float32.
    return math.prod(shape) * 4 * members


def _groups(plan: Sequence[Step]) -> Iterator[Sequence[Step]]:
    """The steps in groups of at most `SAMPLES_AHEAD` samples of a member, one step at least."""
    group: list[Step] = []
    for step in plan:
        # At most so many samples ahead: the table has that much room beside the kept ones.
        if group and sum(one.size for one in [*group, step]) > SAMPLES_AHEAD:
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _wanted(order: Order, steps: Sequence[Step], members: int) -> list[IntArray]:
    """Each member's samples in these steps, by their places in its pool."""
    parts: list[list[IntArray]] = [[np.zeros(0, dtype=np.int64)] for _ in range(members)]
    for step in steps:
        for member, start in zip(step.members, step.start, strict=True):
            parts[member].append(order.places[member][start : start + step.size])
    return [np.concatenate(mine) for mine in parts]
