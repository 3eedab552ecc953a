"""`clbench doctor`: environment, devices, plugins and data at one glance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from clbench.cli.options import DataOption, PluginOption
from clbench.cli.output import say, table
from clbench.errors import ClbenchError

if TYPE_CHECKING:
    from clbench.host import Host


def doctor(plugin: PluginOption = None, data: DataOption = None) -> None:
    """Check the environment, the devices, the plugins and the data; exit code 1 where something is broken."""
    from clbench.data import catalogue, where
    from clbench.execution.environment import environment, gemm_path
    from clbench.host import Host

    host = Host.load(plugin or [])
    slots, trouble = _slots(host)
    facts = environment(host, slots, "auto", gemm_path(slots), None)
    rows = [
        ["python", facts["python"]],
        *([name, version or "not installed"] for name, version in facts["packages"].items()),
    ]
    rows += [
        ["platform", facts["platform"]],
        ["cpu", facts["cpu"]],
        ["workers", f"{len(slots)} on {facts['device']}"],
    ]
    table(["environment", ""], rows)
    say("")
    broken = [info for info in host.plugins if info.error]
    table(
        ["plugins", ""],
        [
            ["sound", len(host.plugins) - len(broken)],
            *([info.shown, info.error] for info in broken),
        ],
    )
    say("")
    table(
        ["data", "state", "place"],
        [[info.name, info.state, info.place or ""] for info in catalogue(host, data)],
    )
    say("")
    table(
        ["data folder", "named by", ""],
        [
            [root.path, root.origin, "there" if root.exists else "not there yet"]
            for root in where(host, data)
        ],
    )
    problems = [*trouble, *host.warnings]
    say("")
    say("no problems found" if not problems else "\n".join(f"problem: {line}" for line in problems))
    raise typer.Exit(1 if problems else 0)


def _slots(host: Host) -> tuple[list[str], list[str]]:
    """The workers of the local launcher, and what stands against it."""
    try:
        return host.get("launcher", "local")().slots("auto", None), []
    except ClbenchError as error:
        return [], [str(error)]
