"""A record that was written before schema 2 (`version_1.h5`) opens, shows, compares, merges,
exports.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console

import clbench
from clbench.records import Fault, Results, read_record, version_1, write_file
from clbench.records.combining import merge_records
from clbench.records.exporting import export
from clbench.report.compare_formats import render
from clbench.report.terminal import summary_table

HERE = Path(__file__).parent
UNDEFINED = Fault("the network has no hidden layers", "effective_rank", undefined=True)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of the record, which tests may write to."""
    return Path(shutil.copy(HERE / "version_1.h5", tmp_path / "old.h5"))


def printed(results: Results) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(summary_table(results))
    return capture.get()


def test_its_sentences_are_read_as_faults(old: Path) -> None:
    record = read_record(old)
    _, er, ewc, _, bad = record.cells
    assert record.schema_version == 1
    assert er.faults == (UNDEFINED,)
    assert er.troubles == ()
    assert [(fault.metric, fault.reason) for fault in ewc.troubles] == [
        ("", "Traceback (most recent call last):"),
        ("effective_rank", "ValueError: no ranks"),
    ]
    assert bad.errors == ("Traceback\nRuntimeError: out of memory",)


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("Traceback\nValueError: metric x: y", Fault("Traceback\nValueError: metric x: y")),
        ("metric x: KeyError: y\nTraceback", Fault("KeyError: y\nTraceback", "x")),
        ("metric x(2): Undefined: no units", Fault("no units", "x(2)", undefined=True)),
    ],
)
def test_a_sentence_and_its_fault_say_the_same(sentence: str, fault: Fault) -> None:
    assert version_1.fault_of(sentence) == fault
    assert str(fault) == sentence


def test_its_bounds_are_known_by_name(old: Path) -> None:
    assert [cell.label for cell in read_record(old).cells if cell.is_bound] == ["joint"]


def test_it_compares_as_it_did(old: Path) -> None:
    said = render(clbench.compare(old, tests="ranks"), "markdown")
    assert said + "\n" == (HERE / "version_1.compare.md").read_text()


def test_it_shows_why_numbers_are_missing(old: Path) -> None:
    shown = printed(clbench.load(old))
    assert "effective_rank of er(memory=50): the network has no hidden layers" in shown
    assert "effective_rank of ewc: it failed: ValueError: no ranks" in shown


def test_what_is_written_of_it_says_the_same(old: Path, tmp_path: Path) -> None:
    before = read_record(old)
    write_file(tmp_path / "new.h5", before)
    after = read_record(tmp_path / "new.h5")
    assert (before.schema_version, after.schema_version) == (1, 2)
    for old_cell, new_cell in zip(before.cells, after.cells, strict=True):
        assert new_cell.faults == old_cell.faults
        assert new_cell.declared == old_cell.declared
    assert export(Results(after), "csv") == export(Results(before), "csv")
    with h5py.File(tmp_path / "new.h5") as file:
        assert all("errors" not in cell.attrs for cell in file["cells"].values())


def test_it_merges_with_seeds_of_today(old: Path, tmp_path: Path) -> None:
    new = read_record(old)
    later = next(cell for cell in new.cells if cell.key == "2")
    later.seed = later.seed + 10
    later.faults = (UNDEFINED, Fault("Traceback"))
    write_file(tmp_path / "new.h5", new)
    with h5py.File(tmp_path / "new.h5", "a") as file:
        for key in set(file["cells"]) - {"2"}:
            del file["cells"][key]
    merged = merge_records([old, tmp_path / "new.h5"], tmp_path / "all.h5")
    (cell,) = (cell for cell in merged.cells if cell.key == "2")
    assert cell.seed.tolist() == [0, 1, 2, 10, 11, 12]
    assert cell.faults == (UNDEFINED, Fault("Traceback"))
    assert np.isnan(cell.metrics["effective_rank"]).all()
