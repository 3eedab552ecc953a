"""`clbench data`: what data there is, bringing it here, and where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.cli.options import DataOption, PluginOption
from clbench.cli.output import say, table, warn

if TYPE_CHECKING:
    from clbench.data import Arrays
    from clbench.data.listing import RootInfo

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, fetch and import data sets."
)
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A data set.", show_default=False)
]


@app.command("list")
def list_data(plugin: PluginOption = None, data: DataOption = None) -> None:
    """List the data sets, and whether they are here."""
    from clbench.data import catalogue
    from clbench.host import Host

    host = Host.load(plugin or [])
    warn(host.warnings)
    found = catalogue(host, data)
    rows = [[info.name, info.state, info.classes, info.place or "", info.doc] for info in found]
    table(["name", "state", "classes", "place", "what it is"], rows, "no data sets")
    commands = [info.command for info in found if info.command]
    if commands:
        say("\nTo get what is missing:")
    for command in commands:
        say(f"  {command}")


@app.command("fetch")
def fetch_data(name: NameArgument, plugin: PluginOption = None, data: DataOption = None) -> None:
    """Download a data set, once."""
    from clbench.data import fetch
    from clbench.host import Host

    arrays = fetch(name, Host.load(plugin or []), data)
    say(f"{name} is here: {_contents(arrays)}")


@app.command("import")
def import_arrays(
    name: NameArgument,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.npz|DIR",
            help="x_train, y_train, x_test, y_test; or a folder of class folders,"
            " or as `describe NAME` says.",
            show_default=False,
        ),
    ],
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Take over arrays that you have, as a known data set or a new one."""
    from clbench.data import import_data
    from clbench.data.roots import destination
    from clbench.host import Host

    # Refused before the arrays are read, which may take minutes.
    root = destination(data)
    arrays = import_data(name, source, data, Host.load(plugin or []))
    say(f"imported {name}: {_contents(arrays)}")
    say(f"kept in {root}")


@app.command("where")
def where_data(plugin: PluginOption = None, data: DataOption = None) -> None:
    """Show the folders that data is looked for in, in that order."""
    from clbench.data import where
    from clbench.host import Host

    rows = map(_folder_row, where(Host.load(plugin or []), data))
    table(["folder", "named by", "there", "holds"], rows)


def _folder_row(root: RootInfo) -> list[Any]:
    return [root.path, root.origin, _access(root), ", ".join(root.contents)]


def _access(root: RootInfo) -> str:
    if not root.exists:
        return "no such folder yet"
    return "yes" if root.writable else "read-only"


def _contents(arrays: Arrays) -> str:
    return (
        f"{len(arrays.x_train)} training and {len(arrays.x_test)} test images,"
        f" {arrays.classes} classes, {arrays.fingerprint}"
    )
