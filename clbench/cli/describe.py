"""`clbench describe`: one name's documentation, options and origin."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.cli.options import DataOption, PluginOption
from clbench.cli.output import say, table, warn
from clbench.errors import UnknownName

if TYPE_CHECKING:
    from clbench.host import Host
    from clbench.options import Option


def describe(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A strategy, metric, scenario, data set, model or launcher; or `protocol`.",
            show_default=False,
        ),
    ],
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Print what a name stands for: its documentation, its options with types and defaults, and the plugin that offers it."""
    from clbench.host import Host

    host = Host.load(plugin or [])
    warn(host.warnings)
    if name == "protocol":
        _describe_protocol()
        return
    kinds = _kinds_of(name, host)
    for place, kind in enumerate(kinds):
        if place:
            say("")
        _describe(host, kind, name)


def _describe(host: Host, kind: str, name: str) -> None:
    from clbench.options import describe_options

    item, origin = host.get(kind, name), host.plugin_of(kind, name)
    say(f"{name}: a {kind} of plugin {origin.shown}")
    say("")
    say(inspect.cleandoc(item.__doc__ or "It has no documentation."))
    if kind == "metric":
        source = (
            "measured while it runs" if hasattr(item, "measure") else "computed from the record"
        )
        say(f"\n{source}; {'higher' if item.higher_is_better else 'lower'} is better")
    say("")
    _options(describe_options(item))


def _describe_protocol() -> None:
    from clbench.suite import Protocol, describe_protocol

    say("protocol: how every strategy of a suite is trained and evaluated\n")
    say(inspect.cleandoc(Protocol.__doc__ or ""))
    say("")
    _options(describe_protocol())


def _options(options: Sequence[Option]) -> None:
    rows = [[option.name, option.type, _shown(option.default), option.doc] for option in options]
    table(["option", "type", "default", "what it does"], rows, "It has no options.")


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _kinds_of(name: str, host: Host) -> list[str]:
    """What the name is; `UnknownName` with suggestions from every kind where it is nothing."""
    from clbench.host import KINDS

    kinds, hint = [], ""
    for kind in KINDS:
        try:
            host.get(kind, name)
            kinds.append(kind)
        except UnknownName as error:
            hint = error.hint
    if not kinds:
        raise UnknownName(
            "name",
            name,
            {"protocol", *(known for kind in KINDS for known in host.names(kind))},
            hint,
        )
    return kinds
