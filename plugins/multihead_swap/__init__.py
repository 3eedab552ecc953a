"""Multi-head swap: a head for every task, chosen at test time without being told the task."""

from __future__ import annotations

from clbench import hookimpl

from .strategy import MultiheadSwap


@hookimpl
def clbench_strategies() -> list[type]:
    return [MultiheadSwap]
