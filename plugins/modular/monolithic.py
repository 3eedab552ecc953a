"""One network for all tasks, with a head for each."""

from __future__ import annotations

from clbench import Phase

from .lifelong import INITIAL, Lifelong


class Monolithic(Lifelong):
    """One network for all tasks, with a head for each ("no components" of Mendez & Eaton 2021).

    After the first tasks, which are trained together, each is trained beside the samples kept of
    those before it. With `replay: 0` that is plain fine-tuning.
    """

    name = "monolithic"

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        if phase.name != INITIAL:
            self.beside_old_samples()
