"""The command line: parse, call, render. Nothing heavy is imported before a command runs."""

from __future__ import annotations

from clbench.cli.app import app, main

__all__ = ["app", "main"]
