"""What a source file imports, and which of it can be edited:
a change there changes what the file computes.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

# What a plugin builds on and does not edit: the public API and what that is made of.
FOREIGN = frozenset({"clbench", "torch", "numpy", "pydantic", *sys.stdlib_module_names})
_INSTALLED = ("purelib", "platlib", "stdlib", "platstdlib")


def imported_names(source: Path, module: str, is_package: bool) -> tuple[str, ...]:
    """Every dotted name that a file imports, in functions too, relative ones made absolute;
    none where it cannot be read.
    """
    try:
        found = source.stat()
    except OSError:
        return ()
    # In the cache's key: an edited file is read anew.
    return _imported_names(source, module, is_package, (found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=4096)
def _imported_names(
    source: Path, module: str, is_package: bool, stamp: tuple[int, int]
) -> tuple[str, ...]:
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ()  # not Python, or broken: loading it says so
    return tuple(_names_in(tree, module, is_package))


def _names_in(tree: ast.AST, module: str, is_package: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _names_from(node, _absolute(node, module, is_package))


def _names_from(node: ast.ImportFrom, base: str) -> Iterator[str]:
    if base:
        yield base
    for alias in node.names:
        # `from a import b` may name a module `a.b` or something in `a`; both are looked for.
        yield f"{base}.{alias.name}".lstrip(".")


def _absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """What a `from ... import` means, counted from the top of the module's package."""
    if not node.level:
        return node.module or ""
    package = module.split(".")
    # `from . import x` in a package's `__init__` stays in it; elsewhere it leaves the module.
    leaving = node.level - 1 if is_package else node.level
    above = package[: len(package) - leaving]
    return ".".join([*above, *filter(None, [node.module])])


# ------------------------------------------------------------------ what can be edited


def editable_imports(source: Path, module: str) -> dict[str, Path]:
    """The source files that can be edited among all that a file imports,
    directly or not, by module name.

    Those are the modules of its own package, of other checkouts and of folders on the path. What is
    installed has a version of its own and is not looked into.
    """
    found: dict[str, Path] = {}
    # Files may import each other, so each is looked into once.
    # A work list, not recursion: chains of imports may be long.
    waiting = list(_imported_by(source, module))
    while waiting:
        for part in _with_parents(waiting.pop()):
            path = None if part in found or part == module else editable_file(part)
            if path is not None:
                found[part] = path
                waiting += _imported_by(path, part)
    return found


def _imported_by(source: Path, module: str) -> tuple[str, ...]:
    return imported_names(source, module, is_package=source.name == "__init__.py")


def _with_parents(name: str) -> Iterator[str]:
    """`a.b.c` executes `a`, `a.b` and `a.b.c`."""
    parts = name.split(".")
    yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def editable_file(name: str) -> Path | None:
    """The source file of a module that is neither installed nor part of what plugins build on."""
    if name.partition(".")[0] in FOREIGN:
        return None
    path = _file_of(name)
    # Compiled modules cannot be edited here.
    if path is None or path.suffix != ".py" or _is_installed(path):
        return None
    return path


def _file_of(name: str) -> Path | None:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None:
        file = _origin_of(name)
    return Path(file).resolve() if file and Path(file).is_file() else None


def _origin_of(name: str) -> str | None:
    """Where a module that is not imported yet would come from; nothing is imported to find out."""
    parent, _, _ = name.rpartition(".")
    try:
        spec = _spec_within(parent, name) if parent else importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return spec.origin if spec is not None and spec.has_location else None


def _spec_within(parent: str, name: str) -> ModuleSpec | None:
    """Without importing the parent, which `importlib.util.find_spec` would do."""
    above = _folders_of(parent)
    # By its last part: of a folder without `__init__.py` Python would ask the parent by name.
    return PathFinder.find_spec(name.rpartition(".")[2], above) if above else None


def _folders_of(package: str) -> list[str]:
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", []))
    spec = _spec_of_package(package)
    return list(spec.submodule_search_locations or []) if spec is not None else []


def _spec_of_package(package: str) -> ModuleSpec | None:
    parent, _, _ = package.rpartition(".")
    return _spec_within(parent, package) if parent else importlib.util.find_spec(package)


@lru_cache(maxsize=4096)
def _is_installed(path: Path) -> bool:
    if {"site-packages", "dist-packages"} & set(path.parts):
        return True
    return any(path.is_relative_to(place) for place in _places_of_packages())


def _places_of_packages() -> list[Path]:
    return [Path(sysconfig.get_path(name)).resolve() for name in _INSTALLED]
