"""A record as a file that other programs read."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clbench.errors import UnknownName, UserError
from clbench.records import CellRecord, Fault, RecordFile, Results
from clbench.records.exporting import (
    Csv,
    ExportFormat,
    Json,
    Parquet,
    clbench_exports,
    export,
)
from clbench.records.fields import CELL_FIELDS
from tests.records.asking import FakeHost, make

NAN = np.nan


class Exporting(FakeHost):
    """Those metrics, and the formats that come with clbench."""

    def offering(self, kind: str) -> Exporting:
        assert kind == "export"
        return self

    def names(self, kind: str) -> list[str]:
        return []

    def get(self, kind: str, name: str) -> Any:
        known = {one.__name__.lower(): one for one in clbench_exports()}
        if name not in known:
            raise UnknownName(kind, name, known)
        return known[name]


def asked(*cells: CellRecord, **changes: Any) -> Results:
    known: dict[str, Any] = {"suite": "demo", "suite_text": "", "environment": {}, **changes}
    return Results(RecordFile(2, cells=list(cells), **known), Exporting())  # type: ignore[arg-type]


def plain(results: Results) -> dict[str, Any]:
    """What the JSON says; anything that JSON does not know is an error."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found: dict[str, Any] = json.loads(Json().export(results), parse_constant=refuse)
    return found


# ---------------------------------------------------------------------- by name


def test_formats_are_found_by_name() -> None:
    one = asked(make("er", metrics={"gone": np.ones((2, 2))}))
    assert export(one, "csv") == Csv().export(one)
    with pytest.raises(UnknownName, match="xlsx"):
        export(one, "xlsx")


def test_only_parquet_is_nothing_for_a_terminal() -> None:
    assert {one.__name__: one.binary for one in clbench_exports()} == {
        "Csv": False,
        "Parquet": True,
        "Json": False,
    }


def test_a_format_that_exports_nothing_says_so() -> None:
    class Empty(ExportFormat):
        """Nothing."""

    with pytest.raises(NotImplementedError, match=r"Empty does not define export\(results\)"):
        Empty().export(asked())


# ---------------------------------------------------------------------- tables


def test_a_csv_is_the_frame() -> None:
    one = asked(make("er", metrics={"gone": np.array([[0.5, NAN], [1.0, 2.0]])}))
    back = pd.read_csv(io.BytesIO(Csv().export(one)))
    frame = one.frame()
    assert list(back.columns) == list(frame.columns)
    np.testing.assert_array_equal(back["value"], frame["value"])
    assert back["task"].isna().tolist() == frame["task"].isna().tolist()


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_a_name_that_a_spreadsheet_would_compute_is_inert(sign: str) -> None:
    name = f"{sign}HYPERLINK(1)"
    one = asked(make(name, scenario=name, metrics={name: np.ones((2, 2))}))
    text = Csv().export(one).decode()
    assert f",{sign}" not in text
    assert not any(line.startswith(sign) for line in text.splitlines())
    assert "HYPERLINK" in text


def test_an_empty_record_is_a_table_without_rows() -> None:
    text = Csv().export(asked()).decode()
    assert text == "scenario,strategy,seed,agent,metric,task,value\n"
    assert plain(asked())["rows"] == []


def test_parquet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'clbench\[parquet\]'"):
        Parquet().export(asked())


# ---------------------------------------------------------------------- JSON


def test_json_has_what_is_known_of_the_suite() -> None:
    found = plain(
        asked(
            make("er"),
            suite_text="name: é\n",
            environment={"python": "3"},
            metrics=(("late", {"window": 2}), ("gone", {})),
            metric_facts={"late": {"metric": "drift"}},
            runs=({"id": "r1"},),
        )
    )
    assert (found["suite"], found["suite_text"], found["schema_version"]) == (
        "demo",
        "name: é\n",
        2,
    )
    assert found["metrics"] == [
        {"name": "late", "options": {"window": 2}, "metric": "drift"},
        {"name": "gone", "options": {}},
    ]
    assert (found["runs"], found["environment"]) == ([{"id": "r1"}], {"python": "3"})


def test_json_has_every_field_that_is_exported() -> None:
    fault = Fault("no units", "rank", undefined=True)
    [cell] = plain(asked(make("er", faults=(fault,), options={"memory": 5})))["cells"]
    exported = {one.name for one in CELL_FIELDS if one.exported}
    assert set(cell) == {"key", "seed", "errors", *exported}
    assert (cell["seed"], cell["options"]) == ([0, 1], {"memory": 5})
    assert cell["errors"] == ["metric rank: Undefined: no units"]


def test_rows_are_those_of_the_frame_with_null_for_what_is_missing() -> None:
    rows = plain(asked(make("er", metrics={"gone": np.array([[0.5, NAN], [1.0, np.inf]])})))["rows"]
    task_2 = [(row["seed"], row["value"]) for row in rows if row["task"] == 2]
    assert task_2 == [(0, None), (1, None)]
    assert {row["task"] for row in rows} == {None, 1, 2}


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (NAN, None),
        (-np.inf, None),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.float64(NAN), None),
        ((1, [NAN]), [1, [None]]),
        ({3: {"a": NAN}}, {"3": {"a": None}}),
        (True, True),
        ({"é"}, "{'é'}"),
    ],
)
def test_what_json_does_not_know_is_null_or_text(value: Any, read: Any) -> None:
    [cell] = plain(asked(make("er", options={"a": value})))["cells"]
    assert cell["options"]["a"] == read
