"""Which version of a plugin makes a number: the package's, or the source's where the source can be edited.

An editable install, a checkout or a bare file can change between two runs under one version number,
so there the source is hashed: edit and run again runs again.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from clbench.host import plugin_files
from clbench.host.loading import Loaded, source_of

# Bases that are not the plugin author's: the public API and what it is made of.
_FOREIGN = frozenset({"clbench", "torch", "numpy", "pydantic", *sys.stdlib_module_names})


def version_of(loaded: Loaded, contribution: Any) -> str:
    """`clbench 0.1.0`, or `sha256:...` over every source file the contribution is made of."""
    module = source_of(loaded.plugin)
    if loaded.distribution is not None and not _editable(
        loaded.distribution, getattr(module, "__file__", None)
    ):
        return f"{loaded.distribution.name} {loaded.distribution.version}"
    files: dict[str, Path] = {}
    for name in _modules(loaded, contribution):
        files |= _sources(name)
    digest = hashlib.sha256()
    for label, path in sorted(files.items()):
        digest.update(f"{label}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{digest.hexdigest()[:16]}"


def is_editable(loaded: Loaded) -> bool:
    """Whether the plugin's package is installed in a way that lets its source change."""
    module = source_of(loaded.plugin)
    return loaded.distribution is not None and _editable(
        loaded.distribution, getattr(module, "__file__", None)
    )


def _editable(distribution: metadata.Distribution, file: str | None) -> bool:
    direct = distribution.read_text("direct_url.json")
    if direct and json.loads(direct).get("dir_info", {}).get("editable"):
        return True
    if (
        distribution.read_text("RECORD") is None
        and distribution.read_text("SOURCES.txt") is not None
    ):
        return True  # the egg-info of a checkout that happens to be on the path
    if file is None:
        return False
    return (
        not Path(file).resolve().is_relative_to(Path(str(distribution.locate_file(""))).resolve())
    )


def _modules(loaded: Loaded, contribution: Any) -> set[str]:
    """The plugin's module, and those of the classes the contribution inherits from."""
    module = source_of(loaded.plugin)
    names = {module.__name__} if module else set()
    lineage = contribution.__mro__ if isinstance(contribution, type) else [contribution]
    names |= {part.__module__ for part in lineage if getattr(part, "__module__", None)}
    return {name for name in names if name.partition(".")[0] not in _FOREIGN}


def _sources(name: str) -> dict[str, Path]:
    """The source files of a module, or of every module of a package; labels do not depend on where they lie."""
    plugin_file = plugin_files.file_of(name)
    if plugin_file is not None:
        return plugin_files.own_sources(plugin_file.path)
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or not Path(file).is_file():
        return {}
    path = Path(file)
    if path.name != "__init__.py":
        return {path.name: path}
    return {
        f"{name}/{part.relative_to(path.parent).as_posix()}": part
        for part in path.parent.rglob("*.py")
    }
