"""Runs a script as the engine runs: in a worker's environment, and with a worker's matrix products.

Threads and memory are decided before a process starts, so the script starts anew.
"""

from __future__ import annotations

import os
import sys

from clbench.execution.environment import BITS, MEMORY, ONE_THREAD
from clbench.stack import gemm


def as_worker() -> None:
    """Start this script anew in that environment, for all sides alike, unless it is there already;
    take the path.
    """
    wanted = {**ONE_THREAD, **BITS, **MEMORY}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})
    gemm.use(gemm.choose())
