"""R networks as one: the stack, its two forms, per-member randomness, optimisers, suspended members."""

from clbench.stack.noise import Noise
from clbench.stack.optim import SGD, Adam, AdamW, Optimizer, make_optimizer
from clbench.stack.part import Part
from clbench.stack.stack import Stack
from clbench.stack.state import (
    Reference,
    Saved,
    Stateful,
    restore,
    save,
    tensors,
)
from clbench.stack.suspension import Suspension, member_tables
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
