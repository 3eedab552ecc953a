"""What this machine lends us."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = QUOTA) -> int:
    """CPU cores this process may use: its affinity, and the quota of its container."""
    allowed = _affinity()
    try:
        lent = _quota(quota)
    except (OSError, ValueError):  # no such file, or "max": no quota
        return allowed
    # A quota of less than one core is one worker still.
    return max(1, min(allowed, math.floor(lent)))


def _affinity() -> int:
    """Where a system knows no affinity, all cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(file: Path) -> float:
    """In cores."""
    # Both in microseconds of CPU time.
    limit, period = file.read_text().split()
    return int(limit) / int(period)


def gpus() -> int:
    """GPUs that torch can use."""
    import torch

    return torch.cuda.device_count()
