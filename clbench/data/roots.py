"""Where data is looked for and kept:
`--data DIR`, then `$CLBENCH_DATA`, then the user's cache folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from clbench.errors import UserError


@dataclass(frozen=True)
class Root:
    """One folder that is searched, and who named it."""

    path: Path
    origin: str

    @property
    def folder(self) -> Path:
        """The subfolder that holds clbench's own files."""
        return self.path / "clbench"

    def __str__(self) -> str:
        return f"{self.path} ({self.origin})"


def roots(root: Path | None = None) -> list[Root]:
    """The data roots in the order they are searched."""
    found = []
    if root is not None:
        found.append(Root(Path(root).expanduser(), "--data"))
    # An empty variable is none.
    if os.environ.get("CLBENCH_DATA"):
        found.append(Root(Path(os.environ["CLBENCH_DATA"]).expanduser(), "$CLBENCH_DATA"))
    return [*found, user_root()]


def user_root() -> Root:
    """`$XDG_CACHE_HOME/clbench/data`, by default below `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Root(Path(home) / "clbench" / "data", "user cache")


def search_roots(root: Path | None) -> list[Root]:
    """As `roots`, for reading: a folder named on the command line has to be there."""
    if root is not None and not Path(root).expanduser().is_dir():
        raise UserError(f"--data {root}: there is no such folder")
    return roots(root)


def writable(path: Path) -> bool:
    """Whether something may be written below `path`;
    a folder without write bits is left alone even by root.
    """
    # What is not there yet is made below the first folder that is.
    while not path.exists() and path != path.parent:
        path = path.parent
    return (
        # A read-only folder stays so, though the superuser could write to it.
        path.is_dir() and os.access(path, os.W_OK | os.X_OK) and bool(path.stat().st_mode & 0o222)
    )


def destination(root: Path | None) -> Root:
    """Where downloads and imports go:
    the first folder that somebody named, and never silently another.
    """
    chosen = roots(root)[0]
    if not writable(chosen.path):
        raise UserError(f"cannot write to {chosen}; name another folder with --data DIR")
    return chosen
