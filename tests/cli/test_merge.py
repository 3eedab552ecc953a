"""`clbench merge`: several records as one, and what is refused instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.records import read_record

from .records import cell, record


def test_the_seeds_of_a_cell_unite_and_the_sources_stay_known(project) -> None:
    record(project.folder / "a.h5", cell([0, 1]), machine="one")
    record(project.folder / "b.h5", cell([1, 2]), cell([0], "k2", "naive"), machine="two")
    answer = project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5")
    assert answer.code == 0, answer.stderr
    assert "all.h5: 2 cells, 4 runs, from 2 records" in answer.stdout
    merged = read_record(project.folder / "all.h5")
    assert [(one.label, one.seed.tolist()) for one in merged.cells] == [
        ("er", [0, 1, 2]),
        ("naive", [0]),
    ]
    assert (merged.suite, merged.suite_text) == ("tiny", "name: tiny")
    assert [source["environment"] for source in merged.environment["merged"]] == [
        {"machine": "one"},
        {"machine": "two"},
    ]
    assert project.clbench("show", "all.h5").code == project.clbench("compare", "all.h5").code == 0
    record(project.folder / "c.h5", cell([3]), machine="three")
    assert project.clbench("merge", "all.h5", "c.h5", "--out", "more.h5").code == 0
    sources = read_record(project.folder / "more.h5").environment["merged"]
    assert [source["file"] for source in sources] == ["a.h5", "b.h5", "c.h5"]


@pytest.mark.parametrize(
    ("other", "dataset"),
    [({"value": 0.25}, "accuracy"), ({"curves": {"drift": np.ones((2, 3))}}, "curves/drift")],
)
def test_a_conflict_is_named_and_nothing_is_written(
    project, other: dict[str, Any], dataset: str
) -> None:
    record(
        project.folder / "a.h5",
        cell([3]),
        cell([0, 1], curves={"drift": np.zeros((2, 3))}, key="k9"),
    )
    record(project.folder / "b.h5", cell([1, 2], "k9", **other))
    answer = project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5")
    assert answer.code == 2
    assert (
        f"split, er: seed 1 was measured twice, and {dataset} differs: in a.h5 and in b.h5"
        in answer.stderr
    )
    assert not (project.folder / "all.h5").exists()


def test_costs_are_no_conflict(project) -> None:
    for name, seconds in (("a.h5", 1.0), ("b.h5", 2.0)):
        record(project.folder / name, cell([0], cost={"train_seconds": np.full((1, 2), seconds)}))
    assert project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.h5", "b.h5", "--out", "a.h5"], "a.h5 is one of the records to merge"),
        (["a.h5", "b.h5", "--out", "there.h5"], "there.h5 exists"),
        (["a.h5", "a.h5", "--out", "all.h5"], "named twice"),
        (["a.h5", "absent.h5", "--out", "all.h5"], "absent.h5: there is no such file"),
        (["a.h5"], "--out"),
    ],
)
def test_what_cannot_be_merged_is_exit_2(project, arguments: list[str], said: str) -> None:
    for name in ("a.h5", "b.h5", "there.h5"):
        record(project.folder / name, cell([0]))
    before = {path: path.read_bytes() for path in project.folder.glob("*.h5")}
    answer = project.clbench("merge", *arguments)
    assert answer.code == 2
    assert said in answer.stderr
    assert {path: path.read_bytes() for path in project.folder.glob("*.h5")} == before


def test_merging_suites_does_not_make_them_comparable(project) -> None:
    record(project.folder / "a.h5", cell([0, 1, 2], protocol={"epochs": 1}))
    record(
        project.folder / "b.h5",
        cell([0, 1, 2], "k2", protocol={"epochs": 5}),
        suite="long",
        text="name: long",
    )
    assert project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5").code == 0
    assert [one.label for one in read_record(project.folder / "all.h5").cells] == [
        "er [tiny]",
        "er [long]",
    ]
    answer = project.clbench("compare", "all.h5")
    assert answer.code == 2
    assert "length of a task: 1 epochs in tiny; 5 epochs in long" in answer.stderr


def test_foreign_cells_of_one_key_and_different_names_stay_two(project) -> None:
    for name, label in (("a.h5", "mine"), ("b.h5", "yours")):
        record(project.folder / name, cell([0], "run", label, content={}), suite=name)
    assert project.clbench("merge", "a.h5", "b.h5", "--out", "all.h5").code == 0
    assert [(one.key, one.label) for one in read_record(project.folder / "all.h5").cells] == [
        ("run", "mine"),
        ("run-2", "yours"),
    ]


def test_merge_takes_no_options_that_it_would_ignore(project) -> None:
    """It looks no name up: neither a metric's nor a data set's."""
    record(project.folder / "a.h5", cell([0]))
    for option in (["--plugin", "no.py"], ["--data", "no"]):
        answer = project.clbench("merge", "a.h5", "--out", "b.h5", *option)
        assert (answer.code, "No such option" in answer.stderr) == (2, True)
