"""`clbench doctor`: environment, devices, plugins and data at one glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from clbench.cli.options import DataOption, JsonOption, PluginOption
from clbench.cli.output import say, say_json, table
from clbench.errors import ClbenchError

if TYPE_CHECKING:
    from clbench.data.listing import DatasetInfo, RootInfo
    from clbench.host import Host, PluginInfo


def doctor(
    as_json: JsonOption = False, plugin: PluginOption = None, data: DataOption = None
) -> None:
    """Check the environment, the devices, the plugins and the data; exit code 1 where something
    is broken.
    """
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

    slots, trouble = _slots(host)
    return {
        "environment": _environment(host, slots),
        "plugins": list(map(_plugin, host.plugins)),
        "data": list(map(_dataset, catalogue(host, data))),
        "data folders": list(map(_root, where(host, data))),
        "problems": [*trouble, *host.warnings],
    }


def _environment(host: Host, slots: Sequence[str]) -> dict[str, str]:
    """Versions, machine and workers, as a run's record would say them."""
    from clbench.execution.environment import environment, gemm_path

    path = gemm_path(slots)
    # What a run would write into its record, so that the two can be compared.
    facts = environment(host, slots, "auto", path, None)
    return {
        "python": facts["python"],
        **_packages(facts["packages"]),
        "platform": facts["platform"],
        "cpu": facts["cpu"],
        "workers": f"{len(slots)} on {facts['device']}",
        "matrix products": f"float32, {path} path",
    }


def _packages(versions: Mapping[str, str | None]) -> dict[str, str]:
    return {name: version or "not installed" for name, version in versions.items()}


def _plugin(info: PluginInfo) -> dict[str, Any]:
    return {"name": info.name, "shown": info.shown, "error": info.error or None}


def _dataset(info: DatasetInfo) -> dict[str, Any]:
    return {"name": info.name, "state": info.state, "place": info.place}


def _root(root: RootInfo) -> dict[str, Any]:
    return {"folder": root.path, "named by": root.origin, "there": root.exists}


def _print(found: Mapping[str, Any]) -> None:
    table(["environment", ""], found["environment"].items())
    say("")
    _print_plugins(found["plugins"])
    say("")
    table(["data", "state", "place"], [one.values() for one in found["data"]])
    say("")
    table(["data folder", "named by", ""], map(_folder_row, found["data folders"]))
    say("")
    for line in found["problems"]:
        say(f"problem: {line}")
    if not found["problems"]:
        say("no problems found")


def _print_plugins(plugins: Sequence[Mapping[str, Any]]) -> None:
    """How many are sound, and each that is not."""
    broken = [plugin for plugin in plugins if plugin["error"]]
    rows = [["sound", len(plugins) - len(broken)]]
    rows += [[plugin["shown"], plugin["error"]] for plugin in broken]
    table(["plugins", ""], rows)


def _folder_row(folder: Mapping[str, Any]) -> list[Any]:
    there = "there" if folder["there"] else "not there yet"
    return [folder["folder"], folder["named by"], there]


def _slots(host: Host) -> tuple[list[str], list[str]]:
    """The workers of the local launcher, and what stands against it."""
    # A broken launcher is what somebody runs this to find out.
    try:
        return host.get("launcher", "local")().slots("auto", None), []
    except ClbenchError as error:
        return [], [str(error)]
