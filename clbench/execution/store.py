"""The folder of a run: one merged record, job files and checkpoints beside it while it is not finished."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from clbench.errors import OutputError, RecordError
from clbench.execution.jobs import Job, Site
from clbench.execution.planner import FINISHED
from clbench.records import CellRecord, merge_cells, metric_of, read_record, write_record
from clbench.suite import Cell, Suite

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EEXIST: "it is a file, not a folder",
    errno.ENOTDIR: "a part of it is a file, not a folder",
}
SPARE = 4 << 20  # bytes that must be writable beyond the estimate, before anything trains


class Store:
    """Everything about where results lie. Job files become part of the record, and are removed only after it is safely on disk."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.folder, self.suite = Path(folder), suite
        self.record = self.folder / f"{suite}.h5"
        self.superseded = self.folder / f"{suite}.superseded.h5"
        self.jobs = self.folder / "jobs"
        self.checkpoints = self.folder / "checkpoints"

    @contextlib.contextmanager
    def open(self, expected: int = 0) -> Iterator[Store]:
        """Make the folder, show that `expected` bytes can be written there, hold it against other runs, and clear what a dead run left."""
        with _refusing(self.folder):
            for folder in (self.folder, self.jobs, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
        with self.hold():
            with _refusing(self.folder):
                self._try_out(expected)
                self._clear_temporary()
            try:
                yield self
            finally:
                self._clear_temporary()
                self._remove_if_empty()

    # -------------------------------------------------------------- what was measured

    def cells(self) -> dict[str, CellRecord]:
        """What was measured so far, job files that nobody merged included, by key."""
        found: dict[str, list[CellRecord]] = {}
        for path in (self.superseded, self.record, *self._job_files()):
            for cell in _cells_of(path):
                found.setdefault(cell.key, []).append(cell)
        return {key: _joined(records) for key, records in found.items()}

    def merge(
        self, current: Mapping[str, Cell], suite: Suite, environment: Mapping[str, Any]
    ) -> None:
        """Bring job files into the record. `current` is what the suite asks for now, by key.

        A cell of the same name with another key was measured with other options or another version of the code: it moves to
        `<suite>.superseded.h5`, so that the record has one cell a name and nothing measured is lost. Undo the edit, and it comes back.
        """
        merged, cells = self._job_files(), self.cells()
        before = read_record(self.record) if self.record.exists() else None
        if before is not None and not merged:
            environment = before.environment  # nothing was measured since
        elif before is not None and "merged" in before.environment:
            environment = {
                **environment,
                "merged": before.environment["merged"],
            }  # of the cells that came from elsewhere
        kept, old = _sorted_out(cells, current, {cell.key for cell in _cells_of(self.superseded)})
        metrics = [(metric.name, metric.options) for metric in suite.metrics]
        with _refusing(self.folder):
            if old:
                write_record(
                    self.superseded,
                    old,
                    suite=self.suite,
                    suite_text=suite.text,
                    environment=environment,
                    metrics=metrics,
                )
            write_record(
                self.record,
                kept,
                suite=self.suite,
                suite_text=suite.text,
                environment=environment,
                metrics=metrics,
            )
            if not old:
                self.superseded.unlink(missing_ok=True)
            for path in merged:
                path.unlink(missing_ok=True)

    # -------------------------------------------------------------- jobs under way

    def begin(self, jobs: Iterable[Job]) -> None:
        """Write down who is in which stack: a checkpoint is of use only to the same stack."""
        with _refusing(self.folder):
            for job in jobs:
                (self.checkpoints / f"{job.id}.json").write_text(job.to_json())

    def begun(self, site: Site) -> list[Job]:
        """Jobs of an earlier run that left a checkpoint and no record."""
        found = []
        for path in sorted(self.checkpoints.glob("*.json")):
            try:
                job = Job.from_json(path.read_text())
            except (ValueError, KeyError, TypeError):
                continue
            if site.checkpoint(job).exists() and not site.record(job).exists():
                found.append(job)
        return found

    def forget(self, keep: Iterable[Job] = ()) -> None:
        """Remove checkpoints and job descriptions of jobs that will not go on."""
        kept = {job.id for job in keep}
        for path in self.checkpoints.glob("*"):
            if path.name.partition(".")[0] not in kept:
                _remove(path)

    # -------------------------------------------------------------- the folder

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """The operating system drops the lock with the process that held it, however that ended; the text only says who it is."""
        path = self.folder / ".lock"
        with self._locked(path) as file:
            with _refusing(self.folder):
                file.truncate()
                file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
                file.flush()
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()  # while it is held: whoever opened it meanwhile finds that it is gone

    def _locked(self, path: Path) -> TextIO:
        """The file at this path, locked."""
        while True:
            with _refusing(self.folder):
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
                        f"cannot lock {path}: {error.strerror}; choose a folder on another file system with --out"
                    ) from error
                raise OutputError(
                    f"{self.folder} is held by another run ({held}); wait for it, or choose another folder with --out"
                ) from None
            file.close()  # of a run that has just ended, and removed it

    def _try_out(self, expected: int) -> None:
        """A file that is really written: quotas and full disks show themselves at no other time."""
        needed = expected + SPARE
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            sizes = f"{free / 1e6:.1f} MB left, and this run may write {needed / 1e6:.1f} MB"
            raise OutputError(
                f"{self.folder} has {sizes}; make room, or choose another folder with --out"
            )
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".room-", suffix=".tmp") as file:
            file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())

    def _clear_temporary(self) -> None:
        for folder in (self.folder, self.jobs, self.checkpoints):
            for path in [*folder.glob("*.tmp"), *folder.glob(".*.tmp")]:
                _remove(path)

    def _remove_if_empty(self) -> None:
        for folder in (self.jobs, self.checkpoints):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _job_files(self) -> list[Path]:
        return sorted(self.jobs.glob("*.h5"), key=lambda path: path.stat().st_mtime_ns)


