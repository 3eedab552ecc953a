"""`clbench plugins`: what is installed, what it offers, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clbench.cli.options import PluginOption, UnusedDataOption
from clbench.cli.output import say, table

if TYPE_CHECKING:
    from clbench.host import PluginInfo


def plugins(
    requirements: Annotated[
        bool, typer.Option("--requirements", help="Print lines for a requirements file instead.")
    ] = False,
    plugin: PluginOption = None,
    data: UnusedDataOption = None,
) -> None:
    """List the plugins, with package, version, the hooks they implement and the names they
    offer.
    """
    from clbench.host import Host

    host = Host.load(plugin or [])
    if requirements:
        for line in host.requirements():
            say(line)
        return
    # Broken ones are shown with what is wrong, so they are no warnings here.
    rows = map(_row, host.plugins)
    table(["plugin", "package", "hooks", "offers", "problem"], rows, "no plugins")


def _row(info: PluginInfo) -> list[str]:
    package = f"{info.package} {info.version}" if info.package else info.origin
    return [info.name, package, ", ".join(info.hooks), _offered(info), info.error or ""]


def _offered(info: PluginInfo) -> str:
    """The names that it offers, kind by kind."""
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in info.contributes.items())
