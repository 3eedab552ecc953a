"""What a bank of heads noted of the test sets."""

from __future__ import annotations

import numpy as np

from clbench import RunView, Undefined

from .base import Array, ShareOfSamples, every_task

NOTE = "right_head"


class HeadChoiceAccuracy(ShareOfSamples):
    """How often test images go to the head that was trained on their task, after each task i.

    Over the test sets of tasks 1..i, which weigh alike; tables show it after the last task. Of a
    method that chooses a head for a whole test set (`multihead_swap`), it is the share of the tasks
    for which it chooses right. A head that was trained on several tasks is right for all of them.
    """

    def value(self, run: RunView) -> Array | Undefined:
        if NOTE not in run.note_names:
            return Undefined(f"{run.label} chooses among no heads")
        run.note_at(NOTE, run.tasks, every_task(run))  # what tables show
        return np.array([self._after(run, task) for task in every_task(run)])

    def _after(self, run: RunView, task: int) -> float:
        try:
            return float(run.note_at(NOTE, task, np.arange(1, task + 1)).mean())
        except Undefined:  # not every task was tested then
            return float("nan")
