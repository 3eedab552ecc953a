"""The phases of a task that is learnt by itself: modules stand still, and are then trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from clbench import Phase

ASSIMILATION, ACCOMMODATION, JOINT = "assimilation", "accommodation", "joint"


def in_turn(phase: Phase, epochs: int, every: int | None) -> Iterator[Phase]:
    """A phase of so many epochs as assimilation, and after so many one epoch of accommodation."""
    for assimilated, is_accommodated in _stretches(epochs, every or epochs):
        yield replace(phase, name=ASSIMILATION, epochs=assimilated)
        if is_accommodated:
            yield replace(phase, name=ACCOMMODATION, epochs=1)


def _stretches(epochs: int, every: int) -> Iterator[tuple[int, bool]]:
    """Epochs of assimilation, and whether one of accommodation follows: the last of `every`.

    A rest that is shorter is assimilation alone.
    """
    while epochs:
        stretch = min(every, epochs)
        is_whole = stretch == every
        yield stretch - is_whole, is_whole
        epochs -= stretch
