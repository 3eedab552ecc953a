"""R networks as one: the stack, its two forms, per-member randomness, optimisers, suspended members."""

import os

# A member's bits may not depend on where in memory its rows begin. MKL's kernels round differently by alignment unless
# this is set before its first call; measured on small batches, it costs nothing.
os.environ.setdefault("MKL_CBWR", "AUTO")

from clbench.stack.noise import Noise
from clbench.stack.optim import SGD, Adam, AdamW, Optimizer, make_optimizer
from clbench.stack.part import Part
from clbench.stack.stack import Stack
from clbench.stack.state import (
    Reference,
    Saved,
    Stateful,
    Suspension,
    member_tables,
    restore,
    save,
    tensors,
)
from clbench.stack.watching import Clock

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Clock",
    "Noise",
    "Optimizer",
    "Part",
    "Reference",
    "Saved",
    "Stack",
    "Stateful",
    "Suspension",
    "make_optimizer",
    "member_tables",
    "restore",
    "save",
    "tensors",
]
