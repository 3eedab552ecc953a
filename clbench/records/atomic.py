"""Writing a file so that it is there whole or not at all, whenever the power goes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from clbench.errors import OutputError

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EFBIG: "the file would be larger than this system allows",
    errno.EACCES: "permission denied; choose another folder with --out",
    errno.EPERM: "permission denied; choose another folder with --out",
    errno.EROFS: "the file system is read-only; choose another folder with --out",
    errno.ENOENT: "the folder does not exist; create it first",
    errno.ENOTDIR: "its folder is a file; choose another folder with --out",
}


class DeferredErrorFile(io.RawIOBase):
    """A file whose writer hears of no error, because HDF5 cannot let go of a file it cannot finish.

    `raise_error` raises the first one.
    """

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        """All of it, or as if."""
        view = memoryview(data).cast("B")
        self._attempt(lambda: self._write_all(view))
        return len(view)

    def _write_all(self, view: memoryview) -> None:
        done = 0
        while done < len(view):
            done += self.file.write(view[done:]) or 0

    def readinto(self, buffer: Any) -> int:
        """What was written before."""
        return self.file.readinto(buffer) or 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Anywhere."""
        return self.file.seek(offset, whence)

    def truncate(self, size: int | None = None) -> int:
        """Cut off, or made longer."""
        self._attempt(lambda: self.file.truncate(size))
        return size or 0

    def raise_error(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.error is not None:
            raise self.error

    def _attempt(self, action: Callable[[], object]) -> None:
        """Do it; after the first error nothing is done any more, for the file is lost."""
        if self.error is not None:
            return
        try:
            action()
        except OSError as error:
            self.error = error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[DeferredErrorFile]:
    """A temporary name in the same folder to write into; then synced and renamed.

    The folder is synced, too, so that the rename lasts. `OutputError` says why it cannot be.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "x+b", buffering=0) as file:
                target_file = DeferredErrorFile(file)
                try:
                    yield target_file
                except Exception:
                    target_file.raise_error()  # whatever else went wrong went wrong because of that
                    raise
                target_file.raise_error()
                # Else the rename may reach the disk before the content does.
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise OutputError(f"cannot write {path}: {reason}") from error


def atomic_write(path: Path, data: bytes | memoryview) -> None:
    """Write these bytes, whole or not at all."""
    with atomic_file(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Make the rename itself last; systems that cannot sync a folder are left to themselves."""
    if os.name == "nt":
        return  # Windows opens no folders
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
