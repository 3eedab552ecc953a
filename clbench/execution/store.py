"""The folder of a run: one merged record,
job files and checkpoints beside it while it is not finished.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clbench.errors import OutputError, RecordError
from clbench.execution.jobs import Job, PlannedCell, Site
from clbench.records import (
    SCHEMA_VERSION,
    CellRecord,
    RecordFile,
    merge_cells,
    read_record,
    write_file,
)
from clbench.records.apart import CELL, divided
from clbench.records.file import RESULTS, SMOKE
from clbench.records.holding import hold, refusing
from clbench.records.looks import united_looks
from clbench.records.metric_facts import labelled
from clbench.records.provenance import Facts, united, with_runs
from clbench.suite import Suite

FREE_BYTES_BEYOND = (
    4 << 20
)  # bytes that must be writable beyond the estimate, before anything trains


@dataclass(frozen=True)
class Stored:
    """What a run's folder holds, read once."""

    older: RecordFile | None  # what clbench 0.1 kept apart in a file of its own
    record: RecordFile | None
    jobs: tuple[RecordFile, ...] = ()  # job files that nobody merged, the newest last

    @property
    def files(self) -> list[RecordFile]:
        """All of it, the newest last."""
        files = (self.older, self.record, *self.jobs)
        return [file for file in files if file is not None]

    @property
    def cells(self) -> dict[str, CellRecord]:
        """What was measured, by key."""
        return _by_key(self.files)


class Store:
    """Everything about where results lie.

    Job files become part of the record, and are removed only after it is safely on disk.
    """

    def __init__(self, folder: Path, suite: str) -> None:
        self.folder, self.suite = Path(folder), suite
        self.record = self.folder / f"{suite}.h5"
        # where clbench 0.1 put what is kept apart in the record now
        self.superseded = self.folder / f"{suite}.superseded.h5"
        self.jobs = self.folder / "jobs"
        self.checkpoints = self.folder / "checkpoints"

    @contextlib.contextmanager
    def open(self, expected: int = 0) -> Iterator[Store]:
        """Make the folder, show that `expected` bytes can be written there,
        hold it against other runs, and clear what a dead run left.
        """
        with refusing(self.folder):
            for folder in (self.folder, self.jobs, self.checkpoints):
                folder.mkdir(parents=True, exist_ok=True)
        with self.hold():
            with refusing(self.folder):
                self._try_out(expected)
                self._clear_temporary()
            try:
                yield self
            finally:
                self._clear_temporary()
                self._remove_if_empty()

    # -------------------------------------------------------------- what was measured

    def read(self) -> Stored:
        """What was measured so far, job files that nobody merged included."""
        older = _opened(self.superseded) if self.superseded.exists() else None
        record = _opened(self.record) if self.record.exists() else None
        return Stored(older, record, tuple(map(_opened, self._job_files())))

    def merge(
        self,
        stored: Stored,
        current: Mapping[str, PlannedCell],
        suite: Suite,
        environment: Mapping[str, Any],
        finish: Callable[[RecordFile], RecordFile] = lambda record: record,
    ) -> Stored:
        """Bring job files into the record, which nobody else has changed since it was `stored`.

        `current` is what the suite asks for now, by key. Everything else that was measured stays in
        the record, apart: undo the edit, and it comes back. `environment` is that of this process,
        for want of a worker that has said something. `finish` adds what follows from the rest.
        """
        # Job files that were there before the run may have been written anew.
        merged = self._job_files()
        now = replace(stored, jobs=tuple(map(_opened, merged)))
        runs = united(file.runs for file in now.files)
        looks = united_looks(file.looks for file in now.files)
        stay, apart = _sorted_out(now.cells, current, _seeds_on_top(suite, stored.record))
        metrics = [(metric.label, metric.options) for metric in suite.metrics]
        facts = labelled((metric.label, metric.name) for metric in suite.metrics)
        record = RecordFile(
            SCHEMA_VERSION,
            self.suite,
            suite.text,
            _environment(now, runs, environment),
            stay,
            tuple(metrics),
            apart,
            runs,
            metric_facts=facts,
            purpose=SMOKE if suite.smoke else RESULTS,
            looks=looks,
        )
        finished = finish(record)
        with refusing(self.folder):
            write_file(self.record, finished)
            # Only now that it is safely in the record.
            self.superseded.unlink(missing_ok=True)
            for path in merged:
                path.unlink(missing_ok=True)
        return Stored(None, finished)

    # -------------------------------------------------------------- jobs under way

    def begin(self, jobs: Iterable[Job]) -> None:
        """Write down who is in which stack: a checkpoint is of use only to the same stack."""
        with refusing(self.folder):
            for job in jobs:
                (self.checkpoints / f"{job.id}.json").write_text(job.to_json())

    def begun(self, site: Site) -> list[Job]:
        """Jobs of an earlier run that left a checkpoint and no record."""
        found = []
        for path in sorted(self.checkpoints.glob("*.json")):
            try:
                job = Job.from_json(path.read_text())
            except (ValueError, KeyError, TypeError):
                continue  # half of a file, or one of a version that is too old
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

    def hold(self) -> contextlib.AbstractContextManager[None]:
        """Keep other runs, and whoever changes a record, out of the folder."""
        return hold(self.folder)

    def _try_out(self, expected: int) -> None:
        """A file that is really written: quotas and full disks show themselves at no other time."""
        needed = expected + FREE_BYTES_BEYOND
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            sizes = f"{free / 1e6:.1f} MB left, and this run may write {needed / 1e6:.1f} MB"
            raise OutputError(
                f"{self.folder} has {sizes}; make room, or choose another folder with --out"
            )
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".room-", suffix=".tmp") as file:
            file.write(bytes(1 << 20))  # one megabyte
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
        """The newest last: of two measurements of a member the later one stays."""
        return sorted(self.jobs.glob("*.h5"), key=lambda path: path.stat().st_mtime_ns)


