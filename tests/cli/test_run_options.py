"""What the values of the options of `clbench run` mean, and which of them mean nothing."""

from __future__ import annotations

import math
from typing import get_args

import pytest

from clbench import Launcher
from clbench.cli.run_options import Form, Precision, launcher_options, named, seconds
from clbench.errors import UserError
from clbench.suite.protocol import Protocol


class Cluster(Launcher):
    """Reaches other machines."""

    address: str = ""  # where
    slurm: dict[str, str] = {}  # how  # noqa: RUF012 (an option, copied for each launcher)


class Here(Launcher):
    """Reaches none."""


# ------------------------------------------------------------------ durations


@pytest.mark.parametrize(
    ("text", "found"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("2h", 7200), ("0.5m", 30), ("1e3", 1000)],
)
def test_a_duration_is_in_seconds_unless_it_says_otherwise(text: str, found: float) -> None:
    assert seconds("--timeout", text) == found


def test_a_duration_that_is_not_given_stays_unsaid() -> None:
    assert seconds("--timeout", None) is None


@pytest.mark.parametrize(
    "text", ["", "soon", "m", "5d", "3 m m", "0", "0h", "-1", "-1m", "nan", "inf", "infh", "1e999"]
)
def test_what_is_no_time_is_refused_with_how_it_is_written(text: str) -> None:
    with pytest.raises(UserError) as caught:
        seconds("--timeout", text)
    said = f"--timeout {text}: write seconds, or a number with s, m or h, as in 30m"
    assert str(caught.value) == said
    assert caught.value.exit_code == 2


def test_the_smallest_time_is_a_time() -> None:
    assert seconds("--timeout", "1e-9") == pytest.approx(1e-9)
    assert math.isfinite(seconds("--timeout", "1e300") or math.inf)


# ------------------------------------------------------------------ names


@pytest.mark.parametrize("given", [None, [], ()])
def test_names_that_are_not_given_are_no_names(given: list[str] | None) -> None:
    assert list(named("--only", given)) == []


def test_names_are_handed_on_as_they_were_given() -> None:
    assert named("--only", ["naive,er", "ewc"]) == ["naive,er", "ewc"]
    assert named("--only", ["", "ewc"]) == ["", "ewc"]


@pytest.mark.parametrize("given", [[""], [","], [" , ", ""]])
def test_an_empty_variable_of_a_script_is_not_everything(given: list[str]) -> None:
    with pytest.raises(UserError, match="--force names no strategy; write one"):
        named("--force", given)


# ------------------------------------------------------------------ options of a launcher


def test_a_launcher_gets_what_it_has_options_for() -> None:
    given = launcher_options(Cluster, "head:6379", ["partition=gpu", "comment=a=b", "qos="])
    assert given == {
        "address": "head:6379",
        "slurm": {"partition": "gpu", "comment": "a=b", "qos": ""},
    }


def test_a_launcher_without_options_is_asked_for_none() -> None:
    assert launcher_options(Here, None, None) == launcher_options(Here, None, []) == {}


@pytest.mark.parametrize(
    ("address", "slurm", "option"), [("a", None, "address"), (None, ["a=b"], "slurm")]
)
def test_an_option_that_the_launcher_lacks_is_refused(
    address: str | None, slurm: list[str] | None, option: str
) -> None:
    with pytest.raises(UserError) as caught:
        launcher_options(Here, address, slurm)
    assert str(caught.value) == (
        f"--{option} is for launchers that reach other machines; 'here' does not,"
        f" leave --{option} out"
    )


@pytest.mark.parametrize("text", ["partition", "", "=gpu", "="])
def test_half_a_scheduler_option_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="write KEY=VALUE, as in --slurm partition=gpu"):
        launcher_options(Cluster, None, [text])


# ------------------------------------------------------------------ choices


def test_every_precision_of_the_command_is_one_of_the_protocol() -> None:
    allowed = get_args(Protocol.model_fields["precision"].annotation)
    assert allowed == tuple(one.value for one in Precision)


def test_forms_are_what_an_engine_takes() -> None:
    assert [one.value for one in Form] == ["auto", "loop", "vmap"]
