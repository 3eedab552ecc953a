"""One table says what a record holds: what is read, written and documented follows from it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from clbench.records import CellRecord, Fault, RecordFile, read_record, write_file
from clbench.records.fields import CELL_FIELDS, RECORD_FIELDS, Field, Storage

GUIDE = (Path(__file__).parents[2] / "docs" / "records.md").read_text()
# Of a cell, what is its group's name, and what has more than one dataset.
OTHERS = {"key", "seed", "entries", "stored"}
S, T = 2, 3
# A value of every field that is not as usual.
VALUES: dict[str, Any] = {
    "scenario": "split",
    "strategy": "er",
    "label": "er(memory=5)",
    "options": {"memory": 5},
    "protocol": {"epochs": 1},
    "content": {"data": "f00d"},
    "probes": {"rank": {"version": "1"}},
    "chance": {"task": 0.5},
    "test_images": 357,
    "declared": ("oracle",),
    "trained_together": 2,
    "about": "It keeps samples.",
    "papers": {"er": "Chaudhry et al. 2019"},
    "defaults": {"memory": 200},
    "form": "loop",
    "graphs": "captured",
    "status": "partial",
    "faults": (Fault("no units", "rank", undefined=True), Fault("Traceback")),
    "apart": "it was measured with other code",
    "agent": np.array([1, 1]),
    "run": np.array(["r1", "r2"], dtype=object),
    "member_status": np.array(["done", "failed"], dtype=object),
    "diverged_at": np.array([-1, 7]),
    "accuracy": np.full((S, T + 1, T), 0.5),
    "accuracy_before": np.full((S, T), 0.25),
    "loss": np.full((S, T), 0.125),
    "metrics": {"rank": np.ones((S, T))},
    "notes": {"shift": np.ones((S, T + 1, T))},
    "curves": {"strain": np.ones((S, 5))},
    "cost": {"train_seconds": np.ones(S)},
    "metric_seconds": {"rank": np.ones(S)},
    "kept": {"weights": np.array([1, 0])},
}


def name_of(one: Field) -> str:
    return one.name


def test_every_field_of_a_cell_is_in_the_table() -> None:
    known = {one.name for one in fields(CellRecord)}
    assert known - OTHERS == set(map(name_of, CELL_FIELDS))


def test_every_field_of_a_record_is_in_the_table() -> None:
    others = {"schema_version", "cells", "apart", "looks"}  # groups, and what tells the layout
    known = {one.name for one in fields(RecordFile)} - others
    assert known == set(map(name_of, RECORD_FIELDS))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[CellRecord, CellRecord]:
    """A cell in which nothing is as usual, and what is read of it."""
    path = tmp_path_factory.mktemp("fields") / "r.h5"
    cell = CellRecord("k", seed=np.arange(S), **VALUES)
    write_file(path, RecordFile(2, "demo", "", {}, [cell]))
    return cell, read_record(path).cells[0]


@pytest.mark.parametrize("one", CELL_FIELDS, ids=name_of)
def test_what_is_written_of_a_field_is_read(
    one: Field, both: tuple[CellRecord, CellRecord]
) -> None:
    written, read = (getattr(cell, one.name) for cell in both)
    np.testing.assert_equal(read, written)


def test_what_is_as_usual_is_read_as_usual(tmp_path: Path) -> None:
    accuracy = np.zeros((S, T + 1, T))
    cell = CellRecord("k", "split", "er", "er", np.arange(S), accuracy)
    write_file(tmp_path / "r.h5", RecordFile(2, "demo", "", {}, [cell]))
    (read,) = read_record(tmp_path / "r.h5").cells
    for one in CELL_FIELDS:
        np.testing.assert_equal(getattr(read, one.name), getattr(cell, one.name))
    with h5py.File(tmp_path / "r.h5") as file:
        absent = {one.name for one in CELL_FIELDS if not one.always}
        assert not absent & set(file["cells/k"].attrs)


@pytest.mark.parametrize("one", [*RECORD_FIELDS, *CELL_FIELDS], ids=name_of)
def test_the_guide_has_a_row_for_every_field(one: Field) -> None:
    if one.storage is Storage.FOLDER:
        rows = [line for line in GUIDE.splitlines() if line.startswith(f"| `{one.name}/")]
    else:
        rows = [line for line in GUIDE.splitlines() if line.startswith(f"| `{one.name}` |")]
    assert any(row.endswith(f"| {one.about} |") for row in rows)