def _environment(
    stored: Stored, runs: Sequence[Facts], here: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Where the record says that it was made: by its last worker, or else `here`."""
    before = {} if stored.record is None else stored.record.environment
    if stored.jobs:
        environment: Mapping[str, Any] = runs[-1] if runs else here
    elif stored.record is not None:
        environment = before  # nothing was measured since
    else:
        environment = here
    if "merged" in before:
        # of the cells that came from elsewhere
        return {**environment, "merged": before["merged"]}
    return environment


def _seeds_on_top(suite: Suite, before: RecordFile | None) -> Callable[[str], set[int]]:
    """Seeds of a cell that stay asked for beside those of this run.

    Where seeds were named for one run (`--seeds`) these are the file's, and what was asked for
    before.
    """
    if suite.own_seeds is None:
        return lambda key: set()
    own = set(suite.own_seeds)
    cells = [] if before is None else before.cells
    known = {cell.key: set(cell.seed.tolist()) for cell in cells}
    return lambda key: own | known.get(key, set())


def _sorted_out(
    cells: Mapping[str, CellRecord],
    current: Mapping[str, PlannedCell],
    on_top: Callable[[str], set[int]],
) -> tuple[list[CellRecord], list[CellRecord]]:
    """The cells that stay, in the suite's order and under its labels, and what is kept apart."""
    stay, apart = [], []
    for key, one in current.items():
        if key not in cells:
            continue
        cell = replace(cells[key], **one.cell.record_fields())
        inside, outside = divided(cell, {*one.cell.seeds, *on_top(key)})
        stay += [inside] if inside else []
        apart += [outside] if outside else []
    apart += [
        replace(cell, apart=_why_apart(cell, current.values()))
        for key, cell in cells.items()
        if key not in current
    ]
    return stay, apart


def _why_apart(cell: CellRecord, current: Iterable[PlannedCell]) -> str:
    """What has changed since the cell was measured, where the suite still has one of its name."""
    name = (cell.scenario, cell.label)
    rivals = [one for one in current if (one.cell.scenario_label, one.cell.label) == name]
    if not rivals:  # the suite has no cell of this name any more
        return CELL
    changed = _changed(cell.content, rivals[0].content)
    return f"it was measured with {' and '.join(changed)}" if changed else CELL


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is otherwise in a cell's content, in words."""
    return [words for part, words in _CHANGES.items() if before.get(part) != now.get(part)]


_CHANGES = {  # in a cell's content
    "data": "other data",
    "scenario": "other options of the scenario",
    "parts": "other options",
    "protocol": "another protocol",
    "versions": "other code",
    "engine": "another engine",
}


def _joined(records: list[CellRecord]) -> CellRecord:
    """One cell; the later of two measurements stays,
    and tracebacks go when nobody is failed any more.
    """
    joined = merge_cells(records, later_wins=True)[0]
    if joined.finished.all():
        joined.faults = tuple(fault for fault in joined.faults if fault.metric)
    return joined


def _by_key(files: Iterable[RecordFile]) -> dict[str, CellRecord]:
    found: dict[str, list[CellRecord]] = {}
    for file in files:
        for cell in (*file.apart, *file.cells):
            found.setdefault(cell.key, []).append(cell)
    return {key: _joined(records) for key, records in found.items()}


def _opened(path: Path) -> RecordFile:
    try:
        return with_runs(read_record(path))
    except RecordError as error:
        raise RecordError(
            f"{error}; move {path.name} away, or choose another folder with --out"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
