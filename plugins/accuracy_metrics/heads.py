"""What a bank of heads noted of the test sets."""

from __future__ import annotations

from clbench import RunView, Undefined

from .base import Array, ShareOfSamples, noted_after_each

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
        return noted_after_each(run, NOTE)
