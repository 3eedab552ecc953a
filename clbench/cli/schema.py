"""`clbench schema`: the grammar of suites, for editors."""

from __future__ import annotations

import json

from clbench.cli.options import PluginOption, UnusedDataOption
from clbench.cli.output import say


def schema(plugin: PluginOption = None, data: UnusedDataOption = None) -> None:
    """Print the JSON schema of suite files, with the names and options of the plugins at hand."""
    from clbench.host import Host
    from clbench.suite import json_schema

    say(json.dumps(json_schema(Host.load(plugin or [])), indent=2))
