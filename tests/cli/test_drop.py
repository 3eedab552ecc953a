"""`clbench drop`: what leaves a record, and what stays."""

from __future__ import annotations

from clbench.records import read_record

from .records import edited


def test_show_all_shows_it_with_labels_that_drop_takes(project) -> None:
    path = edited(project.folder / "r.h5")
    answer = project.clbench("show", "r.h5", "--all")
    assert "split, ewc: the suite no longer asks for it (key k2)" in answer.stdout
    assert "split, er [k1]: the suite no longer asks for these seeds (key k1)" in answer.stdout
    answer = project.clbench("drop", "r.h5", "er [k1]", "ewc")
    assert (answer.code, answer.stdout.splitlines()) == (
        0,
        ["dropped: split, er [k1]: 2 seeds", "dropped: split, ewc: 2 seeds"],
    )
    record = read_record(path)
    assert ([one.seed.tolist() for one in record.cells], record.apart) == ([[0, 1]], [])
    assert "nothing is kept apart" in project.clbench("show", "r.h5", "--all").stdout


def test_drop_refuses_what_the_suite_asks_for(project) -> None:
    path = edited(project.folder / "r.h5")
    before = path.read_bytes()
    answer = project.clbench("drop", "r.h5", "er")
    assert (answer.code, answer.stderr.count("\n")) == (2, 1)
    assert "--force" in answer.stderr
    assert project.clbench("drop", "r.h5").code == 2
    assert path.read_bytes() == before
    assert project.clbench("drop", "r.h5", "er", "--force").code == 0
    assert read_record(path).cells == []


def test_drop_apart_drops_all_that_is_kept_apart(project) -> None:
    path = edited(project.folder / "r.h5")
    assert project.clbench("drop", "r.h5", "--apart").code == 0
    assert read_record(path).apart == []
    assert project.clbench("drop", "r.h5", "--apart").stdout == "nothing is kept apart\n"
