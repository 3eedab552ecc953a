"""`clbench list`: the names that plugins offer."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clbench.cli.options import DataOption, PluginOption
from clbench.cli.output import say, table, warn

if TYPE_CHECKING:
    from clbench.host import Host


class Kinds(StrEnum):
    """What there are names of."""

    strategies = "strategies"
    metrics = "metrics"
    scenarios = "scenarios"
    datasets = "datasets"
    models = "models"
    launchers = "launchers"


SINGULAR = {"strategies": "strategy"}


def list_names(
    kind: Annotated[
        Kinds | None, typer.Argument(help="One kind; all of them unless given.", show_default=False)
    ] = None,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """List strategies, metrics, scenarios, data sets, models and launchers, with the plugins that offer them."""
    from clbench.host import Host

    host = Host.load(plugin or [])
    warn(host.warnings)
    for place, one in enumerate([kind] if kind else list(Kinds)):
        if kind is None:
            say(("" if place == 0 else "\n") + one.value)
        table(
            ["name", "what it is", "from"],
            _rows(host, SINGULAR.get(one.value, one.value.removesuffix("s"))),
            f"no {one.value}",
        )
        if one is Kinds.datasets:
            _say_imported(host, data)


def _rows(host: Host, kind: str) -> list[list[Any]]:
    return [
        [name, first_line(host.get(kind, name)), host.plugin_of(kind, name).shown]
        for name in host.names(kind)
    ]


def _say_imported(host: Host, data: Any) -> None:
    from clbench.data import imported_names

    names = sorted(set(imported_names(data)) - set(host.names("dataset")))
    if names:
        say(f"imported: {', '.join(names)}")


def first_line(item: Any) -> str:
    """The first line of a contribution's docstring."""
    lines = (item.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""
