"""`clbench leaderboard`: the files it writes, and what it refuses to publish."""

from __future__ import annotations

import pytest

from clbench.records import read_record

from .records import cell, record

SEEDS = list(range(6))


@pytest.fixture
def here(project):
    """A project with a record of two strategies."""
    record(project.folder / "r.h5", cell(SEEDS), cell(SEEDS, "k2", "naive", 0.25))
    return project


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["r.h5"], "Missing option '--out'"),
        (["absent.h5", "--out", "page"], "absent.h5: there is no such file"),
        (["r.h5", "--out", "page", "--alpha", "0"], "alpha is 0; it must lie between 0 and 1"),
        (["r.h5", "--out", "page", "--metric", "forgeting"], "did you mean 'forgetting'"),
        (["r.h5", "--out", "r.h5"], "r.h5"),
    ],
)
def test_what_cannot_be_published_is_exit_2(here, arguments: list[str], said: str) -> None:
    before = (here.folder / "r.h5").read_bytes()
    answer = here.clbench("leaderboard", *arguments)
    assert answer.code == 2
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (here.folder / "page" / "index.html").exists()
    assert (here.folder / "r.h5").read_bytes() == before


def test_every_file_that_is_written_is_named(here) -> None:
    answer = here.clbench("leaderboard", "r.h5", "--out", "page")
    assert answer.code == 0, answer.stderr
    named = answer.stdout.splitlines()
    assert {"page/index.html", "page/leaderboard.csv", "page/leaderboard.md"} <= set(named)
    assert all((here.folder / name).is_file() for name in named)


def test_the_record_and_its_copy_know_that_they_were_looked_at(here) -> None:
    here.clbench("leaderboard", "r.h5", "--out", "page")
    for path in (here.folder / "r.h5", here.folder / "page" / "records" / "r.h5"):
        (look,) = read_record(path).looks
        assert look.metric == "average_accuracy"
