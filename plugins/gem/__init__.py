"""Gradient episodic memory: no step may raise the loss on what is remembered of earlier tasks."""

from __future__ import annotations

from clbench import hookimpl

from .agem import AGEM
from .gem import GEM

__all__ = ["AGEM", "GEM"]


@hookimpl
def clbench_strategies() -> list[type]:
    return [AGEM, GEM]
