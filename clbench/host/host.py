"""The host: it knows no method by name, only what plugins offer."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pluggy

from clbench import hookspecs
from clbench.errors import PluginError, UnknownName
from clbench.host import session_source, versions
from clbench.host.given import Given, Plugin, PluginReference, load_given
from clbench.host.kinds import KINDS, Kind, check_contribution
from clbench.host.loading import (
    FAULTS,
    Loaded,
    PluginInfo,
    implemented_hooks,
    load_entry_points,
    sentence,
    source_of,
)


@dataclass(frozen=True, eq=False)
class Offer:
    """One contribution of one plugin."""

    item: Any
    loaded: Loaded


class Host:
    """Everything the plugins at hand offer. Made by `Host.load`."""

    def __init__(self) -> None:
        # The group's name is the prefix of all hooks and of the marker.
        self._manager = pluggy.PluginManager(hookspecs.GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._loaded: list[Loaded] = []
        self._offers: dict[tuple[str, str], list[Offer]] = {}
        self.warnings: list[str] = []
        self.given: tuple[Plugin, ...] = ()
        self.only: frozenset[str] = frozenset()  # the kinds that were looked for; empty: all
        self._others: dict[str, Host] = {}  # of the same plugins, by what they were loaded for
        # Of the given plugins: where another process finds them, and the names of those that none
        # does.
        self.references: tuple[PluginReference, ...] = ()
        self.session_plugins: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        plugins: Sequence[Plugin] = (),
        entry_points: bool = True,
        only: str | Collection[str] = (),
    ) -> Host:
        """Load the installed plugins, then those given: files, modules, classes, model factories.

        `PluginError` where one of the given ones cannot be used.

        With `only` a kind, or several, installed plugins that offer nothing of them are left alone:
        who looks at results needs metrics, and should not wait for torch, which strategies and
        models import.
        """
        host = cls()
        host.only = frozenset({only} if isinstance(only, str) else only)
        if entry_points:
            host._add_installed()
        # Each once, in the order given.
        host.given = tuple(dict.fromkeys(plugins))
        for plugin in host.given:
            host._add_given(plugin)
        # Last: a clash may be of an installed plugin with a given one.
        host._warn_of_clashes()
        return host

    # -------------------------------------------------------------- asking

    @property
    def hook(self) -> pluggy.HookRelay:
        """Pluggy's relay."""
        return self._manager.hook

    @property
    def plugins(self) -> list[PluginInfo]:
        """Every plugin that was found, broken ones included."""
        return [loaded.info for loaded in self._loaded]

    def offering(self, kind: str) -> Host:
        """This host, or one of the same plugins that was loaded for this kind, where it was not."""
        if not self.only or kind in self.only:
            return self
        if kind not in self._others:
            self._others[kind] = Host.load(self.given, only=kind)
        return self._others[kind]

    def names(self, kind: str) -> list[str]:
        """The names of a kind that can be used, sorted."""
        return sorted(
            name
            for (offered, name), offers in self._offers.items()
            # Names that two plugins offer are usable by neither.
            if offered == kind and len(offers) == 1
        )

    def get(self, kind: str, name: str) -> Any:
        """What was contributed under a name;
        `UnknownName` with suggestions, `PluginError` where two plugins offer it.
        """
        return self._offer(kind, name).item

    def plugin_of(self, kind: str, name: str) -> PluginInfo:
        """The plugin that offers a name."""
        return self._offer(kind, name).loaded.info

    def version_of(self, kind: str, name: str) -> str:
        """`clbench 0.1.0` for an installed plugin,
        `sha256:...` of the source for one that can be edited.
        """
        offer = self._offer(kind, name)
        # The source of the object itself: its module has none that another process could read.
        if offer.loaded.in_session:
            return session_source.version_of(offer.item)
        return versions.version_of(offer.loaded, offer.item)

    def session_sentence(self) -> str:
        """Which plugins this process alone has."""
        names = " and ".join(self.session_plugins)
        verb = "are" if len(self.session_plugins) > 1 else "is"
        return f"{names} {verb} defined in this session, where no worker process could import it"

    def versions(self) -> dict[str, str]:
        """Every plugin at hand with its version; of what can be edited that of the source, too."""
        return {
            loaded.info.name: versions.described(loaded)
            for loaded in self._loaded
            if loaded.plugin is not None and not loaded.info.error
        }

    def requirements(self) -> list[str]:
        """Lines of a requirements file; what pip cannot fetch again is a comment that says why."""
        lines = {_requirement(loaded) for loaded in self._loaded if loaded.plugin is not None}
        # Comments last.
        return sorted(lines, key=lambda line: (line.startswith("#"), line))

    def notify(self, event: Any) -> None:
        """Tell the observers; one that raises is named in `warnings`,
        and the others are told all the same.
        """
        hook = _hook_of(event)
        for loaded in self._loaded:
            if hook not in loaded.info.hooks:
                continue
            try:
                self._caller(hook, loaded)(event=event)
            except FAULTS as error:
                self._warn(f"{hook} of plugin {loaded.info.shown} failed: {sentence(error)}")

    def _offer(self, kind: str, name: str) -> Offer:
        offers = self._offers.get((KINDS[kind].name, name), [])
        if not offers:
            raise UnknownName(kind, name, self.names(kind), self._broken_hint())
        if len(offers) > 1:
            raise PluginError(_clash(kind, name, offers))
        return offers[0]

    def _broken_hint(self) -> str:
        broken = "; ".join(f"{info.shown}: {info.error}" for info in self.plugins if info.error)
        return f" (perhaps a broken plugin offers it: {broken})" if broken else ""

    # -------------------------------------------------------------- loading

    def _add_installed(self) -> None:
        """The plugins of installed packages, or those that offer something of `only`."""
        hooks = [KINDS[kind].hook for kind in sorted(self.only)]
        for loaded in load_entry_points(hooks):
            self._add_package(loaded)

    def _add_package(self, loaded: Loaded) -> None:
        """An installed plugin: whatever is wrong with it is one warning."""
        self._loaded.append(loaded)
        if loaded.plugin is not None:
            try:
                self._register(loaded)
            except PluginError as error:
                loaded.info.error, loaded.plugin = str(error), None
        if loaded.plugin is None:
            self._warn(f"plugin {loaded.info.shown} is left out: {loaded.info.error}")

    def _add_given(self, plugin: Plugin) -> None:
        """A plugin that was asked for: it must be one. What is here already is not loaded again."""
        # A file of an installed plugin would clash with that plugin.
        if isinstance(plugin, (str, Path)):
            plugin = Path(plugin).expanduser().resolve()
            if self._has_source(plugin):
                return
        given = load_given(plugin)
        # The same file by another path, or a class given twice.
        if given.reference is not None and given.reference in self.references:
            return
        self._loaded.append(given.loaded)
        self._register(given.loaded)
        self._note_origin(given)

    def _note_origin(self, given: Given) -> None:
        """Where workers find the plugin, or that none does."""
        info = given.loaded.info
        if given.is_item and info.error:
            raise PluginError(f"plugin {info.name}: {info.error}")
        if given.reference is not None:
            self.references += (given.reference,)
        # A launcher works in this process only: no worker needs to import it.
        elif info.contributes.keys() - {"launcher"}:
            self.session_plugins += (info.name,)
            self._warn_of_unknown_versions(given.loaded)

    def _warn_of_unknown_versions(self, loaded: Loaded) -> None:
        for offer in itertools.chain.from_iterable(self._offers.values()):
            if offer.loaded is loaded and (reason := session_source.unreadable(offer.item)):
                self._warn(
                    f"{offer.item.__qualname__}: {reason}, so nobody can tell one version of it "
                    "from the next; its runs are always made anew"
                )

    def _register(self, loaded: Loaded) -> None:
        if self._manager.is_registered(loaded.plugin):
            return  # two entry points that name one object are one plugin
        info = loaded.info
        info.hooks = implemented_hooks(loaded)
        if not info.hooks:
            raise PluginError(
                f"plugin {info.shown} implements no hook;"
                " write @hookimpl above a function such as clbench_strategies"
            )
        # Unique for pluggy, which refuses two plugins of one name.
        name = f"{info.package or info.origin}:{info.name}"
        try:
            self._manager.register(loaded.plugin, name=name)
        except FAULTS as error:
            raise PluginError(f"plugin {info.shown}: {sentence(error)}") from error
        for kind in KINDS.values():
            if kind.hook in info.hooks:
                self._gather(kind, loaded)

    def _gather(self, kind: Kind, loaded: Loaded) -> None:
        """Ask one plugin for one kind; what cannot be used is named and left out."""
        try:
            answers = self._caller(kind.hook, loaded)()
        except FAULTS as error:
            return self._leave_out(loaded, f"{kind.hook} failed: {sentence(error)}")
        wrong = _what_is_no_list(answers)
        if wrong:
            return self._leave_out(loaded, f"{kind.hook} returned {wrong} instead of a list")
        # Several functions of a plugin may stand for one hook, by `specname`.
        for item in itertools.chain.from_iterable(answers):
            self._take(kind, item, loaded)
        return None

    def _take(self, kind: Kind, item: Any, loaded: Loaded) -> None:
        """Offer a contribution under its name, unless something is wrong with it."""
        try:
            name = check_contribution(kind, item)
        except FAULTS as error:
            self._leave_out(loaded, f"{kind.hook}: {error}")
            return
        loaded.info.contributes.setdefault(kind.name, []).append(name)
        self._add_offer((kind.name, name), item, loaded)

    def _add_offer(self, called: tuple[str, str], item: Any, loaded: Loaded) -> None:
        offers = self._offers.setdefault(called, [])
        # The same thing from two plugins is no clash.
        # By identity: a class that is re-exported by a second package.
        if all(offer.item is not item for offer in offers):
            offers.append(Offer(item, loaded))

    def _leave_out(self, loaded: Loaded, reason: str) -> None:
        loaded.info.error = "; ".join(filter(None, (loaded.info.error, reason)))
        self._warn(f"plugin {loaded.info.shown}: {reason}; it is left out")

    def _caller(self, hook: str, loaded: Loaded) -> pluggy.HookCaller:
        """A hook as one plugin alone implements it, so that its failure is its own."""
        others = [plugin for plugin in self._manager.get_plugins() if plugin is not loaded.plugin]
        # Without the others; pluggy has no call of a single plugin.
        return self._manager.subset_hook_caller(hook, others)

    def _has_source(self, path: Path) -> bool:
        """Whether an installed plugin was already loaded from this very file."""
        return any(_file_of(loaded) == path for loaded in self._loaded)

    def _warn_of_clashes(self) -> None:
        for (kind, name), offers in sorted(self._offers.items()):
            if len(offers) > 1:
                self._warn(_clash(kind, name, offers))

    def _warn(self, line: str) -> None:
        if line not in self.warnings:
            self.warnings.append(line)


