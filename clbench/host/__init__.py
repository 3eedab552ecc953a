"""Plugins: loading them, the names they offer, clashes, and what each one contributes."""

from __future__ import annotations

from clbench.host.given import Plugin, PluginReference, as_plugins
from clbench.host.host import Host
from clbench.host.kinds import HOOKS, KINDS
from clbench.host.loading import PluginInfo

__all__ = ["HOOKS", "KINDS", "Host", "Plugin", "PluginInfo", "PluginReference", "as_plugins"]
