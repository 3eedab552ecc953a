"""Values of options that are checked before a command runs: each is refused in one sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import get_args

import pytest

from clbench.cli import options
from clbench.suite.suite import Compare

RECORD = "absent.h5"  # nothing is read before the options are checked


@pytest.mark.parametrize(
    ("line", "place", "value", "allowed"),
    [
        (["compare", RECORD, "--tests", "rank"], "--tests", "rank", ["by_design", "ranks"]),
        (["compare", RECORD, "--family", "all"], "--family", "all", ["pairs", "baseline"]),
        (
            ["compare", RECORD, "--correction", "sidak"],
            "--correction",
            "sidak",
            ["holm", "bonferroni", "fdr_bh", "none"],
        ),
        (
            ["leaderboard", RECORD, "--out", "page", "--tests", "Ranks"],
            "--tests",
            "Ranks",
            ["by_design", "ranks"],
        ),
        (["show", RECORD, "--by", "seed"], "--by", "seed", ["agent"]),
        (["run", "a.yaml", "--form", "loops"], "--form", "loops", ["auto", "loop", "vmap"]),
        (
            ["run", "a.yaml", "--precision", "fp16"],
            "--precision",
            "fp16",
            ["fp32", "tf32", "bf16"],
        ),
        (["list", "strategy"], "kind", "strategy", ["strategies", "metrics", "suites"]),
    ],
)
def test_a_value_that_is_none_of_the_allowed_is_refused_with_all_of_them(
    run_cli, line: list[str], place: str, value: str, allowed: list[str]
) -> None:
    answer = run_cli(*line)
    assert (answer.code, answer.stdout) == (2, "")
    (said,) = answer.stderr.splitlines()
    assert said.startswith(f"error: invalid value for '{place}': '{value}' is not one of ")
    assert all(repr(one) in said for one in allowed)
    assert "Value error" not in said


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (["compare", RECORD, "--alpha", "much"], "--alpha"),
        (["compare", RECORD, "--rope", "1%"], "--rope"),
        (["run", "a.yaml", "--workers", "two"], "--workers"),
        (["run", "a.yaml", "--workers", "-1"], "--workers"),
    ],
)
def test_what_is_no_number_or_too_small_a_one_is_one_sentence(
    run_cli, line: list[str], place: str
) -> None:
    answer = run_cli(*line)
    assert answer.code == 2
    (said,) = answer.stderr.splitlines()
    assert said.startswith(f"error: invalid value for '{place}': ")


def test_debug_shows_where_a_value_was_refused(run_cli) -> None:
    answer = run_cli("--debug", "compare", RECORD, "--tests", "rank")
    assert answer.code == 2
    assert "Traceback" in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("error: invalid value for '--tests'")


@pytest.mark.parametrize(
    ("key", "choices"),
    [("tests", options.Tests), ("family", options.Family), ("correction", options.Correction)],
)
def test_the_command_and_a_suite_know_the_same_values(key: str, choices: type[StrEnum]) -> None:
    literal, _ = get_args(Compare.model_fields[key].annotation)  # or None
    assert get_args(literal) == tuple(choice.value for choice in choices)
