"""Models are ordinary modules that name their hidden units: the word they do it with, and an activation."""

from __future__ import annotations

from clbench.models.crelu import CReLU
from clbench.models.layer import Layer

__all__ = ["CReLU", "Layer"]
