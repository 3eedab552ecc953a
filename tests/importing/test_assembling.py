"""Runs of another library become cells: by configuration, with a member a seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import clbench
from clbench.errors import RecordError
from clbench.importing import Imported, ImportedRun, assemble
from clbench.records import read_record, write_file

RUN = ImportedRun(
    strategy="der",
    scenario="seq-mnist",
    seed=3,
    accuracy=np.array([[np.nan, np.nan], [0.9, np.nan], [0.2, 0.8]]),
    source="logs.pyd, line 1",
    options={"alpha": 0.1},
    protocol={"epochs": 1},
    facts={"date": "2026-04-01"},
)
BETTER = RUN.accuracy + 0.1


def assembled(*runs: ImportedRun) -> Imported:
    return assemble(runs, suite="theirs", origin={"imported": "mammoth"}, metric_facts={})


def test_seeds_of_one_configuration_are_one_cell_sorted() -> None:
    second = replace(RUN, seed=1, accuracy=BETTER, source="logs.pyd, line 2")
    (cell,) = assembled(RUN, second).record.cells
    assert cell.seed.tolist() == [1, 3]
    assert (cell.label, cell.options, cell.content) == ("der", {"alpha": 0.1}, {})
    np.testing.assert_array_equal(cell.accuracy, np.stack([BETTER, RUN.accuracy]))


def test_configurations_are_told_apart_by_what_differs() -> None:
    other = replace(RUN, options={"alpha": 0.5})
    longer = replace(RUN, protocol={"epochs": 5})
    cells = assembled(RUN, other, longer).record.cells
    labels = [cell.label for cell in cells]
    assert labels == [
        "der[epochs=1, alpha=0.1]",
        "der[epochs=1, alpha=0.5]",
        "der[epochs=5, alpha=0.1]",
    ]
    assert len({cell.key for cell in cells}) == 3


def test_a_run_that_is_there_twice_counts_once() -> None:
    again = replace(RUN, source="logs.pyd, line 9")
    imported = assembled(RUN, again)
    assert [cell.members for cell in imported.record.cells] == [1]
    assert imported.repeated == ("der, seed 3: logs.pyd, line 9 repeats logs.pyd, line 1",)


def test_a_run_that_is_there_twice_with_other_numbers_is_refused() -> None:
    other = replace(RUN, accuracy=BETTER, source="logs.pyd, line 9")
    with pytest.raises(RecordError, match=r"seed 3: logs\.pyd, line 1 and logs\.pyd, line 9 have"):
        assembled(RUN, other)


def test_streams_of_two_lengths_are_no_one_scenario() -> None:
    short = replace(RUN, seed=4, options={}, accuracy=np.full((2, 1), 0.5), source="b")
    with pytest.raises(RecordError, match=r"2 tasks in logs\.pyd, line 1 and 1 in b"):
        assembled(RUN, short)


@pytest.mark.parametrize("accuracy", [1.2, -0.1, np.inf])
def test_an_accuracy_that_is_none_is_refused(accuracy: float) -> None:
    with pytest.raises(RecordError, match=r"logs.pyd, line 1: an accuracy of \S+ % is none"):
        assembled(replace(RUN, accuracy=np.full((3, 2), accuracy)))


def test_nothing_to_import_is_said() -> None:
    with pytest.raises(RecordError, match="there is no finished run in these files"):
        assembled()


def test_each_run_says_where_it_came_from(tmp_path: Path) -> None:
    record = assembled(RUN, replace(RUN, seed=4, facts={"date": "2026-04-02"})).record
    write_file(tmp_path / "theirs.h5", record)
    read = read_record(tmp_path / "theirs.h5")
    dates = {run["id"]: run["date"] for run in read.runs}
    assert [dates[run] for run in read.cells[0].run] == ["2026-04-01", "2026-04-02"]
    assert {run["imported"] for run in read.runs} == {"mammoth"}


def test_a_bound_is_marked() -> None:
    (cell,) = assembled(replace(RUN, bound=True)).record.cells
    assert cell.is_bound


def test_the_record_is_compared_like_any_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    runs = []
    for name, shift in (("good", 0.3), ("bad", 0.0)):
        for seed in range(8):
            accuracy = RUN.accuracy * 0.5 + shift + 0.01 * rng.random()
            runs.append(replace(RUN, strategy=name, seed=seed, accuracy=accuracy))
    write_file(tmp_path / "theirs.h5", assembled(*runs).record)
    compared = clbench.compare(tmp_path / "theirs.h5")
    assert [(pair.a, pair.b) for pair in compared.pairs] in ([("good", "bad")], [("bad", "good")])
    assert compared.pairs[0].p_adjusted < 0.05