def _file_of(loaded: Loaded) -> Path | None:
    """The file of a plugin's module."""
    module = None if loaded.plugin is None else source_of(loaded.plugin)
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve()


def _hook_of(event: Any) -> str:
    """`TaskFinished` is told to `clbench_task_finished`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__)
    return f"{hookspecs.GROUP}_{words.lower()}"


def _what_is_no_list(answers: Sequence[Any]) -> str:
    """The type of the first answer of a hook that is no list; empty where all are lists."""
    # Pluggy leaves out an answer of None.
    if not answers:
        return "None"
    for answer in answers:
        if not isinstance(answer, list | tuple):
            return type(answer).__name__
    return ""


def _clash(kind: str, name: str, offers: Sequence[Offer]) -> str:
    """The sentence about two contributions with one name."""
    owners = [offer.loaded.info.shown for offer in offers]
    if _is_of_one_plugin(offers):
        times = f"offers the {kind} {name!r} {len(offers)} times"
        return f"plugin {owners[0]} {times}; give each its own `name`"
    return (
        f"the {kind} {name!r} is offered by plugins {' and '.join(owners)}, so neither is used; "
        "remove one of them or give it another `name`"
    )


def _is_of_one_plugin(offers: Sequence[Offer]) -> bool:
    return all(offer.loaded is offers[0].loaded for offer in offers)


def _requirement(loaded: Loaded) -> str:
    info = loaded.info
    if info.package is None:
        return f"# {info.origin}: a file, not a package"
    pinned = f"{info.package}=={info.version}"
    return (
        f"# {pinned}: an editable install or a checkout" if versions.is_editable(loaded) else pinned
    )
