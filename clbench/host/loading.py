"""From entry points and bare files to plugin objects, each in its own guard.

A packaged plugin that fails costs one warning; a file that was asked for by name and fails is an
error.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from clbench import hookspecs
from clbench.errors import ClbenchError, PluginError, suggest
from clbench.host import plugin_files
from clbench.host.declared import may_implement
from clbench.host.import_watch import being_loaded

# What a plugin may raise without taking the host down; Ctrl-C stays Ctrl-C.
FAULTS = (Exception, SystemExit)


@dataclass
class PluginInfo:
    """One plugin as `clbench plugins` shows it;
    `error` says why it, or a part of it, is not used.
    """

    name: str
    package: str | None
    version: str | None
    origin: str
    hooks: tuple[str, ...] = ()
    contributes: dict[str, list[str]] = field(default_factory=dict)
    error: str | None = None

    @property
    def shown(self) -> str:
        """`'er' (clbench 0.1.0)` or `my_method.py`: how messages name the plugin."""
        return f"{self.name!r} ({self.package} {self.version})" if self.package else self.origin


@dataclass(eq=False)
class Loaded:
    """A plugin object with where it came from; `plugin` is None where loading failed."""

    info: PluginInfo
    plugin: Any
    distribution: metadata.Distribution | None = None
    in_session: bool = False  # no other process could import it


def load_entry_points(hooks: Collection[str] = ()) -> Iterator[Loaded]:
    """Every entry point of the group, or those that may implement one of these hooks.

    They are sorted, so that the order does not depend on the file system.
    """
    points = metadata.entry_points(group=hookspecs.GROUP)
    # None for an entry point without a distribution of its own.
    distributions = {point.dist for point in points}
    packages = {distribution: _package(distribution) for distribution in distributions}
    found = [(packages[point.dist], point) for point in points]
    # By package, then by name.
    for package, point in sorted(found, key=lambda pair: (pair[0].name, pair[1].name)):
        if not hooks or _may_implement(point, hooks):
            yield _load_entry_point(point, package)


def _load_entry_point(point: metadata.EntryPoint, package: Package) -> Loaded:
    """One plugin of a package, or what went wrong with it."""
    name = package.name or point.value
    info = PluginInfo(point.name, name, package.version, origin=point.value)
    try:
        with being_loaded(info.shown):
            loaded = point.load()
            # Pluggy registers objects: of a class an instance.
            plugin = loaded() if isinstance(loaded, type) else loaded
    except FAULTS as error:
        info.error = sentence(error)
        plugin = None
    return Loaded(info, plugin, point.dist)


@dataclass(frozen=True)
class Package:
    """What an installed package calls itself."""

    name: str
    version: str


def _package(distribution: metadata.Distribution | None) -> Package:
    """Read once for all entry points of a package: its whole metadata is parsed for the name."""
    if distribution is None:
        return Package("", "of unknown version")
    read = distribution.metadata
    return Package(read["Name"], read["Version"])


def _may_implement(point: metadata.EntryPoint, hooks: Collection[str]) -> bool:
    """Whether a module is worth its import for the sake of these hooks. In doubt it is."""
    if point.attr:
        return True  # an object, whose class may be written anywhere
    try:
        spec = importlib.util.find_spec(point.module)
        if spec is None or spec.origin is None:
            return True
        source = Path(spec.origin).read_text(encoding="utf-8")
    except FAULTS:
        return True
    # An empty `__init__` may be filled by something else.
    return not source or may_implement(source, hooks)


def load_file(path: Path) -> Loaded:
    """A bare file; `PluginError` names the file, the line and the error."""
    path = path.expanduser().resolve()
    _check_path(path)
    try:
        with being_loaded(str(path)):
            module = plugin_files.load(plugin_files.read(path))
    except FAULTS as error:
        said = str(error) if isinstance(error, ClbenchError) else sentence(error)
        raise PluginError(f"plugin file {_where(path, error)}: {said}") from error
    return Loaded(PluginInfo(name=path.stem, package=None, version=None, origin=str(path)), module)


def _check_path(path: Path) -> None:
    if not path.exists():
        raise PluginError(f"plugin file {path} does not exist")
    if not path.is_file():
        raise PluginError(f"plugin {path} is not a file")
    if path.suffix != ".py":
        raise PluginError(f"plugin file {path} is not a Python file; its name must end in .py")


def implemented_hooks(loaded: Loaded) -> tuple[str, ...]:
    """The hooks a plugin implements;
    `PluginError` where one is misspelled, unmarked or asks for unknown arguments.
    """
    known = _specifications()
    found = []
    for attribute in sorted(dir(loaded.plugin)):
        function = getattr(loaded.plugin, attribute, None)
        # Pluggy marks an implementation with an attribute, the dictionary of its options.
        mark = getattr(function, f"{hookspecs.GROUP}_impl", None)
        if isinstance(mark, dict):
            hook = mark.get("specname") or attribute
            _check_hook(hook, function, known, loaded.info)
            found.append(hook)
        elif _lacks_mark(attribute, function, known):
            raise PluginError(
                f"{attribute} in plugin {loaded.info.shown} is not marked; write @hookimpl above it"
            )
    return tuple(found)


def _specifications() -> dict[str, Any]:
    """The specification of every hook, by its name."""
    # Pluggy marks them with an attribute of this name.
    mark = f"{hookspecs.GROUP}_spec"
    return {name: spec for name, spec in vars(hookspecs).items() if hasattr(spec, mark)}


def _lacks_mark(attribute: str, function: Any, known: dict[str, Any]) -> bool:
    """Whether this is meant for a hook by its name alone."""
    if attribute not in known or not inspect.isroutine(function):
        return False
    # Imported from hookspecs it is the specification itself, and no implementation.
    return function is not known[attribute]


def _check_hook(hook: str, function: Any, known: dict[str, Any], info: PluginInfo) -> None:
    if hook not in known:
        raise PluginError(f"unknown hook {hook!r} in plugin {info.shown}{suggest(hook, known)}")
    # Pluggy passes the arguments that a function names, and no others.
    allowed = tuple(inspect.signature(known[hook]).parameters)
    for argument, parameter in inspect.signature(function).parameters.items():
        if argument not in allowed and parameter.default is parameter.empty:
            raise PluginError(
                f"hook {hook} in plugin {info.shown} asks for {argument!r}; {_offered(allowed)}"
            )


def _offered(allowed: Sequence[str]) -> str:
    """What a hook may ask for, in words."""
    if not allowed:
        return "it is called without arguments"
    return f"it may ask for {', '.join(map(repr, allowed))}"


def source_of(plugin: Any) -> ModuleType | None:
    """The module a plugin object lives in."""
    # An instance lives in the module of its class.
    return plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)


def sentence(error: BaseException) -> str:
    """An exception on one line."""
    # A SyntaxError's text holds the file and line, which are named anyway.
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _where(path: Path, error: BaseException) -> str:
    """The file and its line that took part in the error;
    and the helper's, where a helper failed.
    """
    own_files = plugin_files.own_sources(path).values()
    lines = _lines_of({str(file) for file in own_files}, error)
    # The plugin's own line first, then the helper's that it led to.
    own = lines.pop(str(path), 0)
    where = _with_line(str(path), own) if own else str(path)
    if not lines:
        return where
    return f"{where}, in {_with_line(*next(reversed(lines.items())))}"


def _with_line(file: str, line: int) -> str:
    return f"{file}, line {line}"


def _lines_of(files: set[str], error: BaseException) -> dict[str, int]:
    """The deepest line of each of these files that an error went through,
    the innermost file last.
    """
    # Frames come outermost first, so the last line of a file is its deepest.
    lines = {
        frame.filename: frame.lineno or 0
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in files
    }
    if isinstance(error, SyntaxError) and error.filename in files:
        lines[str(error.filename)] = error.lineno or 0
    return lines
