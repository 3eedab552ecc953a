"""R networks as one: the stack, its two forms,
per-member randomness, optimisers, suspended members.
"""

from clbench.stack.noise import Noise
from clbench.stack.optim import SGD, Adam, AdamW, Optimizer, make_optimizer
from clbench.stack.part import Part
from clbench.stack.restoring import restore
from clbench.stack.saving import save
from clbench.stack.stack import Stack
from clbench.stack.state import Reference, Saved, Stateful
from clbench.stack.suspension import Suspension
from clbench.stack.tree import member_tables, objects, tensors, walk
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
    "objects",
    "restore",
    "save",
    "tensors",
    "walk",
]
