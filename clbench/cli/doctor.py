"""`clbench doctor`: environment, devices, plugins and data at one glance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from clbench.cli.options import DataOption, JsonOption, PluginOption
from clbench.cli.output import say, say_json, table
from clbench.errors import ClbenchError

if TYPE_CHECKING:
    from clbench.host import Host


def doctor(
    as_json: JsonOption = False, plugin: PluginOption = None, data: DataOption = None
) -> None:
    """Check the environment, the devices, the plugins and the data; exit code 1 where something is broken."""
    from clbench.host import Host

    found = _found(Host.load(plugin or []), data)
    if as_json:
        say_json(found)
    else:
        _print(found)
    raise typer.Exit(1 if found["problems"] else 0)


def _found(host: Host, data: Path | None) -> dict[str, Any]:
    """Everything that is looked at."""
    from clbench.data import catalogue, where
    from clbench.execution.environment import environment, gemm_path

    slots, trouble = _slots(host)
    path = gemm_path(slots)
    facts = environment(host, slots, "auto", path, None)
    packages = {name: version or "not installed" for name, version in facts["packages"].items()}
    plugins = [
        {"name": info.name, "shown": info.shown, "error": info.error or None}
        for info in host.plugins
    ]
    datasets = [
        {"name": info.name, "state": info.state, "place": info.place}
        for info in catalogue(host, data)
    ]
    folders = [
        {"folder": root.path, "named by": root.origin, "there": root.exists}
        for root in where(host, data)
    ]
    return {
        "environment": {
            "python": facts["python"],
            **packages,
            "platform": facts["platform"],
            "cpu": facts["cpu"],
            "workers": f"{len(slots)} on {facts['device']}",
            "matrix products": f"float32, {path} path",
        },
        "plugins": plugins,
        "data": datasets,
        "data folders": folders,
        "problems": [*trouble, *host.warnings],
    }


def _print(found: Mapping[str, Any]) -> None:
    table(["environment", ""], found["environment"].items())
    say("")
    broken = [plugin for plugin in found["plugins"] if plugin["error"]]
    rows = [["sound", len(found["plugins"]) - len(broken)]]
    table(["plugins", ""], [*rows, *([one["shown"], one["error"]] for one in broken)])
    say("")
    table(["data", "state", "place"], [one.values() for one in found["data"]])
    say("")
    folders = [
        [one["folder"], one["named by"], "there" if one["there"] else "not there yet"]
        for one in found["data folders"]
    ]
    table(["data folder", "named by", ""], folders)
    say("")
    for line in found["problems"]:
        say(f"problem: {line}")
    if not found["problems"]:
        say("no problems found")


def _slots(host: Host) -> tuple[list[str], list[str]]:
    """The workers of the local launcher, and what stands against it."""
    try:
        return host.get("launcher", "local")().slots("auto", None), []
    except ClbenchError as error:
        return [], [str(error)]
