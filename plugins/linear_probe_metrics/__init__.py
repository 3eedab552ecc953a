"""What a linear classifier finds in the features of a network.

torch is imported where they measure: who only reads their numbers does not wait for it.
"""

from __future__ import annotations

from clbench import hookimpl

from .accuracy import ProbeAccuracy, ProbeGap
from .strength import RepresentationStrength


@hookimpl
def clbench_metrics() -> list[type]:
    return [ProbeAccuracy, ProbeGap, RepresentationStrength]
