"""Writing a file so that it is there whole or not at all, whenever the power goes."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from clbench.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EACCES: "permission denied; choose another folder with --out",
    errno.EPERM: "permission denied; choose another folder with --out",
    errno.EROFS: "the file system is read-only; choose another folder with --out",
    errno.ENOENT: "the folder does not exist; create it first",
    errno.ENOTDIR: "its folder is a file; choose another folder with --out",
}


def atomic_write(path: Path, data: bytes | memoryview) -> None:
    """Write to a temporary name in the same folder, sync, rename, sync the folder; `OutputError` where that cannot be done."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise OutputError(f"cannot write {path}: {reason}") from error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself last; file systems that cannot sync a folder are left to themselves."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
