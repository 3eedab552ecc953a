"""`clbench show`: tables of a record, and what is refused before anything is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from .records import cell, record


@pytest.fixture
def here(project):
    """A project with a record of two strategies."""
    record(project.folder / "r.h5", cell([0, 1]), cell([0, 1], "k2", "naive", 0.25))
    return project


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.h5"], "absent.h5: there is no such file"),
        (["r.h5", "naiv"], "did you mean 'naive'"),
        (["r.h5", "--figure", "pie.svg"], "pie.svg: its name must begin with what to draw"),
        (["absent.h5", "--figure", "pie.svg"], "pie.svg: its name must begin"),
        (["r.h5", "--by", "seed"], "'seed' is not one of 'agent'"),
    ],
)
def test_what_cannot_be_shown_is_exit_2(here, arguments: list[str], said: str) -> None:
    answer = here.clbench("show", *arguments)
    assert (answer.code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_record_is_a_table_with_a_line_a_strategy(here) -> None:
    answer = here.clbench("show", "r.h5")
    assert (answer.code, answer.stderr) == (0, "")
    lines = [line.split() for line in answer.stdout.splitlines()]
    # By hand: the second of two tasks ends at 0.75, the first at 0.5 or 0.25.
    (er,) = [line for line in lines if "er" in line]
    (naive,) = [line for line in lines if "naive" in line]
    assert "62.5" in er
    assert "50.0" in naive


def test_one_strategy_is_shown_alone(here) -> None:
    answer = here.clbench("show", "r.h5", "er")
    assert answer.code == 0, answer.stderr
    assert "er on split" in answer.stdout
    assert "naive" not in answer.stdout


def test_agents_are_shown_each_for_itself_where_that_is_asked_for(project) -> None:
    agents = replace(cell([0, 0, 1, 1]), agent=np.array([0, 1, 0, 1]))
    record(project.folder / "r.h5", agents)
    assert "agent 0" not in project.clbench("show", "r.h5").stdout
    by_agent = project.clbench("show", "r.h5", "--by", "agent").stdout
    assert "agent 0" in by_agent
    assert "agent 1" in by_agent


def test_a_figure_is_written_and_named(here) -> None:
    answer = here.clbench("show", "r.h5", "--figure", "matrix.svg")
    assert answer.code == 0, answer.stderr
    assert answer.stderr == "figure: matrix.svg\n"
    assert (here.folder / "matrix.svg").read_text().startswith("<?xml")
