"""`clbench list`: the names that plugins offer."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from clbench.cli.options import DataOption, JsonOption, PluginOption
from clbench.cli.output import first_sentence, say, say_json, table, warn
from clbench.docstrings import summary
from clbench.suite.packaged import opening_comment, packaged_suites, packaged_text

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
    formats = "formats"
    exports = "exports"
    figures = "figures"
    importers = "importers"
    suites = "suites"


# Where leaving out the last letter is not enough.
SINGULAR = {"strategies": "strategy"}
IMPORTED = "imported with `clbench data import`"


def list_names(
    kind: Annotated[
        Kinds | None, typer.Argument(help="One kind; all of them unless given.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """List all that plugins offer, from strategies to figures, and suites, with where they come
    from.
    """
    from clbench.host import Host

    host = Host.load(plugin or [])
    warn(host.warnings)
    kinds = [kind] if kind else list(Kinds)
    rows = {one.value: _rows(one, host, data) for one in kinds}
    if as_json:
        say_json({one: _as_objects(found) for one, found in rows.items()})
        return
    for position, (one, found) in enumerate(rows.items()):
        if kind is None:
            say(one if position == 0 else f"\n{one}")
        table(["name", "what it is", "from"], found, f"no {one}")


class Row(NamedTuple):
    """A name, what it is, and where it comes from."""

    name: str
    doc: str
    origin: str


def _as_objects(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [row._asdict() for row in rows]


def _rows(kind: Kinds, host: Host, data: Path | None) -> list[Row]:
    if kind is Kinds.suites:
        return [Row(name, _suite_in_short(name), "clbench") for name in packaged_suites()]
    singular = SINGULAR.get(kind.value, kind.value.removesuffix("s"))
    rows = []
    for name in host.names(singular):
        what_it_is = summary(host.get(singular, name).__doc__)
        rows.append(Row(name, what_it_is, host.plugin_of(singular, name).shown))
    return rows + _imported(host, data) if kind is Kinds.datasets else rows


def _imported(host: Host, data: Path | None) -> list[Row]:
    from clbench.data import imported_names

    # Arrays under the name of a plugin's data set are a copy of it.
    names = sorted(set(imported_names(data)) - set(host.names("dataset")))
    return [Row(name, "", IMPORTED) for name in names]


def _suite_in_short(name: str) -> str:
    return first_sentence(opening_comment(packaged_text(name)))
