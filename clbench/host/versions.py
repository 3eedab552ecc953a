"""Which version of a plugin makes a number:
the package's, or the source's where the source can be edited.

An editable install, a checkout or a bare file can change between two runs under one version number,
so there the source is hashed: edit and run again runs again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from clbench.host import plugin_files
from clbench.host.digest import digest_of
from clbench.host.imported import FOREIGN, editable_imports
from clbench.host.loading import Loaded, PluginInfo, source_of


def version_of(loaded: Loaded, contribution: Any) -> str:
    """`clbench 0.1.0`, or `sha256:...` over every source file the contribution is made of."""
    # A released package's version names its code.
    if loaded.distribution is not None and not is_editable(loaded):
        return f"{loaded.distribution.name} {loaded.distribution.version}"
    files: dict[str, Path] = {}
    for name in _modules(loaded, contribution):
        files |= _sources(name)
    return f"sha256:{digest_of({label: path.read_bytes() for label, path in files.items()})}"


def described(loaded: Loaded) -> str:
    """`clbench 0.1.0`; of a plugin that can be edited also its source: `mine.py sha256:...`."""
    if loaded.in_session:
        return "defined in the session that ran it"
    name = _name_of(loaded.info)
    # A plugin that was made for a class stands for that class.
    version = version_of(loaded, getattr(loaded.plugin, "item", loaded.plugin))
    return f"{name} {version}" if version.startswith("sha256:") else name


def _name_of(info: PluginInfo) -> str:
    return f"{info.package} {info.version}" if info.package else Path(info.origin).name


def is_editable(loaded: Loaded) -> bool:
    """Whether the plugin's package is installed in a way that lets its source change."""
    if loaded.distribution is None:
        return False
    file = getattr(source_of(loaded.plugin), "__file__", None)
    return _editable(loaded.distribution, file)


def _editable(distribution: metadata.Distribution, file: str | None) -> bool:
    """Whether a distribution's files are those that somebody works on."""
    if _says_editable(distribution) or _is_checkout(distribution):
        return True
    if file is None:
        return False
    # Older editable installs point elsewhere by a file on the path.
    home = Path(str(distribution.locate_file(""))).resolve()
    return not Path(file).resolve().is_relative_to(home)


def _says_editable(distribution: metadata.Distribution) -> bool:
    """PEP 610: how pip was told to install it."""
    direct = distribution.read_text("direct_url.json")
    if not direct:
        return False
    return bool(json.loads(direct).get("dir_info", {}).get("editable"))


def _is_checkout(distribution: metadata.Distribution) -> bool:
    """The egg-info of a checkout that happens to be on the path."""
    installed, sources = (distribution.read_text(name) for name in ("RECORD", "SOURCES.txt"))
    return installed is None and sources is not None


def _modules(loaded: Loaded, contribution: Any) -> set[str]:
    """The plugin's module, and those of the classes the contribution inherits from."""
    module = source_of(loaded.plugin)
    names = _modules_of(contribution) | ({module.__name__} if module else set())
    return {name for name in names if name.partition(".")[0] not in FOREIGN}


def _modules_of(contribution: Any) -> set[str]:
    # Base classes make numbers, too.
    lineage = contribution.__mro__ if isinstance(contribution, type) else [contribution]
    return {part.__module__ for part in lineage if getattr(part, "__module__", None)}


def _sources(name: str) -> dict[str, Path]:
    """The source files of a module, or of every module of a package,
    and what they import that can be edited.

    Labels do not depend on where the files lie.
    """
    plugin_file = plugin_files.file_of(name)
    if plugin_file is not None:
        return _sources_of_file(plugin_file.path)
    path = _path_of(name)
    if path is None:
        return {}
    if path.name == "__init__.py":
        return _sources_of_package(name, path.parent)
    return {path.name: path} | _imports({path.name: (name, path)})


def _path_of(name: str) -> Path | None:
    """The file of a module that is imported, where it has one."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return Path(file) if file is not None and Path(file).is_file() else None


def _sources_of_file(path: Path) -> dict[str, Path]:
    """A bare plugin file with the helpers beside it, and what they import from elsewhere."""
    own = plugin_files.own_sources(path)
    named = {label: (_dotted("", label), part) for label, part in own.items()}
    sources = dict(own)
    for module, part in _imports(named).items():
        # What lies beside the file is a helper, under its label already.
        if not plugin_files.is_beside(path.parent, module.partition(".")[0]):
            sources[module] = part
    return sources


def _sources_of_package(name: str, folder: Path) -> dict[str, Path]:
    """Every module of a package, and what they import."""
    sources: dict[str, Path] = {}
    named: dict[str, tuple[str, Path]] = {}
    # Every module: which of them are imported may depend on options.
    for part in folder.rglob("*.py"):
        inside = part.relative_to(folder).as_posix()
        label = f"{name}/{inside}"
        sources[label] = part
        named[label] = _dotted(name, inside), part
    return sources | _imports(named)


def _dotted(package: str, label: str) -> str:
    """`buffers/ring.py` of a package `er`: the module's name, `er.buffers.ring`."""
    parts = [package, *label.removesuffix(".py").split("/")]
    return ".".join(part for part in parts if part not in ("", "__init__"))


def _imports(files: Mapping[str, tuple[str, Path]]) -> dict[str, Path]:
    """What files (by label: a module's name, and its path) import beyond themselves."""
    # Files import each other; what is hashed already is left out.
    own = {path.resolve() for _, path in files.values()}
    found: dict[str, Path] = {}
    for module, path in files.values():
        found |= editable_imports(path, module)
    return {name: path for name, path in found.items() if path not in own}
