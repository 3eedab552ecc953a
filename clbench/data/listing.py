"""What `clbench data list` and `clbench data where` say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clbench.data import store
from clbench.data.dataset import Dataset
from clbench.data.load import (
    damaged,
    import_command,
    imported_names,
    kept,
    make_dataset,
    missing_files,
)
from clbench.data.roots import Root, roots, writable
from clbench.data.searching import searching
from clbench.docstrings import summary
from clbench.suite.choice import Choice

if TYPE_CHECKING:
    from clbench.host import Host


@dataclass(frozen=True)
class DatasetInfo:
    """One data set; `place` is the root it is in.

    `state` is `embedded`, `of others`, `imported`, `cached`, `files found`, `damaged` or `missing`;
    of what is missing `command` is what to type to get it.
    """

    name: str
    state: str
    place: Path | None
    classes: int | None
    doc: str
    command: str = ""


@dataclass(frozen=True)
class RootInfo:
    """One data root and the data sets that can be read from it."""

    path: Path
    origin: str
    exists: bool
    writable: bool
    contents: tuple[str, ...]


def catalogue(host: Host, root: Path | None = None) -> list[DatasetInfo]:
    """Every data set that plugins offer or that was imported, and whether it is here."""
    # What a plugin offers is listed even where it is nowhere on disk.
    names = sorted({*host.names("dataset"), *imported_names(root)})
    with searching(host, root):
        return [_info(name, host, root) for name in names]


def where(host: Host, root: Path | None = None) -> list[RootInfo]:
    """The roots in the order they are searched, with what is in each."""
    return [_root(data_root, host) for data_root in roots(root)]


def _root(data_root: Root, host: Host) -> RootInfo:
    names = {header.name for header in kept(data_root)}
    names.update(name for name in host.names("dataset") if _files_in(name, host, data_root.path))
    path = data_root.path
    return RootInfo(path, data_root.origin, path.is_dir(), writable(path), tuple(sorted(names)))


def _info(name: str, host: Host, root: Path | None) -> DatasetInfo:
    """Where a data set is, and what brings it here where it is nowhere."""
    is_offered = name in host.names("dataset")
    if not is_offered and (fault := damaged(root).get(name)):
        data_root, reason = fault
        return DatasetInfo(name, "damaged", data_root.path, None, reason)
    dataset = make_dataset(Choice(name, {}), host, root)
    about = summary(type(dataset).__doc__)
    # In the order of the search: the first is what a run would use.
    for data_root in roots(root):
        header = _copy_in(data_root, name)
        if header is not None:
            state = "imported" if header.stamp == store.IMPORTED else "cached"
            # Of arrays that no plugin knows there is nothing to say.
            doc = about if is_offered else ""
            return DatasetInfo(name, state, data_root.path, header.classes, doc)
        if _files_in(name, host, data_root.path):
            return DatasetInfo(name, "files found", data_root.path, dataset.classes, about)
    state = _state_without_copy(dataset)
    command = _command(name, dataset) if state == "missing" else ""
    return DatasetInfo(name, state, None, dataset.classes, about, command)


def _copy_in(data_root: Root, name: str) -> store.Header | None:
    """What is kept or was imported under a name in a root."""
    return next((header for header in kept(data_root) if header.name == name), None)


def _command(name: str, dataset: Dataset) -> str:
    """What brings a missing data set here."""
    return import_command(name, dataset) if dataset.origin else f"clbench data fetch {name}"


def _state_without_copy(dataset: Dataset) -> str:
    """Of a data set that lies in no root."""
    if dataset.files(Path()):
        return "missing"
    return "of others" if dataset.of_others else "embedded"


def _files_in(name: str, host: Host, path: Path) -> bool:
    if name not in host.names("dataset"):
        return False
    # One that is computed has no files, and is no finding of a root.
    dataset = make_dataset(Choice(name, {}), host)
    return bool(dataset.files(path)) and not missing_files(dataset, path)
