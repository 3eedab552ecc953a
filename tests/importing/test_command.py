"""From files to a record: what `clbench import` does, with an importer that makes runs up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from clbench.errors import RecordError, UserError
from clbench.host import Host
from clbench.importing import ImportedRun, Importer
from clbench.importing.assembling import METRICS
from clbench.importing.command import import_files
from clbench.records import RecordFile, read_record


class Counting(Importer):
    """A run for each file; it says nothing of the order of classes."""

    unsaid: ClassVar[tuple[str, ...]] = ("the order of classes",)
    accuracy: float = 0.5  # of every task

    def read(self, paths: Sequence[Path]) -> Iterator[ImportedRun]:
        for seed, path in enumerate(paths):
            accuracy = np.full((3, 2), self.accuracy)
            yield ImportedRun("der", "theirs", seed, accuracy, str(path))


class Silent(Counting):
    """The same, with nothing that is known to be unsaid."""

    unsaid: ClassVar[tuple[str, ...]] = ()


class StubHost:
    """Offers the two importers, and the metrics of the installed plugins."""

    def __init__(self, metrics: Sequence[str] = METRICS) -> None:
        self.real = Host.load(only="metric")
        self.metrics = metrics

    def get(self, kind: str, name: str) -> Any:
        importers = {"counting": Counting, "silent": Silent}
        return importers[name] if kind == "importer" else self.real.get(kind, name)

    def names(self, kind: str) -> list[str]:
        return list(self.metrics)


def imported(
    out: Path, *files: str, form: str = "counting", host: Any = None, **given: Any
) -> RecordFile:
    """What is on disk afterwards."""
    paths = [Path(name) for name in files or ("a.log", "b.log")]
    options = given.pop("options", {})
    import_files(form, paths, out, host or StubHost(), options, **given)
    return read_record(out)


def test_a_record_of_all_runs_is_written(tmp_path: Path) -> None:
    record = imported(tmp_path / "theirs.h5")
    (cell,) = record.cells
    assert record.suite == "theirs"
    assert (cell.strategy, cell.scenario, cell.seed.tolist()) == ("der", "theirs", [0, 1])


def test_the_importer_and_what_came_of_it_are_given_back(tmp_path: Path) -> None:
    host: Any = StubHost()
    importer, found = import_files("counting", [Path("a.log")], tmp_path / "r.h5", host, {})
    assert isinstance(importer, Counting)
    assert found.repeated == ()
    assert [cell.members for cell in found.record.cells] == [1]


def test_options_of_the_importer_are_set(tmp_path: Path) -> None:
    (cell,) = imported(tmp_path / "r.h5", options={"accuracy": 0.25}).cells
    assert cell.accuracy is not None
    assert np.unique(cell.accuracy).tolist() == [0.25]


def test_a_wrong_option_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="acuracy"):
        imported(tmp_path / "r.h5", options={"acuracy": 0.25})
    assert not (tmp_path / "r.h5").exists()


def test_streams_can_be_given_another_name(tmp_path: Path) -> None:
    (cell,) = imported(tmp_path / "r.h5", scenario="mine").cells
    assert cell.scenario == "mine"


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "r.h5"
    out.write_text("mine")
    with pytest.raises(RecordError, match="exists; choose another name with --out, or remove it"):
        imported(out)
    assert out.read_text() == "mine"


def test_the_record_says_where_it_came_from(tmp_path: Path) -> None:
    record = imported(tmp_path / "r.h5", "logs/a.log", "b.log")
    assert record.environment == {
        "imported": "counting",
        "files": ["a.log", "b.log"],  # names, not the folders of somebody's machine
        "unsaid": ["the order of classes"],
    }


def test_what_is_not_known_to_be_unsaid_is_not_mentioned(tmp_path: Path) -> None:
    assert "unsaid" not in imported(tmp_path / "r.h5", form="silent").environment


def test_the_usual_metrics_are_asked_for_where_they_are_offered(tmp_path: Path) -> None:
    every = imported(tmp_path / "every.h5")
    assert [name for name, _ in every.metrics] == list(METRICS)
    one: Any = StubHost(["forgetting", "another"])
    assert [name for name, _ in imported(tmp_path / "one.h5", host=one).metrics] == ["forgetting"]


def test_nothing_to_import_leaves_no_file(tmp_path: Path) -> None:
    host: Any = StubHost()
    with pytest.raises(RecordError, match="there is no finished run in these files"):
        import_files("counting", [], tmp_path / "r.h5", host, {})
    assert not (tmp_path / "r.h5").exists()
