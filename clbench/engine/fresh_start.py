"""What a job costs does not depend on the jobs that its process did before.

The first steps of a process are slow: kernels are chosen, threads and workspaces made, code read
from disk. They are taken here, with a network of our own, before any clock is read. And a process
never gets smaller by itself: what earlier jobs left is collected and given back, and the mark of
the largest resident set is put down to where this job begins.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
from functools import lru_cache
from pathlib import Path

import torch
from torch import nn

from clbench.stack import Stack, make_optimizer

# Linux only; elsewhere neither exists, and sizes are NaN.
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_THE_MARK = "5"  # see proc_pid_clear_refs(5)
MEMBERS, BATCH, SIDE, CLASSES = 2, 16, 8, 4


class Memory:
    """How far the process has grown since `begin`, in bytes; NaN where the system does not tell."""

    def __init__(self) -> None:
        self.start = math.nan

    def begin(self) -> None:
        """Count from here on."""
        # First the garbage, then free memory back to the system: the second needs the first.
        gc.collect()
        _give_back()
        try:
            CLEAR.write_text(RESET_THE_MARK)
        except OSError:
            self.start = math.nan
            return
        self.start = _status("VmRSS")

    def peak(self) -> float:
        """The largest growth at any time since then."""
        # The high-water mark of the resident set, put down to its present size by `begin`.
        return max(0.0, _status("VmHWM") - self.start) if self.start >= 0 else math.nan


MEMORY = Memory()


def begin_job(device: torch.device) -> None:
    """A job begins on this device."""
    warm_up(device)
    if device.type == "cpu":
        MEMORY.begin()


@lru_cache
def warm_up(device: torch.device) -> None:
    """Take the first steps of this process on a device, in both forms of a stack."""
    # Kernels of both are chosen at their first call: a job's first step is not to pay for it.
    for form in ("loop", "vmap"):
        # A small convolutional network, so that both kinds of products are met.
        stack = Stack(_network, MEMBERS, form=form, device=device)
        optimizer = make_optimizer({"sgd": {"lr": 0.1}}, list(stack.parameters()), MEMBERS)
        for _ in range(3):
            x = torch.zeros(MEMBERS, BATCH, 1, SIDE, SIDE, device=device)
            y = torch.zeros(MEMBERS * BATCH, dtype=torch.int64, device=device)
            losses = nn.functional.cross_entropy(stack(x).flatten(0, 1), y, reduction="none")
            loss = losses.view(MEMBERS, BATCH).mean(1)
            loss.backward(torch.ones_like(loss))  # with a gradient given, as in training
            optimizer.step()


def _network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4 * SIDE * SIDE, BATCH),
        nn.ReLU(),
        nn.Linear(BATCH, CLASSES),
    )


def _give_back() -> None:
    """Let the C library return what is free; elsewhere than in glibc there is nothing to call."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _status(name: str) -> float:
    """A size of this process in bytes."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return math.nan
    found = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    # /proc counts in kB.
    return float(next(found, "nan")) * 1024.0
