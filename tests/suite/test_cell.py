"""A cell: plain data for a worker, facts for a record, and a key of what can change its numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from clbench.records.cell import FIELD_NAMES
from clbench.suite.cell import ADDED, ENGINE_VERSION, Cell
from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.protocol import Protocol

CELL = Cell(
    scenario=Choice("split", {"dataset": "digits", "tasks": 5}),
    scenario_label="digits",
    parts=(Choice("er", {"memory": 5}),),
    label="er(memory=5)",
    protocol=Protocol(),
    metrics=(MetricChoice("drift", {"window": 2}, "late"),),
    seeds=(0, 1, 5),
)
COMPOSED = replace(CELL, parts=(Choice("er", {"memory": 5}), Choice("ewc", {})))


def key(cell: Cell, fingerprint: str = "f00d", **versions: str) -> str:
    return cell.key(fingerprint, versions)


# ---------------------------------------------------------------------- what it is


def test_a_composition_names_its_parts_in_order() -> None:
    assert (CELL.strategy, CELL.options) == ("er", {"memory": 5})
    assert COMPOSED.strategy == "er+ewc"
    assert COMPOSED.options == {"er": {"memory": 5}, "ewc": {}}


@pytest.mark.parametrize("cell", [CELL, COMPOSED, replace(CELL, metrics=(), seeds=())])
def test_a_cell_travels_as_json(cell: Cell) -> None:
    assert Cell.from_plain(json.loads(json.dumps(cell.to_plain()))) == cell


def test_what_is_said_of_it_in_a_record_are_fields_of_records() -> None:
    told = CELL.record_fields()
    assert set(told) <= FIELD_NAMES
    assert (told["scenario"], told["strategy"], told["label"]) == ("digits", "er", "er(memory=5)")
    assert told["options"] == {"memory": 5}
    assert told["protocol"] == dict(CELL.protocol)


# ---------------------------------------------------------------------- its key


def changed_protocol(**changes: Any) -> Cell:
    return replace(CELL, protocol=CELL.protocol.with_changes(**changes))


@pytest.mark.parametrize(
    "other",
    [
        replace(CELL, scenario=Choice("split", {"dataset": "digits", "tasks": 2})),
        replace(CELL, scenario=Choice("permuted", dict(CELL.scenario.options))),
        replace(CELL, parts=(Choice("er", {"memory": 6}),)),
        replace(CELL, parts=(Choice("ewc", {"memory": 5}),)),
        COMPOSED,
        changed_protocol(epochs=3),
        changed_protocol(restore="best"),
        changed_protocol(pad=4),
    ],
)
def test_whatever_can_change_the_numbers_changes_the_key(other: Cell) -> None:
    assert key(other) != key(CELL)


@pytest.mark.parametrize(
    "other",
    [
        replace(CELL, label="another", scenario_label="another"),
        replace(CELL, seeds=(7,)),
        replace(CELL, metrics=()),
        changed_protocol(keep=["weights"]),
        replace(CELL, scenario=Choice("split", {"tasks": 5, "dataset": "digits"})),
    ],
)
def test_what_cannot_change_them_does_not(other: Cell) -> None:
    assert key(other) == key(CELL)


def test_data_and_code_are_part_of_the_key() -> None:
    keys = {key(CELL), key(CELL, "beef"), key(CELL, er="1"), key(CELL, er="2")}
    assert len(keys) == 4
    assert key(CELL, a="1", b="2") == key(CELL, b="2", a="1")


def test_the_order_of_a_composition_is_part_of_the_key() -> None:
    assert key(COMPOSED) != key(replace(COMPOSED, parts=COMPOSED.parts[::-1]))


def test_keys_that_came_later_leave_the_keys_of_old_records() -> None:
    content = CELL.content("f00d", {})
    assert not set(ADDED) & set(content["protocol"])
    assert content["protocol"]["keep"] == []
    for name, value in {"restore": "best", "pad": 4}.items():
        later = changed_protocol(**{name: value}).content("f00d", {})
        assert later["protocol"][name] == value


def test_the_content_can_be_read_and_hashed() -> None:
    content = CELL.content("f00d", {"er": "1.0"})
    assert json.loads(json.dumps(content)) == content
    assert (content["data"], content["versions"]) == ("f00d", {"er": "1.0"})
    assert content["engine"] == ENGINE_VERSION
    assert content["parts"] == [["er", {"memory": 5}]]
    assert len(key(CELL)) == 16
    assert set(key(CELL)) <= set("0123456789abcdef")
