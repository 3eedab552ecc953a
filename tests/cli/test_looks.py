"""Every comparison that somebody sees is noted in the record, or a line says why it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.records import CellRecord, RecordFile, read_record, write_file
from clbench.records.holding import hold
from clbench.records.looks import Look, append_looks

NOT_NOTED = "this look at its seeds is not noted in it"


def record(path: Path, seeds: int = 3, **environment: str) -> Path:
    cells = []
    for place, name in enumerate(("naive", "er")):
        numbers = np.random.default_rng(place).normal(0.5 + place / 4, 0.01, seeds)
        accuracy = np.broadcast_to(numbers[:, None, None], (seeds, 3, 2)).copy()
        cells.append(CellRecord(name, "split", name, name, np.arange(seeds), accuracy))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, RecordFile(2, "demo", "", environment or {"python": "3"}, cells))
    return path


def test_each_comparison_with_other_seeds_metric_or_level_is_noted_once(project) -> None:
    path = record(project.folder / "r.h5")
    for options in ("", "", "--alpha 0.01", "--metric forgetting", "--format json"):
        answer = project.clbench("compare", "r.h5", *options.split())
        assert (answer.code, answer.stderr) == (0, "")
    looks = read_record(path).looks
    assert [(look.metric, look.alpha) for look in looks] == [
        ("average_accuracy", 0.05),
        ("average_accuracy", 0.01),
        ("forgetting", 0.05),
    ]
    assert {name: list(seeds) for name, seeds in looks[0].cells.items()} == {
        "naive": [0, 1, 2],
        "er": [0, 1, 2],
    }
    assert looks[0].when.startswith("20")
    assert sorted(one.name for one in project.folder.iterdir()) == ["r.h5"]


def test_a_leaderboard_is_a_look_and_its_copies_say_so(project) -> None:
    path = record(project.folder / "r.h5")
    assert project.clbench("leaderboard", "r.h5", "--out", "board").code == 0
    for one in (path, project.folder / "board/records/r.h5"):
        assert [look.metric for look in read_record(one).looks] == ["average_accuracy"]


def test_a_read_only_record_is_compared_all_the_same(project) -> None:
    path = record(project.folder / "r.h5")
    path.chmod(0o444)
    before = path.read_bytes()
    answer = project.clbench("compare", "r.h5")
    assert (answer.code == 0 and "er better" in answer.stdout + answer.stderr) or answer.stdout
    assert f"{NOT_NOTED} (it is read-only)" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert path.read_bytes() == before


def test_a_record_that_a_run_holds_is_compared_all_the_same(project) -> None:
    path = record(project.folder / "results/r.h5")
    before = path.read_bytes()
    with hold(path.parent):
        answer = project.clbench("compare", "results/r.h5")
    assert (answer.code, "naive" in answer.stdout) == (0, True)
    assert NOT_NOTED in answer.stderr
    assert "held by another run (process" in answer.stderr
    assert path.read_bytes() == before


def test_a_record_that_clbench_did_not_write_is_left_as_it_is(project) -> None:
    path = record(project.folder / "r.h5")
    write_file(path, RecordFile(2, "demo", "", {}, read_record(path).cells))
    before = path.read_bytes()
    answer = project.clbench("compare", "r.h5")
    assert answer.code == 0
    assert f"{NOT_NOTED} (clbench did not write it)" in answer.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", [["show", "r.h5"], ["export", "r.h5", "--to", "csv"]])
def test_looking_at_single_strategies_is_no_comparison(project, command: list[str]) -> None:
    path = record(project.folder / "r.h5")
    assert project.clbench(*command).code == 0
    assert read_record(path).looks == ()


def test_comparing_a_file_from_python_is_noted_and_results_in_memory_are_not(
    tmp_path: Path,
) -> None:
    path = record(tmp_path / "r.h5")
    clbench.compare(clbench.load(path))
    assert read_record(path).looks == ()
    clbench.compare(str(path))
    assert [look.metric for look in read_record(path).looks] == ["average_accuracy"]
    path.chmod(0o444)
    with pytest.warns(UserWarning, match="it is read-only"):
        clbench.compare(path, alpha=0.01)


def test_show_says_how_often_a_record_was_compared(project) -> None:
    path = record(project.folder / "r.h5")
    assert "compared so far" not in project.clbench("show", "r.h5").stdout
    first = Look("2026-11-01T10:00:00+00:00", {"er": (0, 1)}, "average_accuracy", 0.05, "t")
    rule = {"looks": [2, 3]}
    second = replace(first, cells={"er": (0, 1, 2)}, rule=rule)
    other = replace(first, metric="forgetting")
    append_looks(path, (), [first, second, other])
    shown = project.clbench("show", "r.h5").stdout
    assert (
        "compared so far, since 2026-11-01: average_accuracy at 2, 3 seeds; forgetting at 2 seeds;"
        " seeds are added by declared looks at 2, 3\n"
    ) in shown


def test_records_that_are_compared_together_know_of_each_other(project) -> None:
    files = {"naive": project.folder / "a.h5", "er": project.folder / "b.h5"}

    def write(name: str, seeds: int, looks: tuple[Look, ...] = ()) -> None:
        numbers = np.random.default_rng(len(name)).normal(0.5, 0.01, seeds)
        accuracy = np.broadcast_to(numbers[:, None, None], (seeds, 3, 2)).copy()
        about: dict[str, Any] = {"content": {"of": name, "data": "d"}}
        cell = CellRecord(name, "split", name, name, np.arange(seeds), accuracy, **about)
        known = RecordFile(2, "demo", "name: demo", {"python": "3"}, [cell], looks=looks)
        write_file(files[name], known)

    for name in files:
        write(name, 3)
    few = project.clbench("compare", "a.h5", "b.h5")
    assert (few.code, few.stderr) == (0, "")
    for name, path in files.items():
        (look,) = looks = read_record(path).looks
        assert dict(look.cells) == {"naive": (0, 1, 2), "er": (0, 1, 2)}
        write(name, 6, looks)
    grew = project.clbench("compare", "a.h5", "b.h5")
    assert "these strategies were compared before, with 3 (" in grew.stdout
