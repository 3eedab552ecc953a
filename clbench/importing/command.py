"""From files to a record: what `clbench import` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from clbench.errors import RecordError
from clbench.host import Host
from clbench.importing.assembling import METRICS, Imported, assemble
from clbench.importing.importer import ImportedRun, Importer
from clbench.options import plain_options
from clbench.records.metric_facts import facts_of
from clbench.records.writing import write_file


def import_files(
    form: str,
    paths: Sequence[Path],
    out: Path,
    host: Host,
    options: Mapping[str, Any],
    *,
    scenario: str | None = None,
) -> tuple[Importer, Imported]:
    """Read the files with the importer of this name, and write the record.

    An existing file is never replaced.
    """
    kind = host.get("importer", form)
    importer: Importer = kind(**plain_options(kind, options))
    if out.exists():
        raise RecordError(f"{out} exists; choose another name with --out, or remove it")
    imported = assemble(
        _renamed(importer.read(paths), scenario),
        suite=out.stem,
        origin=_origin(form, paths, importer),
        metric_facts=_facts(host),
    )
    write_file(out, imported.record)
    return importer, imported


def _renamed(runs: Iterable[ImportedRun], scenario: str | None) -> Iterable[ImportedRun]:
    """The runs, their streams called so where a name is given."""
    if scenario is None:
        return runs
    return (replace(run, scenario=scenario) for run in runs)


def _origin(form: str, paths: Sequence[Path], importer: Importer) -> dict[str, Any]:
    """Where the runs come from, and what files of this kind never say: comparisons tell of it."""
    origin: dict[str, Any] = {"imported": form, "files": [path.name for path in paths]}
    if importer.unsaid:
        origin["unsaid"] = list(importer.unsaid)
    return origin


def _facts(host: Host) -> dict[str, dict[str, Any]]:
    """Of those metrics that are installed; they always are, but where nothing is built in."""
    known = [name for name in METRICS if name in host.names("metric")]
    return {name: facts_of(host.get("metric", name), name) for name in known}
