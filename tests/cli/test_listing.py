"""`clbench list`: a row a name, for people and for programs."""

from __future__ import annotations

import json

import pytest

from clbench.cli.listing import IMPORTED, SINGULAR, Kinds, Row, _as_objects, _imported, list_names
from clbench.host import KINDS, Host
from clbench.suite.packaged import packaged_suites


def test_every_kind_of_the_host_has_its_plural_and_suites_are_the_only_ones_beside() -> None:
    singular = [SINGULAR.get(kind.value, kind.value.removesuffix("s")) for kind in Kinds]
    assert set(singular) == {*KINDS, "suite"}
    assert len(singular) == len(set(singular))


def test_a_row_is_an_object_for_programs() -> None:
    rows = [Row("er", "Replay.", "clbench 1")]
    assert _as_objects(rows) == [{"name": "er", "doc": "Replay.", "origin": "clbench 1"}]
    assert _as_objects([]) == []


def test_data_that_a_plugin_knows_is_not_listed_a_second_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clbench.data.imported_names", lambda data: ["mine", "digits", "a"])
    host = Host.load(only="dataset")
    assert _imported(host, None) == [Row("a", "", IMPORTED), Row("mine", "", IMPORTED)]


def test_one_kind_has_no_heading_and_all_kinds_have_theirs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    list_names(Kinds.exports)
    one = capsys.readouterr().out.splitlines()
    assert one[0].split() == ["name", "what", "it", "is", "from"]
    assert [line.split()[0] for line in one[1:]] == ["csv", "json", "parquet"]
    list_names()
    every = capsys.readouterr().out
    headings = [part.splitlines()[0] for part in every.split("\n\n")]
    assert headings == [kind.value for kind in Kinds]


def test_suites_are_those_that_come_with_clbench(capsys: pytest.CaptureFixture[str]) -> None:
    list_names(Kinds.suites, as_json=True)
    (rows,) = json.loads(capsys.readouterr().out).values()
    assert [row["name"] for row in rows] == list(packaged_suites())
    assert all(row["doc"].endswith(".") for row in rows)


def test_a_kind_that_nobody_offers_is_said_to_be_empty(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = Host()
    monkeypatch.setattr(Host, "load", lambda plugins: empty)
    list_names(Kinds.models)
    assert capsys.readouterr().out == "no models\n"
