"""The command line: parse, call, render. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from clbench.errors import Interrupted

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script; leaves with the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # Imported here, so that Ctrl-C while it loads is answered as any other.
        from clbench.cli.app import app

        app(args=given)
    except KeyboardInterrupt:  # before a command began
        print(how_to_go_on(given), file=sys.stderr)
        sys.exit(Interrupted.exit_code)


def how_to_go_on(given: Sequence[str]) -> str:
    """What someone who pressed Ctrl-C is told: the line as it was typed is the resume."""
    return f"interrupted; go on with: {shlex.join(['clbench', *given])}"
