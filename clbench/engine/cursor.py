"""Where a job stands: task, phase, epoch and step.

With the state of the learner it is all that a job needs to go on in the middle of an epoch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.engine.losses import LossWatch
from clbench.engine.phases import from_plain, to_plain
from clbench.engine.task import Phase
from clbench.stack import Stateful


class Cursor(Stateful):
    """A job's position between two tasks, or between two steps of one.

    With it goes what was counted since the task, the phase and the epoch began.

    Positions, never data: the order of samples follows from seed, task, phase and epoch. A step of
    0 is an epoch that has not begun, `phases` of None a task that has not; hooks that ran are never
    run again.
    """

    wiring = frozenset({"looked"})

    def __init__(self, members: int, device: torch.device) -> None:
        self.task = 0  # tasks that are over
        self.phase = self.epoch = self.step = 0
        # The task's phases; what they are may have followed from a state that is gone.
        self.plan: list[dict[str, Any]] | None = None
        # `[R]`: members may have unequal numbers of steps.
        self.done = np.zeros(members, dtype=np.int64)  # steps of the phase
        self.stopped: set[int] = set()  # members whose phase is over
        self.rates_set = False  # a phase set the optimisers' rates, and they must be given back
        self.losses = LossWatch(members, device)
        self.online = Online(members, device)
        self.seconds = 0.0  # of training in this task
        self.looked = 0.0  # when the clock was last read

    @property
    def phases(self) -> list[Phase] | None:
        """The phases of the task under way."""
        return None if self.plan is None else [from_plain(phase) for phase in self.plan]

    @property
    def at_phase_start(self) -> bool:
        """Whether nothing of the phase has been done."""
        return self.epoch == 0 and self.step == 0

    def begin_task(self, phases: Sequence[Phase]) -> None:
        """A task begins, with these phases."""
        self.plan = [to_plain(phase) for phase in phases]
        self.phase = self.epoch = self.step = 0
        # Of training alone: evaluations and checkpoints stop the clock.
        self.seconds = 0.0
        self.losses.clear()
        self.online.clear()
        self._clear_phase()

    def replace_phase(self, phase: Phase) -> None:
        """The phase under way is another one."""
        assert self.plan is not None
        self.plan[self.phase] = to_plain(phase)

    def end_epoch(self, reached: set[int]) -> None:
        """The next epoch; these members take part in it no more."""
        self.epoch, self.step = self.epoch + 1, 0
        self.stopped |= reached

    def end_phase(self) -> None:
        """The next phase."""
        self.phase, self.epoch, self.step = self.phase + 1, 0, 0
        self._clear_phase()

    def end_task(self) -> None:
        """The next task."""
        self.task, self.plan = self.task + 1, None

    def _clear_phase(self) -> None:
        self.done[:] = 0
        self.stopped = set()

    def start_clock(self) -> None:
        """What has passed until now is no part of the task's training."""
        self.looked = time.perf_counter()

    def read_clock(self) -> float:
        """Seconds of training in this task, those before it was interrupted included."""
        now = time.perf_counter()
        self.seconds, self.looked = self.seconds + now - self.looked, now
        return self.seconds

    @contextmanager
    def stopped_clock(self) -> Iterator[None]:
        """What is done within is no training: measuring, and tests between two steps."""
        self.read_clock()
        try:
            yield
        finally:
            self.start_clock()


class Online(Stateful):
    """Right predictions before the update: of the task, and of the epoch."""

    def __init__(self, members: int, device: torch.device) -> None:
        self.right = torch.zeros(members, dtype=torch.int64, device=device)
        self.seen = np.zeros(members, dtype=np.int64)
        self.begin_epoch()

    def clear(self) -> None:
        """Begin another task."""
        self.right.zero_()
        self.seen[:] = 0

    def begin_epoch(self) -> None:
        """Keep the counts, so that those since then can be told."""
        self.right_before, self.seen_before = self.right.clone(), self.seen.copy()

    def note(self, right: Tensor, rows: slice | Tensor) -> None:
        """How many samples of a batch each of the members in these rows got right."""
        self.right[rows] += right[rows]

    def count(self, size: int, active: list[int]) -> None:
        """The batch had this size."""
        self.seen[active] += size

    def of_task(self) -> Tensor:
        """`[R]`: the share of right predictions in this task."""
        return self.right / torch.from_numpy(self.seen).to(self.right.device)

    def of_epoch(self) -> Tensor:
        """`[R]`: the share of right predictions in this epoch."""
        return (self.right - self.right_before) / torch.from_numpy(self.seen - self.seen_before).to(
            self.right.device
        )
