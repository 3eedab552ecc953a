"""Whether arrays fit into memory, asked before the first of them is read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clbench.errors import UserError


def memory_size() -> int:
    """The machine's memory in bytes; without limit where the system does not say."""
    if not hasattr(os, "sysconf"):  # on Windows
        return sys.maxsize
    # Of the machine, not of what is free: swapping is slow, but it is no mistake.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def check_room(path: Path, needed: int) -> None:
    """Refuse what cannot fit before anything of it is read: small files unpack to any size."""
    there = memory_size()
    if needed > there:
        raise UserError(
            f"the arrays in {path} take {needed / 1e9:,.1f} GB, and this machine has "
            f"{there / 1e9:,.1f} GB of memory; import fewer or smaller images"
        )
