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
MAX_SHOWN = 8  # missing files in a message


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
    """The data set that a scenario names, as `mnist` or `{synthetic: {classes: 4}}`,
    with its options filled in.
    """
    named = Choice.of(scenario_options["dataset"])
    declared = _find(named.name, host, root)
    try:
        # Defaults filled in, so that a key does not depend on what was written out.
        return Choice(named.name, plain_options(declared, named.options))
    except OptionError as error:
        # The path of each problem, for the line of the suite.
        issues = [(("dataset", named.name, *path), text) for path, text in error.issues]
        raise OptionError(issues) from None


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
        # Text, because the cache below wants something hashable.
        options = json.dumps(dict(choice.options), sort_keys=True, default=str)
        with searching(host, root):
            return _computed_fingerprint(made, options, search.data_roots[0].path)
    return search.first(
        lambda path: store.read_header(path).fingerprint, lambda arrays: arrays.fingerprint
    )


def imported_names(root: Path | None = None) -> list[str]:
    """The names of all arrays imported into the data roots, damaged ones included."""
    return sorted({*_imported(root), *damaged(root)})


def kept(data_root: Root) -> list[store.Header]:
    """The data files in a root; `damaged` has those that cannot be read."""
    return [found for _, found in _files(data_root) if isinstance(found, store.Header)]


def damaged(root: Path | None = None) -> dict[str, tuple[Root, str]]:
    """Data files that cannot be read, by the name under which they were imported or kept:
    where, and what is wrong with each.
    """
    faults = {}
    # Of two files with one name the one that is found first counts.
    # Later ones overwrite, so from the last root to the first.
    for data_root in reversed(roots(root)):
        for path, found in _files(data_root):
            if isinstance(found, store.Damaged):
                faults[path.stem] = data_root, str(found)
    return faults


def _files(data_root: Root) -> Iterator[tuple[Path, store.Header | store.Damaged]]:
    for path in sorted(data_root.folder.glob("*.h5")):
        try:
            yield path, store.read_header(path)
        except store.Damaged as fault:
            yield path, fault


def fetch(name: str, host: Host, root: Path | None = None) -> Arrays:
    """Download a data set's files unless they are here, and load it."""
    choice = Choice(name, {})
    dataset = make_dataset(choice, host, root)
    # A folder that is to be made for the download holds nothing yet.
    there = root if root is None or Path(root).is_dir() else None
    try:
        return load_arrays(choice, host, there)
    except UserError:
        # Missing, or damaged: a sound copy further on in the roots would have been found.
        if dataset.origin:  # nothing to download: the message says where it is to be had
            raise
    _download(name, dataset, destination(root))
    return load_arrays(choice, host, root)


def _download(name: str, dataset: Dataset, data_root: Root) -> None:
    try:
        dataset.fetch(data_root.path)
    except ClbenchError:
        raise
    except Exception as error:
        raise DataMissing(
            f"data set {name!r} could not be downloaded to {data_root}: {_cause(error)}. "
            "Try again where there is a network;"
            f" without one, {' or '.join(_other_ways(name, dataset))}."
        ) from error


def missing_files(dataset: Dataset, root: Path) -> list[Path]:
    """The files that loading from `root` would need and not find."""
    return [path for path in dataset.files(root) if not path.is_file()]


def _imported(root: Path | None) -> dict[str, store.Header]:
    headers = {}
    # Of two files with one name the one that is found first counts.
    for data_root in reversed(roots(root)):
        for header in kept(data_root):
            if header.stamp == store.IMPORTED:
                headers[header.name] = header
    return headers


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
    # Computed data has no file whose stamp could be compared: it is made once a process.
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
    if len(four) != 4:  # an author's load() may return anything
        raise PluginError(
            f"data set {name!r}: load() must return x_train, y_train, x_test, y_test;"
            f" it returned {len(four)} things"
        )
    return make_arrays(name, four, dataset)


