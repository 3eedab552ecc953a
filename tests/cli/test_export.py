"""`clbench export`: a record as a table for other programs."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

import clbench
from clbench.records import read_record

from .records import cell, record


def test_csv_lies_beside_the_record_and_is_the_tidy_frame(project) -> None:
    path = record(project.folder / "r.h5", cell([0, 1]))
    answer = project.clbench("export", "r.h5", "--to", "csv")
    assert (answer.code, answer.stdout) == (0, ""), answer.stderr
    table = pd.read_csv(project.folder / "r.csv")
    frame = clbench.load(path).frame()
    assert list(table.columns) == list(frame.columns)
    np.testing.assert_allclose(table["value"], frame["value"])


def test_json_is_valid_and_has_what_is_known_of_the_cells(project) -> None:
    record(project.folder / "r.h5", cell([0, 1]))
    answer = project.clbench("export", "r.h5", "--to", "json", "--out", "-")
    whole = json.loads(
        answer.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON")
    )
    assert (whole["suite"], whole["cells"][0]["options"], whole["cells"][0]["seed"]) == (
        "tiny",
        {"memory": 5},
        [0, 1],
    )
    missing = [row for row in whole["rows"] if row["metric"] == "intransigence"]
    assert missing[0] == {
        "scenario": "split",
        "strategy": "er",
        "seed": 0,
        "agent": 0,
        "metric": "intransigence",
        "task": None,
        "value": None,
    }


def test_parquet_without_pyarrow_says_how_to_get_it(
    project, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(project.folder / "r.h5", cell([0]))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = project.clbench("export", "r.h5", "--to", "parquet")
    assert (answer.code, answer.stderr) == (
        2,
        "error: parquet files need pyarrow; install it with: pip install 'clbench[parquet]'\n",
    )


def test_parquet_is_the_tidy_frame(project) -> None:
    pytest.importorskip("pyarrow")
    path = record(project.folder / "r.h5", cell([0, 1]))
    assert project.clbench("export", "r.h5", "--to", "parquet", "--out", "t.parquet").code == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(project.folder / "t.parquet"), clbench.load(path).frame()
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["r.h5", "--to", "xlsx"], "unknown export 'xlsx'"),
        (["absent.h5", "--to", "csv"], "absent.h5: there is no such file"),
        (["r.h5", "--to", "csv", "--out", "r.h5"], "r.h5 is the record itself"),
        (["r.h5", "--to", "csv", "--out", "no/where.csv"], "the folder does not exist"),
    ],
)
def test_what_cannot_be_exported_is_exit_2(project, arguments: list[str], said: str) -> None:
    record(project.folder / "r.h5", cell([0]))
    answer = project.clbench("export", *arguments)
    assert answer.code == 2
    assert said in answer.stderr
    assert len(read_record(project.folder / "r.h5").cells) == 1
