"""Data sets as plain arrays: found, read, verified and kept (no torch)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clbench.data.arrays import Arrays as Arrays
    from clbench.data.dataset import Dataset as Dataset
    from clbench.data.importing import import_data as import_data
    from clbench.data.listing import catalogue as catalogue
    from clbench.data.listing import where as where
    from clbench.data.load import dataset_choice as dataset_choice
    from clbench.data.load import fetch as fetch
    from clbench.data.load import fingerprint_of as fingerprint_of
    from clbench.data.load import imported_names as imported_names
    from clbench.data.load import load_arrays as load_arrays

# The module in which each of the names above is defined.
_HOMES = {
    "Arrays": "arrays",
    "Dataset": "dataset",
    "catalogue": "listing",
    "dataset_choice": "load",
    "fetch": "load",
    "fingerprint_of": "load",
    "import_data": "importing",
    "imported_names": "load",
    "load_arrays": "load",
    "where": "listing",
}


def __getattr__(name: str) -> Any:
    """Import a name from its module when it is first asked for:
    a plugin that offers a data set needs no h5py.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
