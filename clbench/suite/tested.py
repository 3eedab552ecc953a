"""Which tasks are tested when, as a protocol's `evaluate` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tested_tasks(evaluate: Mapping[str, Any], tasks: int) -> list[range]:
    """The tasks tested after 0, 1, ... tasks;
    the untrained network is tested on the first one at least.
    """
    scope = evaluate["tasks"]
    if scope == "all":
        return [range(tasks)] * (tasks + 1)
    # How far the first of them lies behind the next task.
    behind = {"seen": tasks, "current": 1, "last": evaluate["last"] or 1}[scope]
    return [range(max(0, row - behind), max(row, 1)) for row in range(tasks + 1)]
