"""`clbench plugins`: what is installed, what it offers, and what is wrong with it."""

from __future__ import annotations

from typing import Annotated

import typer

from clbench.cli.options import PluginOption, UnusedDataOption
from clbench.cli.output import say, table


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
    rows = []
    # Broken ones are shown with what is wrong, so they are no warnings here.
    for info in host.plugins:
        offered = "; ".join(
            f"{kind}: {', '.join(names)}" for kind, names in info.contributes.items()
        )
        package = f"{info.package} {info.version}" if info.package else info.origin
        rows.append([info.name, package, ", ".join(info.hooks), offered, info.error or ""])
    table(["plugin", "package", "hooks", "offers", "problem"], rows, "no plugins")
