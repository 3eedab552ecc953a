"""From entry points and bare files to plugin objects, each in its own guard.

A packaged plugin that fails costs one warning; a file that was asked for by name and fails is an error.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from clbench import hookspecs
from clbench.errors import PluginError, suggest

# What a plugin may raise without taking the host down; Ctrl-C stays Ctrl-C.
FAULTS = (Exception, SystemExit)


@dataclass
class PluginInfo:
    """One plugin as `clbench plugins` shows it; `error` says why it, or a part of it, is not used."""

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


def load_entry_points(hook: str | None = None) -> Iterator[Loaded]:
    """Every entry point of the group, or those that may implement `hook`; sorted, so that the order does not depend on the file system."""
    points = metadata.entry_points(group=hookspecs.GROUP)
    for point in sorted(
        points, key=lambda point: (point.dist.name if point.dist else "", point.name)
    ):
        if hook is not None and not _may_implement(point, hook):
            continue
        distribution = point.dist
        info = PluginInfo(
            name=point.name,
            package=distribution.name if distribution else point.value,
            version=distribution.version if distribution else "of unknown version",
            origin=point.value,
        )
        try:
            loaded = point.load()
            plugin = loaded() if isinstance(loaded, type) else loaded
        except FAULTS as error:
            info.error = sentence(error)
            plugin = None
        yield Loaded(info, plugin, distribution)


def _may_implement(point: metadata.EntryPoint, hook: str) -> bool:
    """Whether a module is worth its import for the sake of one hook: not where its source never names it. In doubt it is."""
    try:
        spec = importlib.util.find_spec(point.module)
        source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
    except FAULTS:
        return True
    return (
        bool(point.attr)
        or not source
        or any(word in source for word in (hook, "import *", "specname"))
    )


def load_file(path: Path) -> Loaded:
    """A bare file; `PluginError` names the file, the line and the error."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise PluginError(
            f"plugin file {path} does not exist"
            if not path.exists()
            else f"plugin {path} is not a file"
        )
    name = f"clbench_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"plugin file {path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # options and dataclasses of the file look their module up
    try:
        spec.loader.exec_module(module)
    except FAULTS as error:
        del sys.modules[name]
        line = _line_in(path, error)
        raise PluginError(
            f"plugin file {path}{f', line {line}' if line else ''}: {sentence(error)}"
        ) from error
    return Loaded(PluginInfo(name=path.stem, package=None, version=None, origin=str(path)), module)


def implemented_hooks(loaded: Loaded) -> tuple[str, ...]:
    """The hooks a plugin implements; `PluginError` where one is misspelled, unmarked or asks for unknown arguments."""
    known = {
        name: spec
        for name, spec in vars(hookspecs).items()
        if hasattr(spec, f"{hookspecs.GROUP}_spec")
    }
    found = []
    for attribute in sorted(dir(loaded.plugin)):
        function = getattr(loaded.plugin, attribute, None)
        mark = getattr(function, f"{hookspecs.GROUP}_impl", None)
        if isinstance(mark, dict):
            hook = mark.get("specname") or attribute
            _check_hook(hook, function, known, loaded.info)
            found.append(hook)
        elif (
            attribute in known and inspect.isroutine(function) and function is not known[attribute]
        ):
            raise PluginError(
                f"{attribute} in plugin {loaded.info.shown} is not marked; write @hookimpl above it"
            )
    return tuple(found)


def _check_hook(hook: str, function: Any, known: dict[str, Any], info: PluginInfo) -> None:
    if hook not in known:
        raise PluginError(f"unknown hook {hook!r} in plugin {info.shown}{suggest(hook, known)}")
    allowed = tuple(inspect.signature(known[hook]).parameters)
    for argument, parameter in inspect.signature(function).parameters.items():
        if argument not in allowed and parameter.default is parameter.empty:
            offered = (
                f"it may ask for {', '.join(map(repr, allowed))}"
                if allowed
                else "it is called without arguments"
            )
            raise PluginError(
                f"hook {hook} in plugin {info.shown} asks for {argument!r}; {offered}"
            )


def source_of(plugin: Any) -> ModuleType | None:
    """The module a plugin object lives in."""
    return plugin if isinstance(plugin, ModuleType) else sys.modules.get(type(plugin).__module__)


def sentence(error: BaseException) -> str:
    """An exception on one line."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_in(path: Path, error: BaseException) -> int | None:
    """The deepest line of the file that took part in the error."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return lines[-1] if lines else None
