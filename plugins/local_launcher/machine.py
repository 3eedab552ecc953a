"""What this machine lends us."""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = QUOTA) -> int:
    """CPU cores this process may use: its affinity, and the quota of its container, which affinity
    does not show.
    """
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        limit, period = quota.read_text().split()
        # Both in microseconds of CPU time. A quota of less than one core is one worker still.
        return max(1, min(allowed, math.floor(int(limit) / int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return allowed


def gpus() -> int:
    """GPUs that torch can use."""
    import torch

    return torch.cuda.device_count()
