"""A record's folder is held by who writes to it: two that do would undo each other's work."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from clbench.errors import OutputError, UserError

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EEXIST: "it is a file, not a folder",
    errno.ENOTDIR: "a part of it is a file, not a folder",
}


def require_posix() -> None:
    """Refuse to train or to change a record where files cannot be locked;
    looking at records needs none of it.
    """
    if importlib.util.find_spec("fcntl") is None:
        raise UserError(
            "clbench trains on Linux and macOS; on Windows, run it in WSL (the Windows Subsystem "
            "for Linux). Records can be looked at here: clbench show, compare, leaderboard, export"
        )


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a folder; `OutputError` says who else does.

    The operating system drops the lock with the process that held it, however that ended; the text
    only says who it is.
    """
    path = folder / ".lock"
    with _locked(path) as file:
        with refusing(folder):
            file.truncate()
            file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
            file.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                # while it is held: whoever opened it meanwhile finds that it is gone
                path.unlink()


def _locked(path: Path) -> TextIO:
    """The file at this path, locked."""
    require_posix()
    import fcntl  # which Windows lacks; everything else here is of use without it

    while True:
        with refusing(path.parent):
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except OSError as error:
            with file:
                held = _holder(file.read())
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise OutputError(
                    f"cannot lock {path}: {error.strerror};"
                    " choose a folder on another file system with --out"
                ) from error
            raise OutputError(
                f"{path.parent} is held by another run ({held});"
                " wait for it, or choose another folder with --out"
            ) from None
        file.close()  # of a run that has just ended, and removed it


def _holder(text: str) -> str:
    try:
        held = json.loads(text)
        return f"process {held['pid']} on {held['host']}"
    except (ValueError, KeyError, TypeError):
        return "its process did not say who it is"


@contextlib.contextmanager
def refusing(folder: Path) -> Iterator[None]:
    """Whatever the operating system says against the folder, as one sentence."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise OutputError(
            f"cannot write to {error.filename or folder}: {reason};"
            " choose another folder with --out"
        ) from error
