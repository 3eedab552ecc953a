"""Data sets by name, for plugins and notebooks.

Within a run they are found with the run's plugins and in its data root, elsewhere with the
installed ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clbench.data import load
from clbench.data.arrays import Arrays
from clbench.data.dataset import Dataset
from clbench.data.searching import current_search

Named = str | Mapping[str, Any]  # `mnist`, or `{synthetic: {classes: 4}}`, as in a suite


def load_arrays(dataset: Named, *, data: str | Path | None = None) -> Arrays:
    """The arrays of a data set: `load_arrays("mnist")`,
    `load_arrays({"synthetic": {"classes": 4}})`.

    `data` is the folder to look in first. A data set that is not there is a `DataMissing` that says
    how to get it.
    """
    search = current_search()
    # Within a run its own folder is meant, unless another one is named.
    root = search.root if data is None else Path(data)
    choice = load.dataset_choice({"dataset": dataset}, search.host, root)
    return load.load_arrays(choice, search.host, root)


def find_dataset(dataset: Named) -> Dataset:
    """A data set that is not loaded yet: its `classes` and `shape`, where they are known before."""
    search = current_search()
    choice = load.dataset_choice({"dataset": dataset}, search.host, search.root)
    return load.make_dataset(choice, search.host, search.root)
