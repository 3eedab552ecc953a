"""The command `compare`: what it prints, and how it ends where it was used wrongly."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def record(made, project) -> str:
    made.save(
        project.folder / "r.h5",
        *made.three("one"),
        *made.three("two"),
        text="compare: {baseline: poor}",
    )
    return "r.h5"


def test_the_command_prints_tables_and_sentences(project, record) -> None:
    answer = project.clbench("compare", record)
    assert (answer.code, answer.stderr) == (0, "")
    for words in (
        "average_accuracy (more is better)",
        "minus poor",
        "Every pair: sign flips of the mean, exact",
        "On these 2 scenarios together",
    ):
        assert words in answer.stdout
    by_ranks = project.clbench("compare", record, "--tests", "ranks")
    for words in ("Every pair: Wilcoxon signed-rank, exact", "Nemenyi"):
        assert words in by_ranks.stdout
    assert "\x1b" not in answer.stdout


def test_every_option_reaches_the_comparison(project, record) -> None:
    options = [
        "--metric",
        "final_accuracy",
        "--baseline",
        "good",
        "--alpha",
        "0.01",
        "--correction",
        "bonferroni",
        "--rope",
        "0.02",
    ]
    plain = json.loads(project.clbench("compare", record, *options, "--format", "json").stdout)
    assert (plain["metric"], plain["alpha"], plain["correction"]) == (
        "final_accuracy",
        0.01,
        "bonferroni",
    )
    assert next(row for row in plain["summary"] if row["strategy"] == "good")["difference"] is None
    unpaired = json.loads(
        project.clbench("compare", record, "--unpaired", "--format", "json").stdout
    )
    assert unpaired["omnibus"]["test"] == "Friedman"
    assert {pair["test"] for pair in unpaired["pairs"]} == {"Dunn"}


def test_wrong_use_is_exit_2_in_a_sentence(made, project, record) -> None:
    made.save(
        project.folder / "o.h5", made.cell("mine", [0.5] * 5, "one", content={}), suite="other"
    )
    for arguments, words in (
        (["nothing.h5"], "there is no such file"),
        ([record, "--metric", "nothing"], "unknown metric 'nothing'"),
        ([record, "--baseline", "goood"], "did you mean 'good'"),
        ([record, "--alpha", "2"], "must lie between 0 and 1"),
        (
            [record, "--tests", "by_design", "--correction", "holm"],
            "`correction` belongs to `tests: ranks`",
        ),
        ([record, "o.h5"], "--force-mixed ranks them all the same"),
        ([record, "--figure", "cd.gif"], "ends in .svg, .pdf or .png"),
        ([record, "--figure", "dc.svg"], "must begin with what to draw"),
        ([record, "--figure", "nowhere/cd.svg"], "there is no folder nowhere"),
    ):
        answer = project.clbench("compare", *arguments)
        assert (answer.code, answer.stdout) == (2, ""), arguments
        assert words in answer.stderr
        assert "Traceback" not in answer.stderr
    assert "Mixed records" in project.clbench("compare", record, "o.h5", "--force-mixed").stdout
