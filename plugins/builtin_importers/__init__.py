"""Importers of the results of other libraries."""

from __future__ import annotations

from clbench import Importer, hookimpl

from .avalanche import Avalanche
from .mammoth import Mammoth
from .table import CSV


@hookimpl
def clbench_importers() -> list[type[Importer]]:
    """Offer the importers."""
    return [Mammoth, Avalanche, CSV]
