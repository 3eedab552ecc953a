"""Models are ordinary modules that name their hidden units; here is the word they do it with."""

from __future__ import annotations

from clbench.models.layer import Layer

__all__ = ["Layer"]
