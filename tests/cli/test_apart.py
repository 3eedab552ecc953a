"""What is kept apart, costs of any name, and files taken for something else."""

from __future__ import annotations

import json

import numpy as np
import pytest

import clbench
from clbench.records import write_record

from .records import cell, edited, record


def test_a_cost_of_any_name_is_shown_compared_and_exported(project) -> None:
    """`cost/<name>`, whoever wrote it: nobody has to offer a metric of that name."""
    cells = [
        cell([0, 1], "k1", "er", cost={"bytes_by_radio": np.array([2e6, 4e6])}),
        cell([0, 1], "k2", "ewc", cost={"bytes_by_radio": np.array([[1e6, 0.0], [1e6, 2e6]])}),
    ]
    path = record(project.folder / "r.h5", *cells)
    results = clbench.load(path)
    found = [results.metric("bytes_by_radio", one).summary.tolist() for one in results.cells]
    assert found == [[2e6, 4e6], [1e6, 3e6]]
    assert "bytes_by_radio" in project.clbench("show", "r.h5", "er").stdout
    compared = project.clbench("compare", "r.h5", "--metric", "bytes_by_radio", "--format", "json")
    summary = json.loads(compared.stdout)["summary"]
    assert {row["strategy"]: row["mean"] for row in summary} == {"er": 3e6, "ewc": 2e6}
    exported = project.clbench("export", "r.h5", "--to", "csv", "--out", "-").stdout
    assert "split,ewc,1,0,bytes_by_radio,,3000000.0" in exported
    assert "split,ewc,1,0,bytes_by_radio,2,2000000.0" in exported


@pytest.mark.parametrize(
    "command", ["show", "compare", "leaderboard", "export", "plugins", "schema"]
)
def test_a_command_that_looks_at_no_data_says_so_of_its_option(run_cli, command: str) -> None:
    answer = run_cli(command, "--help")
    assert "this one looks at no data" in " ".join(answer.stdout.split())


def test_show_leaves_out_what_is_kept_apart_and_says_so(project) -> None:
    edited(project.folder / "r.h5")
    answer = project.clbench("show", "r.h5")
    assert "ewc" not in answer.stdout
    assert (
        "1 cell and 2 seeds of other cells that the suite no longer asks for are kept apart:"
        " `clbench show RECORD --all` shows them" in answer.stdout
    )


def test_one_strategy_that_is_kept_apart_is_shown_with_all(project) -> None:
    edited(project.folder / "r.h5")
    answer = project.clbench("show", "r.h5", "ewc")
    assert (answer.code, "it is kept apart, and --all shows it" in answer.stderr) == (2, True)
    assert "ewc on split" in project.clbench("show", "r.h5", "ewc", "--all").stdout


def test_compare_leaderboard_and_export_leave_out_what_is_kept_apart(project) -> None:
    edited(project.folder / "r.h5")
    compared = project.clbench("compare", "r.h5")
    assert "kept apart" in compared.stdout
    assert "ewc" not in compared.stdout
    exported = project.clbench("export", "r.h5", "--to", "csv", "--out", "-")
    assert "kept apart" in exported.stderr
    assert "ewc" not in exported.stdout
    project.clbench("leaderboard", "r.h5", "--out", "page")
    table = (project.folder / "page" / "leaderboard.md").read_text()
    assert "kept apart" in table
    assert "ewc" not in table


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "a.h5"], "a.h5 is a record, and no suite: `clbench show a.h5` shows it"),
        (["validate", "mine.py"], "mine.py is Python, and no suite: name a suite, and this file"),
        (
            ["show", "mine.yaml"],
            "mine.yaml is a suite, not a record; `clbench run` on it writes one",
        ),
        (["show", "mine"], "mine: there is no such file; did you mean results/mine/mine.h5?"),
        (["show", "results/mine"], "is a folder; name the record in it; did you mean results/mine"),
        (["describe", "mine_strategy"], "; what a file offers: --plugin FILE.py"),
        (["metrics", "add", "a.h5", "worst"], "no plugin here offers the metric 'worst', whose"),
    ],
)
def test_what_is_taken_for_something_else_is_told_with_the_next_step(
    project, arguments: list[str], said: str
) -> None:
    write_record(
        project.folder / "a.h5",
        [cell([0])],
        suite="tiny",
        suite_text="name: tiny",
        environment={},
        metrics=[("worst", {})],
    )
    (project.folder / "results" / "mine").mkdir(parents=True)
    record(project.folder / "results" / "mine" / "mine.h5", cell([0]))
    for name in ("mine.py", "mine.yaml"):
        (project.folder / name).write_text("name: mine\n")
    answer = project.clbench(*arguments)
    assert answer.code == 2
    assert said in " ".join(answer.stderr.split())
