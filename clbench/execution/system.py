"""What clbench needs of an operating system to write records that several runs may want at once."""

from __future__ import annotations

import importlib.util

from clbench.errors import UserError


def require_posix() -> None:
    """Refuse to train or to change a record where files cannot be locked;
    looking at records needs none of it.
    """
    if importlib.util.find_spec("fcntl") is None:
        raise UserError(
            "clbench trains on Linux and macOS; on Windows, run it in WSL (the Windows Subsystem "
            "for Linux). Records can be looked at here: clbench show, compare, leaderboard, export"
        )
