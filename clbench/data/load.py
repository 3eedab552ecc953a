"""From a choice in a suite to arrays: find the data set, its files or a kept copy, and read it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from clbench.data import store
from clbench.data.arrays import Arrays
from clbench.data.check import make_arrays
from clbench.data.dataset import Dataset
from clbench.data.roots import Root, destination, roots, search_roots, user_root, writable
from clbench.data.searching import searching
from clbench.errors import (
    ClbenchError,
    DataMissing,
    OptionError,
    PluginError,
    UnknownName,
    UserError,
)
from clbench.options import name_of, plain_options
from clbench.suite.choice import Choice

if TYPE_CHECKING:
    from clbench.host import Host

T = TypeVar("T")
SHOWN = 8  # missing files in a message


class Imported(Dataset):
    """Arrays a person brought with `clbench data import`:
    no plugin knows them, the file is all there is.
    """

    _header: store.Header  # with an underscore, for it is no option

    @property
    def classes(self) -> int:
        """As the file says."""
        return self._header.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """As the file says."""
        return self._header.shape


def dataset_choice(
    scenario_options: Mapping[str, Any], host: Host, root: Path | None = None
) -> Choice:
    """The data set a scenario names (`mnist`,
    or `{synthetic: {classes: 4}}`) with its options filled in.
    """
    value = scenario_options["dataset"]
    name, options = (value, {}) if isinstance(value, str) else next(iter(value.items()))
    try:
        return Choice(name, plain_options(_find(name, host, root), options or {}))
    except OptionError as error:
        raise OptionError(
            [(("dataset", name, *path), text) for path, text in error.issues]
        ) from None


def make_dataset(choice: Choice, host: Host, root: Path | None = None) -> Dataset:
    """The data set with its options, not yet loaded."""
    dataset = _find(choice.name, host, root)(**choice.options)
    if isinstance(dataset, Imported):
        dataset._header = _imported(root)[choice.name]
    return dataset


def load_arrays(choice: Choice, host: Host, root: Path | None = None) -> Arrays:
    """The arrays, from a sound copy or from the files;
    `DataMissing` says what is missing and how to get it.
    """
    with searching(host, root):
        return _Search(choice, host, root).first(store.read, lambda arrays: arrays)


def fingerprint_of(choice: Choice, host: Host, root: Path | None = None) -> str:
    """The fingerprint alone: where a copy is kept, its arrays are not read."""
    search = _Search(choice, host, root)
    if not search.from_files and not isinstance(search.dataset, Imported):
        made: Any = type(search.dataset)
        options = json.dumps(dict(choice.options), sort_keys=True, default=str)
        with searching(host, root):
            return _computed_fingerprint(made, options, search.places[0].path)
    return search.first(
        lambda path: store.read_header(path).fingerprint, lambda arrays: arrays.fingerprint
    )


def imported_names(root: Path | None = None) -> list[str]:
    """The names of all arrays imported into the data roots, damaged ones included."""
    return sorted({*_imported(root), *damaged(root)})


def kept(place: Root) -> list[store.Header]:
    """The data files in a root; `damaged` has those that cannot be read."""
    return [found for _, found in _files(place) if isinstance(found, store.Header)]


def damaged(root: Path | None = None) -> dict[str, tuple[Root, str]]:
    """Data files that cannot be read, by the name under which they were imported or kept:
    where, and what is wrong with each.
    """
    places = reversed(roots(root))
    return {
        path.stem: (place, str(found))
        for place in places
        for path, found in _files(place)
        if isinstance(found, store.Damaged)
    }


def _files(place: Root) -> Iterator[tuple[Path, store.Header | store.Damaged]]:
    for path in sorted(place.folder.glob("*.h5")):
        try:
            yield path, store.read_header(path)
        except store.Damaged as fault:
            yield path, fault


def fetch(name: str, host: Host, root: Path | None = None) -> Arrays:
    """Download a data set's files unless they are here, and load it."""
    dataset, choice = make_dataset(Choice(name, {}), host, root), Choice(name, {})
    try:
        return load_arrays(choice, host, root if root is None or Path(root).is_dir() else None)
    except (
        UserError
    ):  # missing, or damaged: a sound copy further on in the roots would have been found
        if dataset.origin:  # nothing to download: the message says where it is to be had
            raise
        place = destination(root)
    try:
        dataset.fetch(place.path)
    except ClbenchError:
        raise
    except Exception as error:
        raise DataMissing(
            f"data set {name!r} could not be downloaded to {place}: {_cause(error)}. "
            "Try again where there is a network;"
            f" without one, {' or '.join(_other_ways(name, dataset))}."
        ) from error
    return load_arrays(choice, host, root)


def missing_files(dataset: Dataset, root: Path) -> list[Path]:
    """The files that loading from `root` would need and not find."""
    return [path for path in dataset.files(root) if not path.is_file()]


def _imported(root: Path | None) -> dict[str, store.Header]:
    places = reversed(roots(root))  # of two files with one name the one that is found first counts
    return {
        header.name: header
        for place in places
        for header in kept(place)
        if header.stamp == store.IMPORTED
    }


def _find(name: str, host: Host, root: Path | None) -> type[Dataset]:
    try:
        found: type[Dataset] = host.get("dataset", name)
        return found
    except UnknownName:
        if name in _imported(root):
            return Imported
        if name in damaged(root):
            raise UserError(_unusable(name, [damaged(root)[name][1]], _again(name))) from None
        raise


@lru_cache(maxsize=64)
def _computed_fingerprint(dataset: type[Dataset], options: str, path: Path) -> str:
    return _call_load(name_of(dataset), dataset(**json.loads(options)), path).fingerprint


