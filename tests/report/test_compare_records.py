"""Several records in one comparison, and when they are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import clbench
from clbench.errors import RecordError
from tests.report.built import said


def test_records_of_one_suite_are_one(made, tmp_path: Path) -> None:
    whole = made.three()
    parts = [
        made.save(tmp_path / f"{k}.h5", cell, text="name: demo") for k, cell in enumerate(whole)
    ]
    assert clbench.compare(parts).to_json() == made.compared(*whole).to_json()


def test_suites_with_the_same_streams_and_budget_are_ranked_together(made) -> None:
    other = made.results(made.cell("mine", made.draw(0.95, 12, 4)), suite="mine")
    found = clbench.compare([made.results(*made.three()), other])
    assert [row.strategy for row in found.summary][:2] == ["mine", "good"]
    assert found.mixed == ()


def test_the_same_streams_under_another_label_are_the_same(made) -> None:
    cell = made.cell(
        "mine",
        made.draw(0.95, 12, 4),
        "elsewhere",
        content={"scenario": ["split", {}], "data": "f00d"},
    )
    found = clbench.compare([made.results(*made.three()), made.results(cell, suite="mine")])
    assert found.scenarios == ["split"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"protocol": {"epochs": 5}}, "length of a task: 1 epochs in demo; 5 epochs in mine"),
        ({"protocol": {"epochs": None, "steps": 100}}, "1 epochs in demo; 100 steps in mine"),
        ({"protocol": {"batch_size": 64}}, "batch_size: 32 in demo; 64 in mine"),
        ({"protocol": {"augment": "flip"}}, "augment: none in demo; flip in mine"),
        ({"protocol": {"precision": "bf16"}}, "precision: fp32 in demo; bf16 in mine"),
        ({"protocol": {"pad": 2}}, "streams: .* in demo; .*, images padded by 2 in mine"),
        (
            {"protocol": {"model": {"cnn": {}}}},
            r"model: mlp\(hidden=\[100\]\) in demo; cnn in mine",
        ),
        ({"content": {"scenario": ["split", {"tasks": 10}], "data": "f00d"}}, "streams:"),
        (
            {"content": {"scenario": ["split", {}], "data": "beef"}},
            "data: f00d in demo; beef in mine",
        ),
        ({"content": {}}, "not stated in mine: streams, data"),
    ],
)
def test_what_is_not_comparable_is_refused_with_what_differs(
    made, changes: dict[str, Any], words: str
) -> None:
    changes = {
        name: made.protocol | value if name == "protocol" else value
        for name, value in changes.items()
    }
    pair_of = [
        made.results(*made.three()),
        made.results(made.cell("mine", made.draw(0.95, 12, 4), **changes), suite="mine"),
    ]
    with pytest.raises(RecordError, match=f"(?s)cannot be ranked together.*{words}.*--force-mixed"):
        clbench.compare(pair_of)
    found = clbench.compare(pair_of, force_mixed=True)
    assert found.text[0].startswith(
        "Mixed records, ranked together because that was insisted on; they differ: split: "
    )
    assert found.mixed


def test_an_optimiser_is_a_methods_own_and_shown(made) -> None:
    other = made.cell(
        "mine", made.draw(0.95, 12, 4), protocol=made.protocol | {"optimizer": {"sgd": {"lr": 0.5}}}
    )
    found = clbench.compare([made.results(*made.three()), made.results(other, suite="mine")])
    assert (
        "Protocols differ, by declaration: mine: optimizer.sgd.lr 0.5 instead of none (split)."
        in found.text
    )


def test_within_a_suite_budgets_may_differ_and_are_shown(made) -> None:
    long = made.cell("long", made.draw(0.95, 12, 4), protocol=made.protocol | {"epochs": 5})
    assert "long: epochs 5 instead of 1 (split)" in said(made.compared(*made.three(), long))


def test_what_two_suites_call_alike_is_told_apart(made) -> None:
    other = made.cell(
        "good",
        made.draw(0.95, 12, 4),
        content={"scenario": ["split", {}], "data": "f00d", "versions": "2"},
    )
    other.key = "another"
    found = clbench.compare([made.results(*made.three()), made.results(other, suite="mine")])
    assert [row.strategy for row in found.summary] == [
        "good [mine]",
        "good [demo]",
        "middle",
        "poor",
    ]


def test_runs_that_are_in_both_records_count_once(made) -> None:
    first, second = made.results(*made.three()), made.results(*made.three(), suite="again")
    assert {row.n for row in clbench.compare([first, second]).summary} == {12}


def test_foreign_cells_of_one_name_do_not_collide(made) -> None:
    plain: dict[str, Any] = {"content": {}, "protocol": {}}
    both = [made.cell("er", made.draw(0.7, 6, k), **plain) for k in range(2)]
    both[1].key = "other"
    assert len({row.strategy for row in made.compared(*both).summary}) == 2
