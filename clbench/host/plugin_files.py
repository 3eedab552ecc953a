"""Plugin files: each is a module in a package of its own, together with the files beside it.

A plugin file may import what lies in its folder, as a script may. The folder is never put on
`sys.path`, where two plugins with a helper of one name would get each other's. Instead the file is
loaded as `clbench_file_<digest>.<name>`, and an `import helper` in it, or in a helper of it, finds
the folder's `helper.py` as `clbench_file_<digest>.helper`. The digest is that of the path and of
every source file of the plugin, so one content of one path is one module, and an edited file is
another.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from clbench.host.digest import digest_of
from clbench.host.imported import imported_names

PREFIX = "clbench_file_"

# What a folder's files never stand in for, whatever they are called.
_NEVER_BESIDE = frozenset({"clbench", "clbench_plugins", *sys.stdlib_module_names})


@dataclass(frozen=True, eq=False)
class PluginFile:
    """A plugin file as it was read: its own source files, by their path relative to its folder."""

    path: Path
    package: str
    sources: Mapping[str, bytes]

    @property
    def name(self) -> str:
        """The name of its module."""
        return f"{self.package}.{self.path.stem}"

    @property
    def content(self) -> str:
        """Names what the file and its helpers say, wherever they lie."""
        return digest_of(self.sources)


_READ: dict[str, PluginFile] = {}  # by package


def read(path: Path) -> PluginFile:
    """The file and what it imports from beside it, as they are on disk now."""
    sources = {label: source.read_bytes() for label, source in own_sources(path).items()}
    package = PREFIX + digest_of({"": str(path).encode(), **sources})
    return _READ.get(package) or PluginFile(path, package, sources)


def load(file: PluginFile) -> ModuleType:
    """Its module; the same one for the same content, as often as it is asked for."""
    if file.name in sys.modules:
        return sys.modules[file.name]
    _READ[file.package] = file
    _install_finder()
    try:
        return importlib.import_module(file.name)
    except BaseException:
        _forget(file)
        raise


def _install_finder() -> None:
    """Before Python's own finders, which would look for the package on the path."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


def file_of(module: str) -> PluginFile | None:
    """The plugin file that a module belongs to."""
    # The package's name is the digest, so one look-up tells.
    return _READ.get(module.partition(".")[0])


def lasting_name(module: str) -> str:
    """A module's name without the digest of a plugin file, which an edit or a move changes."""
    package, dot, rest = module.partition(".")
    return f"{PREFIX}{dot}{rest}" if package.startswith(PREFIX) else module


def _forget(file: PluginFile) -> None:
    """Leave nothing half loaded behind."""
    del _READ[file.package]
    for name in list(sys.modules):
        if name.partition(".")[0] == file.package:
            del sys.modules[name]


# ------------------------------------------------------------------ what lies beside a file


def own_sources(path: Path) -> dict[str, Path]:
    """A plugin file and all that it imports from its folder, directly or not, in functions too.

    By path relative to the folder, so that the labels do not depend on where it lies.
    """
    folder = path.parent
    importlib.invalidate_caches()  # a file may be younger than the finder's list of the folder
    found: dict[str, Path] = {}
    waiting = [(path, path.stem, False)]
    while waiting:
        source, module, is_package = waiting.pop()
        label = source.relative_to(folder).as_posix()
        # Helpers may import each other.
        if label in found:
            continue
        found[label] = source
        for name in imported_names(source, module, is_package):
            waiting += _files_of(folder, name)
    return found


def is_beside(folder: Path, name: str) -> bool:
    """Whether a plugin of this folder that imports this top-level name means what lies beside it.

    As for a script, a file or package of the folder comes first. A folder without `__init__.py`
    counts where nothing else has the name.
    """
    if name in _NEVER_BESIDE:
        return False
    # Of this folder alone, and without importing anything.
    spec = PathFinder.find_spec(name, [str(folder)])
    if spec is None:
        return False
    # A file, or a package with `__init__.py`.
    if spec.origin is not None:
        return True
    elsewhere = PathFinder.find_spec(name)
    return elsewhere is None or elsewhere.origin is None


def _files_of(folder: Path, dotted: str) -> Iterator[tuple[Path, str, bool]]:
    """The files that importing a dotted name executes, as far as they are of the folder."""
    first, *rest = dotted.split(".")
    if not is_beside(folder, first):
        return
    search: Sequence[str] = [str(folder)]
    module = ""
    for part in [first, *rest]:
        spec = PathFinder.find_spec(part, search)
        if spec is None:
            return  # an attribute of the module before
        module = f"{module}.{part}".lstrip(".")
        if spec.origin is not None:
            yield Path(spec.origin), module, spec.submodule_search_locations is not None
        search = list(spec.submodule_search_locations or ())


# ------------------------------------------------------------------ Python finds them


class _Loader(SourceFileLoader):
    """Executes a file's source as it was read, never an older compilation of it."""

    def __init__(self, fullname: str, path: str, file: PluginFile) -> None:
        super().__init__(fullname, path)
        self._file = file

    def get_code(self, fullname: str) -> CodeType:
        label = Path(self.path).relative_to(self._file.path.parent).as_posix()
        # What was read and hashed, not what is on disk by now.
        source = self._file.sources.get(label)
        # A helper that static reading did not find (imported by a computed name).
        if source is None:
            source = self.get_data(self.path)
        code: CodeType = self.source_to_code(source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        importing = _importer(self._file)
        # Python looks `__import__` up in a module's own builtins: only this file's imports change.
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": importing}
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of plugin files, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = file_of(fullname)
        if file is None:
            return None
        if fullname == file.package:
            return self._spec_of_package(file)
        if fullname == file.name:
            return self._spec(fullname, str(file.path), file)
        return self._spec_of_helper(fullname, path, file)

    def _spec_of_helper(
        self, fullname: str, path: Sequence[str] | None, file: PluginFile
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path)
        if found is None or not isinstance(found.loader, SourceFileLoader):
            return found
        assert found.origin is not None
        return self._spec(fullname, found.origin, file)

    @staticmethod
    def _spec_of_package(file: PluginFile) -> ModuleSpec:
        """It has no file itself: it is only a place where its modules are looked for."""
        spec = ModuleSpec(file.package, None, is_package=True)
        spec.submodule_search_locations = [str(file.path.parent)]
        return spec

    @staticmethod
    def _spec(fullname: str, origin: str, file: PluginFile) -> ModuleSpec | None:
        loader = _Loader(fullname, origin, file)
        return importlib.util.spec_from_file_location(fullname, origin, loader=loader)


def _importer(file: PluginFile) -> Callable[..., Any]:
    """The `__import__` of a plugin file and of its helpers."""
    beside: dict[str, bool] = {}

    def plugin_import(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        first = name.partition(".")[0]
        # Relative imports resolve within the package by themselves.
        if level == 0 and first not in beside:
            beside[first] = is_beside(file.path.parent, first)
        if level or not beside[first]:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        own = builtins.__import__(f"{file.package}.{name}", globals, locals, fromlist or (), 0)
        # `import a.b` binds `a`, `from a import b` needs `a` itself, as Python does.
        return own if fromlist else sys.modules[f"{file.package}.{first}"]

    return plugin_import