def _call_load(name: str, dataset: Dataset, path: Path) -> Arrays:
    """The author's `load`, guarded: whatever it raises names the data set."""
    try:
        four = tuple(dataset.load(path))
    except ClbenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"data set {name!r} cannot be read from {path}: {type(error).__name__}: {error}"
        ) from error
    if len(four) != 4:
        raise PluginError(
            f"data set {name!r}: load() must return x_train, y_train, x_test, y_test;"
            f" it returned {len(four)} things"
        )
    return make_arrays(name, four, dataset)


class _Search:
    """One look through the roots. In each: an imported or kept copy first, then the files."""

    def __init__(self, choice: Choice, host: Host, root: Path | None) -> None:
        self.name, self.places = choice.name, search_roots(root)
        self.dataset = make_dataset(choice, host, root)
        options = json.dumps(self.dataset.options, sort_keys=True, default=str)
        self.file = (
            f"{self.name}.h5" if not self.dataset.options else f"{self.name}-{_short(options)}.h5"
        )
        self.from_files = bool(self.dataset.files(self.places[0].path))
        self.host = host
        self.faults: list[str] = []  # what was found and could not be used

    def first(self, use: Callable[[Path], T], made: Callable[[Arrays], T]) -> T:
        """`use` a copy, or what is `made` of the arrays that were loaded."""
        if not self.from_files and not isinstance(self.dataset, Imported):
            return made(_call_load(self.name, self.dataset, self.places[0].path))
        for place in self.places:
            here = self.from_files and not missing_files(self.dataset, place.path)
            stamp = self.stamp(place) if here else ""
            for path in self.copies(place, stamp):
                try:
                    if not here or store.read_header(path).stamp in (stamp, store.IMPORTED):
                        return use(path)
                except store.Damaged as error:
                    self.faults.append(str(error))
            try:
                if here:
                    return made(self.load(place, stamp))
            except UserError as error:
                self.faults.append(str(error))
        raise UserError(self.fault()) if self.faults else DataMissing(self.absence())

    def copies(self, place: Root, stamp: str) -> list[Path]:
        """Where a copy may be: in the root, or, for files in a read-only root,
        in the user's cache.
        """
        return [path for path in (place.folder / self.file, self.derived(stamp)) if path.is_file()]

    def derived(self, stamp: str) -> Path:
        return user_root().folder / "derived" / f"{Path(self.file).stem}-{_short(stamp)}.h5"

    def stamp(self, place: Root) -> str:
        """Names the files and the code that reads them,
        so that an edit of either makes a new copy.
        """
        facts = [
            (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.dataset.files(place.path)
        ]
        imported = isinstance(self.dataset, Imported)
        version = "" if imported else self.host.version_of("dataset", self.name)
        return _short(repr((facts, version)))

    def load(self, place: Root, stamp: str) -> Arrays:
        arrays = _call_load(self.name, self.dataset, place.path)
        home = place.folder / self.file if writable(place.path) else self.derived(stamp)
        with contextlib.suppress(
            OSError
        ):  # no room or no right to keep a copy: the next run reads the files again
            store.write(home, arrays, stamp)
        return arrays

    def fault(self) -> str:
        return _unusable(self.name, self.faults, self.ways())

    def absence(self) -> str:
        first = self.places[0].path
        names = _few([str(file.relative_to(first)) for file in missing_files(self.dataset, first)])
        looked = ", ".join(
            f"{place}{'' if place.path.is_dir() else ': no such folder'}" for place in self.places
        )
        missing = f"data set {self.name!r} is not here: missing {names}"
        return f"{missing}; looked in {looked}. {self.ways()}"

    def ways(self) -> str:
        if self.from_files:
            return _ways(self.name, self.dataset)
        return _again(self.name)


def _unusable(name: str, faults: Sequence[str], ways: str) -> str:
    return f"data set {name!r} is here, but cannot be used: {'; '.join(faults)}. {ways}"


def _again(name: str) -> str:
    return f"Bring it again: `clbench data import {name} FILE.npz`."


def _cause(error: BaseException) -> str:
    """All that is known of a failure in one line, down to what first went wrong."""
    causes: list[str] = []
    found: BaseException | None = error
    while found is not None:
        text = " ".join(str(found).split())
        if not any(text in known for known in causes):
            causes.append(f"{type(found).__name__}: {text}".rstrip(": ."))
        found = found.__cause__ or found.__context__
    return "; because of ".join(causes)


def _few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    others = len(names) - SHOWN
    return ", ".join([*names[:SHOWN], *([f"and {others:,} more"] if others > 0 else [])])


def _ways(name: str, dataset: Dataset) -> str:
    others = _other_ways(name, dataset)
    if dataset.origin:
        return f"clbench cannot download it: {dataset.origin}; then {' or '.join(others)}."
    ways = [f"Get it with `clbench data fetch {name}`", *others[:-1]]
    return f"{', '.join(ways)}{',' * (len(ways) > 1)} or {others[-1]}."


def _other_ways(name: str, dataset: Dataset) -> list[str]:
    """What helps where nothing can be downloaded."""
    ways = ["name the folder that holds it with `--data DIR`"]
    if not dataset.options:
        ways.append(f"bring its arrays with `{import_command(name, dataset)}`")
    return ways


def import_command(name: str, dataset: Dataset) -> str:
    """What to type to bring a data set's arrays:
    a file, or a folder where it has a layout of its own.
    """
    own_layout = type(dataset).read_folder is not Dataset.read_folder
    return f"clbench data import {name} {'FOLDER' if own_layout else 'FILE.npz'}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
