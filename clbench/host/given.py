"""Plugins as they are handed over in Python: files, modules, classes and model factories.

A worker process loads each of them again from its `PluginReference`. What no other process could
import (a class of a notebook's cell, of a script, of a function) has none, and its run stays in
this process.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from clbench import hookspecs
from clbench.errors import PluginError
from clbench.host import plugin_files
from clbench.host.import_watch import being_loaded
from clbench.host.kinds import KINDS, Kind, is_of_kind
from clbench.host.loading import FAULTS, Loaded, PluginInfo, load_file, sentence


@dataclass(frozen=True)
class PluginReference:
    """Where another process finds a plugin: a file, a module, or something of a module."""

    file: str = ""
    content: str = ""  # the digest of the file and its helpers
    module: str = ""
    item: str = ""  # its qualified name in the module

    def to_plain(self) -> dict[str, str]:
        """As JSON holds it."""
        return asdict(self)


Plugin = Path | str | ModuleType | Callable[..., Any] | PluginReference


def as_plugins(plugins: Plugin | Iterable[Plugin]) -> list[Plugin]:
    """One plugin, or several, as several."""
    # A class may be iterable by its metaclass (an enumeration), and is one plugin.
    if isinstance(plugins, Iterable) and not isinstance(plugins, (str, type)):
        return list(plugins)
    return [plugins]


@dataclass(frozen=True)
class Given:
    """A loaded plugin, and its reference where it can be loaded elsewhere."""

    loaded: Loaded
    reference: PluginReference | None
    is_item: bool = False  # a class or factory by itself: all there is of the plugin


def load_given(plugin: Plugin) -> Given:
    """One plugin, whatever it is; `PluginError` where it is none."""
    if isinstance(plugin, PluginReference):
        return _load_reference(plugin)
    if isinstance(plugin, (str, Path)):
        return _load_path(Path(plugin))
    if isinstance(plugin, ModuleType):
        return _load_module(plugin)
    # Needed to name it; a partial or an instance has none.
    if callable(plugin) and hasattr(plugin, "__qualname__"):
        return _load_item(plugin)
    raise PluginError(
        f"plugin {plugin!r} is of type {type(plugin).__name__}; "
        "give the path of a file, a module, a class, or a function that makes a model"
    )


def _load_reference(reference: PluginReference) -> Given:
    if reference.file:
        return _load_unchanged(reference)
    try:
        found = _import_reference(reference)
    except FAULTS as error:
        where = ".".join(filter(None, (reference.module, reference.item)))
        raise PluginError(f"plugin {where}: {sentence(error)}") from error
    return _load_item(found) if reference.item else _load_module(found)


def _load_unchanged(reference: PluginReference) -> Given:
    """A file: a worker must not train with another content than its run began with."""
    given = _load_path(Path(reference.file))
    if given.reference != reference:
        raise PluginError(
            f"plugin file {reference.file} or a file that it imports was edited since the run"
            " began; run the same command again"
        )
    return given


def _import_reference(reference: PluginReference) -> Any:
    """The module, or the thing of it that is meant."""
    with being_loaded(reference.module):
        found: Any = importlib.import_module(reference.module)
    # Qualified names lead through classes: `Outer.Inner`.
    for name in filter(None, reference.item.split(".")):
        found = getattr(found, name)
    return found


def _load_path(path: Path) -> Given:
    loaded = load_file(path)
    # Loading a file registers it, with the digest of what was read.
    file = plugin_files.file_of(loaded.plugin.__name__)
    assert file is not None
    return Given(loaded, PluginReference(file=str(file.path), content=file.content))


def _load_module(module: ModuleType) -> Given:
    name = module.__name__
    origin = getattr(module, "__file__", None) or f"module {name}"
    info = PluginInfo(name.rpartition(".")[2], package=None, version=None, origin=origin)
    reference = PluginReference(module=name) if _is_importable(name, module) else None
    return Given(Loaded(info, module, in_session=reference is None), reference)


class _ItemPlugin:
    """A plugin that offers one thing, by the hook that is set on it."""

    def __init__(self, item: Any) -> None:
        self.item = item


def _load_item(item: Any) -> Given:
    """A class or factory, offered by a plugin made for it."""
    where = f"{item.__module__}.{item.__qualname__}"
    info = PluginInfo(item.__name__, package=None, version=None, origin=where)
    reference = _reference_of(item)
    loaded = Loaded(info, _plugin_for(item), in_session=reference is None)
    return Given(loaded, reference, is_item=True)


def _reference_of(item: Any) -> PluginReference | None:
    if not _is_importable(item.__module__, item):
        return None
    return PluginReference(module=item.__module__, item=item.__qualname__)


def _plugin_for(item: Any) -> _ItemPlugin:
    """A plugin whose hook offers the item."""
    kind = _kind_of(item)

    def offer() -> list[Any]:
        return [item]

    plugin = _ItemPlugin(item)
    # The function has another name than the hook: `specname` says which it is.
    setattr(plugin, kind.hook, hookspecs.hookimpl(specname=kind.hook)(offer))
    return plugin


def _kind_of(item: Any) -> Kind:
    """By its base class; a plain function can only be a model's factory."""
    return next((kind for kind in KINDS.values() if is_of_kind(kind, item)), KINDS["model"])


def _is_importable(module: str, thing: Any) -> bool:
    """Whether another process that imports this module finds this very thing."""
    # A script is another module in a worker, and a plugin file has a reference of its own kind.
    if module == "__main__" or plugin_files.file_of(module) is not None:
        return False
    if not _has_origin(module):
        return False
    names = [] if isinstance(thing, ModuleType) else thing.__qualname__.split(".")
    found: Any = sys.modules.get(module)
    # A class of a function's body has a qualified name that leads nowhere.
    for name in names:
        found = getattr(found, name, None)
    return found is thing


def _has_origin(module: str) -> bool:
    """Whether Python finds something to import under this name."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None
