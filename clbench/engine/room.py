"""How much memory kept features may take. It decides about speed alone, never about a number."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from clbench.errors import UserError
from clbench.memory import budget_of

VARIABLE = "CLBENCH_FEATURES"
# Of what is free when they are first needed; the rest is for the steps and for other programs.
SHARE_OF_DEVICE = 0.8
SHARE_OF_HOST = 0.5

MEMINFO = Path("/proc/meminfo")
CONTROL_GROUP = Path("/sys/fs/cgroup")
ROOM_IF_UNKNOWN = 2 * 2**30  # bytes, where the system does not tell


def room_for_features(device: torch.device, workers: int) -> int:
    """Bytes that a job may keep features in, by `$CLBENCH_FEATURES` or by what is free."""
    said = os.environ.get(VARIABLE, "auto")
    if said == "none":
        return 0
    if said != "auto":
        return _stated(said)
    if device.type == "cuda":
        # Free memory is the first of the two numbers.
        return int(SHARE_OF_DEVICE * torch.cuda.mem_get_info(device)[0])
    # Jobs that run beside this one look at the same free memory.
    return int(SHARE_OF_HOST * free_memory() / workers)


def keeps_features() -> bool:
    """Whether any features are kept, however many."""
    return os.environ.get(VARIABLE, "auto") != "none"


def _stated(said: str) -> int:
    try:
        budget = budget_of(said)
    except ValueError:
        budget = None
    if budget is None:
        raise UserError(
            f"${VARIABLE} is {said!r}; it says how much memory a job's kept features may take:"
            " auto, none, or bytes with their unit (4GB)"
        )
    return budget


def free_memory(meminfo: Path = MEMINFO, group: Path = CONTROL_GROUP) -> int:
    """Bytes of this machine that nobody uses, and that the process's container still allows it."""
    return min(_free_of_machine(meminfo), _free_of_group(group))


def _free_of_machine(meminfo: Path) -> int:
    try:
        lines = meminfo.read_text().splitlines()
        (available,) = (line for line in lines if line.startswith("MemAvailable:"))
        # In kB.
        return int(available.split()[1]) * 1024
    except (OSError, ValueError):
        return ROOM_IF_UNKNOWN


def _free_of_group(group: Path) -> int:
    try:
        # Control groups version 2: bytes, or "max".
        most = int((group / "memory.max").read_text())
        return max(0, most - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return 2**63
