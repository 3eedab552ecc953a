"""`clbench compare`: what it prints in which form, and what it refuses before it computes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from .records import cell, record

SEEDS = list(range(6))


@pytest.fixture
def here(project):
    """A project with a record of two strategies that are far apart."""
    good, poor = cell(SEEDS, "k1", "good"), cell(SEEDS, "k2", "poor")
    noise = np.linspace(0, 0.01, 6)[:, None, None] * np.ones((6, 3, 2))
    good.accuracy, poor.accuracy = 0.9 + noise, 0.2 + noise**2
    record(project.folder / "r.h5", good, poor)
    return project


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "forgeting"], "did you mean 'forgetting'"),
        (["--baseline", "goood"], "did you mean 'good'"),
        (["--alpha", "1"], "alpha is 1; it must lie between 0 and 1"),
        (["--alpha", "nan"], "alpha is nan; it must lie between 0 and 1"),
        (["--rope", "-0.1"], "it must be a finite size, 0 or more"),
        (["--correction", "holm", "--tests", "by_design"], "`correction` belongs to"),
        (["--format", "tabel"], "unknown format 'tabel'; did you mean 'table'?"),
        (["--layout", "paper"], "--format table has no layout 'paper'"),
        (["--choose-on", "x"], "'x' names no seeds"),
        (["--figure", "pie.svg"], "pie.svg: its name must begin with what to draw"),
        (["--plugin", "absent.py"], "absent.py does not exist"),
    ],
)
def test_what_cannot_be_compared_so_is_exit_2(here, arguments: list[str], said: str) -> None:
    before = (here.folder / "r.h5").read_bytes()
    answer = here.clbench("compare", "r.h5", *arguments)
    assert (answer.code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    # A comparison that nobody saw is no look at the record.
    assert (here.folder / "r.h5").read_bytes() == before


def test_json_is_for_programs_alone(here) -> None:
    answer = here.clbench("compare", "r.h5", "--format", "json", "--alpha", "0.01")
    assert (answer.code, answer.stderr) == (0, "")
    found = json.loads(answer.stdout)
    assert (found["metric"], found["alpha"]) == ("average_accuracy", 0.01)
    assert [row["strategy"] for row in found["summary"]] == ["good", "poor"]
    (pair,) = found["pairs"]
    # Means over the seeds: 0.9 + 0.005 and 0.2 + a few 1e-5.
    assert abs(pair["difference"]) == pytest.approx(0.705, abs=1e-3)


def test_unpaired_runs_are_tested_as_such(here) -> None:
    paired = json.loads(here.clbench("compare", "r.h5", "--format", "json").stdout)
    answer = here.clbench("compare", "r.h5", "--unpaired", "--format", "json")
    unpaired = json.loads(answer.stdout)
    assert paired["design"] != unpaired["design"]
    assert paired["pairs"][0]["test"] != unpaired["pairs"][0]["test"]


@pytest.mark.parametrize("form", ["markdown", "latex", "csv", "html", "table"])
def test_every_form_names_every_strategy(here, form: str) -> None:
    answer = here.clbench("compare", "r.h5", "--format", form)
    assert answer.code == 0, answer.stderr
    assert "good" in answer.stdout
    assert "poor" in answer.stdout


def test_figures_are_drawn_beside_the_table_and_named(here) -> None:
    answer = here.clbench("compare", "r.h5", "--figure", "boxes.svg")
    assert answer.code == 0, answer.stderr
    assert answer.stderr == "figure: boxes.svg\n"
    assert (here.folder / "boxes.svg").exists()


def test_one_record_named_twice_is_refused(here) -> None:
    answer = here.clbench("compare", "r.h5", "absent.h5")
    assert (answer.code, answer.stdout) == (2, "")
    assert "absent.h5: there is no such file" in answer.stderr