def _sorted_out(
    cells: Mapping[str, CellRecord], current: Mapping[str, Cell], moved: Collection[str]
) -> tuple[list[CellRecord], list[CellRecord]]:
    """The cells that stay, in the suite's order and under its labels, and those whose name has another key by now."""
    names = {(cell.scenario_label, cell.label) for cell in current.values()}
    stay = [
        replace(cells[key], scenario=cell.scenario_label, label=cell.label, protocol=cell.protocol)
        for key, cell in current.items()
        if key in cells
    ]
    old: list[CellRecord] = []
    for key, cell in cells.items():
        if key not in current:
            (old if key in moved or (cell.scenario, cell.label) in names else stay).append(cell)
    return stay, old


def _joined(records: list[CellRecord]) -> CellRecord:
    """One cell; the later of two measurements stays, and tracebacks go when nobody is failed any more."""
    joined = merge_cells(records, later_wins=True)[0]
    if not _failed(joined):
        joined.errors = tuple(error for error in joined.errors if metric_of(error))
    return joined


def _failed(record: CellRecord) -> bool:
    return record.member_status is not None and any(
        status not in FINISHED for status in record.member_status
    )


def _cells_of(path: Path) -> list[CellRecord]:
    if not path.exists():
        return []
    try:
        return list(read_record(path).cells)
    except RecordError as error:
        raise RecordError(
            f"{error}; move {path.name} away, or choose another folder with --out"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _holder(text: str) -> str:
    try:
        held = json.loads(text)
        return f"process {held['pid']} on {held['host']}"
    except (ValueError, KeyError, TypeError):
        return "its process did not say who it is"


@contextlib.contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Whatever the operating system says against the folder, as one sentence."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or str(error)
        raise OutputError(
            f"cannot write to {error.filename or folder}: {reason}; choose another folder with --out"
        ) from error
