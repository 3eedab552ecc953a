"""A change that moves the engine's numbers raises `ENGINE_VERSION`, which is part of every cell's
key.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clbench.host import Host
from clbench.suite import ENGINE_VERSION
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.protocol import Protocol
from tests.engine import reference


def test_the_numbers_of_the_engine_are_those_of_its_version(host: Host) -> None:
    """See tests/engine/reference.py for why these numbers are equal on every processor."""
    kept = reference.kept()
    again = "raise ENGINE_VERSION in clbench/suite/cell.py, then `python -m tests.engine.reference`"
    moved = reference.difference(reference.measure(host), kept["runs"])
    assert moved is None, f"the engine's numbers have moved ({moved}): {again}"
    assert kept["engine_version"] == ENGINE_VERSION, "run `python -m tests.engine.reference`"


def test_a_rate_that_is_a_ten_millionth_off_is_noticed(host: Host) -> None:
    name = "mlp, sgd"
    strategy, scenario, protocol, form = reference.configurations(host)[name]
    optimizer = {"sgd": {**protocol["optimizer"]["sgd"], "lr": 0.05 * (1 + 1e-7)}}
    run = reference.measure_one(
        host, strategy, scenario, {**protocol, "optimizer": optimizer}, form
    )
    moved = reference.difference({name: run}, {name: reference.kept()["runs"][name]})
    assert moved is not None
    assert moved.startswith("mlp, sgd: weights differ")


def test_other_numbers_are_not_written_under_the_same_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "reference.json"
    monkeypatch.setattr(reference, "PLACE", place)
    numbers: dict[str, Any] = {"one": {"accuracy": [0.5], "weights": [1.0]}}
    monkeypatch.setattr(reference, "measure", lambda host: numbers)
    reference.main()
    numbers["one"]["weights"] = [1.0 + 1e-6]
    with pytest.raises(SystemExit, match="raise ENGINE_VERSION"):
        reference.main()
    monkeypatch.setattr(reference, "ENGINE_VERSION", ENGINE_VERSION + 1)
    reference.main()
    assert json.loads(place.read_text())["engine_version"] == ENGINE_VERSION + 1


def test_the_version_of_the_engine_is_part_of_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(Choice("split", {}), "split", (Choice("er", {}),), "er", Protocol(), (), (0,))
    before = cell.key("data", {})
    monkeypatch.setattr("clbench.suite.cell.ENGINE_VERSION", ENGINE_VERSION + 1)
    assert cell.key("data", {}) != before
    assert cell.content("data", {})["engine"] == ENGINE_VERSION + 1
