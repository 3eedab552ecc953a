"""What was measured of one cell, in memory. The layout on disk is `clbench.records.file`'s business."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Entries:
    """The accuracies measured where the whole matrix was not: `value[:, k]` is task `column[k]` (from 0) after `row[k]` tasks."""

    row: Array
    column: Array
    value: Array


@dataclass
class CellRecord:
    """One cell's members, sorted by seed, then agent. S members, T tasks; NaN where nothing was measured."""

    key: str
    scenario: str
    strategy: str
    label: str
    seed: Array  # [S]
    accuracy: Array | None  # [S, T+1, T], row 0 the untrained network
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)  # what the key is a hash of
    status: str = "done"  # done, partial, diverged, failed
    agent: Array | None = None  # [S]
    member_status: Array | None = None  # [S] of "done", "diverged", "failed", "timeout"
    diverged_at: Array | None = None  # [S], the step, -1 where it did not
    accuracy_before: Array | None = None  # [S, T]
    loss: Array | None = None  # [S, T], mean training loss of each task
    entries: Entries | None = None
    metrics: dict[str, Array] = field(default_factory=dict)  # [S, ...]; probe metrics, measured live
    curves: dict[str, Array] = field(default_factory=dict)  # [S, K], NaN-padded
    cost: dict[str, Array] = field(default_factory=dict)  # [S] or [S, T]
    errors: tuple[str, ...] = ()  # tracebacks of jobs that failed

    @property
    def tasks(self) -> int:
        """T."""
        if self.accuracy is not None:
            return int(self.accuracy.shape[-1])
        assert self.entries is not None
        return int(self.entries.column.max(initial=-1)) + 1

    @property
    def members(self) -> int:
        """S."""
        return len(self.seed)