class _Search:
    """One look through the roots. In each: an imported or kept copy first, then the files."""

    def __init__(self, choice: Choice, host: Host, root: Path | None) -> None:
        self.name, self.host = choice.name, host
        self.data_roots = search_roots(root)
        self.dataset = make_dataset(choice, host, root)
        self.file = f"{self.name}.h5"
        if self.dataset.options:
            options = json.dumps(self.dataset.options, sort_keys=True, default=str)
            # A copy for each combination of options.
            self.file = f"{self.name}-{_short(options)}.h5"
        self.from_files = bool(self.dataset.files(self.data_roots[0].path))
        self.faults: list[str] = []  # what was found and could not be used

    def first(self, use: Callable[[Path], T], made: Callable[[Arrays], T]) -> T:
        """`use` a copy, or what is `made` of the arrays that were loaded."""
        if not self.from_files and not isinstance(self.dataset, Imported):
            return made(_call_load(self.name, self.dataset, self.data_roots[0].path))
        for data_root in self.data_roots:
            files_are_here = self.from_files and not missing_files(self.dataset, data_root.path)
            # Without the files a copy is all there is, and cannot be older than they are.
            stamp = self._stamp(data_root) if files_are_here else None
            for path in self._copies(data_root, stamp or ""):
                try:
                    # A copy of these very files, or arrays that somebody imported by hand.
                    if stamp is None or store.read_header(path).stamp in (stamp, store.IMPORTED):
                        return use(path)
                except store.Damaged as error:
                    # Said at the end if no root has a sound one.
                    self.faults.append(str(error))
            if stamp is None:
                continue
            try:
                return made(self._load(data_root, stamp))
            except UserError as error:
                self.faults.append(str(error))
        # Something was found and is broken, or nothing was found: two different ways out.
        raise UserError(self._fault()) if self.faults else DataMissing(self._absence())

    def _copies(self, data_root: Root, stamp: str) -> list[Path]:
        """Where a copy is: in the root, or, for files in a read-only root, in the user's cache."""
        paths = (data_root.folder / self.file, self._derived(stamp))
        return [path for path in paths if path.is_file()]

    def _derived(self, stamp: str) -> Path:
        """A copy in the user's cache, of files in a root that cannot be written to."""
        return user_root().folder / "derived" / f"{Path(self.file).stem}-{_short(stamp)}.h5"

    def _stamp(self, data_root: Root) -> str:
        """Names the files and the code that reads them: an edit of either makes a new copy."""
        facts = []
        for path in self.dataset.files(data_root.path):
            found = path.stat()
            # Size and time, as make does: hashing gigabytes at each start would take longer than
            # loading.
            facts.append((str(path.resolve()), found.st_size, found.st_mtime_ns))
        imported = isinstance(self.dataset, Imported)
        # Another version of the reading code may read the same files differently.
        version = "" if imported else self.host.version_of("dataset", self.name)
        return _short(repr((facts, version)))

    def _load(self, data_root: Root, stamp: str) -> Arrays:
        """The arrays that the files hold, of which a copy is kept."""
        arrays = _call_load(self.name, self.dataset, data_root.path)
        home = data_root.folder / self.file if writable(data_root.path) else self._derived(stamp)
        # Where there is no room or no right to keep a copy, the next run reads the files again.
        with contextlib.suppress(OSError):
            store.write(home, arrays, stamp)
        return arrays

    def _fault(self) -> str:
        return _unusable(self.name, self.faults, self._ways())

    def _absence(self) -> str:
        """What is missing, where it was looked for, and how to get it."""
        first = self.data_roots[0].path
        names = _few([str(file.relative_to(first)) for file in missing_files(self.dataset, first)])
        looked = ", ".join(map(_shown_root, self.data_roots))
        missing = f"data set {self.name!r} is not here: missing {names}"
        return f"{missing}; looked in {looked}. {self._ways()}"

    def _ways(self) -> str:
        if self.from_files:
            return _ways(self.name, self.dataset)
        return _again(self.name)


def _shown_root(data_root: Root) -> str:
    return str(data_root) if data_root.path.is_dir() else f"{data_root}: no such folder"


def _unusable(name: str, faults: Sequence[str], ways: str) -> str:
    return f"data set {name!r} is here, but cannot be used: {'; '.join(faults)}. {ways}"


def _again(name: str) -> str:
    return f"Bring it again: `clbench data import {name} FILE.npz`."


def _cause(error: BaseException) -> str:
    """All that is known of a failure in one line, down to what first went wrong."""
    causes: list[str] = []
    found: BaseException | None = error
    while found is not None:
        # Line breaks and indentation of other libraries' messages go.
        text = " ".join(str(found).split())
        if not any(text in known for known in causes):
            causes.append(f"{type(found).__name__}: {text}".rstrip(": ."))
        # The explicit cause, or what was being handled when it was raised.
        found = found.__cause__ or found.__context__
    return "; because of ".join(causes)


def _few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    others = len(names) - MAX_SHOWN
    shown = list(names[:MAX_SHOWN])
    if others > 0:
        shown.append(f"and {others:,} more")
    return ", ".join(shown)


def _ways(name: str, dataset: Dataset) -> str:
    others = _other_ways(name, dataset)
    if dataset.origin:
        return f"clbench cannot download it: {dataset.origin}; then {' or '.join(others)}."
    ways = [f"Get it with `clbench data fetch {name}`", *others[:-1]]
    before_or = "," if len(ways) > 1 else ""
    return f"{', '.join(ways)}{before_or} or {others[-1]}."


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
    # 64 bits: enough to tell copies apart, and readable in a file's name.
    return hashlib.sha256(text.encode()).hexdigest()[:16]
