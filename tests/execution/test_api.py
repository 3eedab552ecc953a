"""`clbench.run`: what Python hands over, as the command would have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.errors import Interrupted, PluginError, RunFailed
from clbench.execution.api import _names, _overrides, _raise_what_is_missing, _seeds
from clbench.execution.outcome import Failure, Outcome
from clbench.execution.separating import Stop
from clbench.host.import_watch import being_loaded
from clbench.suite.seeds import parse_seeds

from .whole_runs import SUITE


def ended(**changes: Any) -> Outcome:
    known: dict[str, Any] = {
        "suite": "tiny",
        "record": Path("r.h5"),
        "requested": 4,
        "finished": 4,
        "failures": (),
        "diverged": (),
        "faults": (),
        "ran": 1,
        "seconds": 1.0,
        "interrupted": False,
    }
    return Outcome(**(known | changes))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, None),
        ("0-9", "0-9"),
        (5, "5"),
        ([3, 5], "3-3,5-5"),
        ((7,), "7-7"),
        (range(2), "0-0,1-1"),
        (np.int64(5), "5"),
        (np.array([3, 5]), "3-3,5-5"),
    ],
)
def test_seeds_are_written_as_the_command_takes_them(given: Any, text: str | None) -> None:
    assert _seeds(given) == text


def test_a_list_of_one_seed_is_that_seed_and_no_count() -> None:
    assert parse_seeds(str(_seeds([3]))) == [3]
    assert parse_seeds(str(_seeds(3))) == [0, 1, 2]


@pytest.mark.parametrize(
    ("given", "names"),
    [("", []), ("er", ["er"]), ("er,ewc", ["er,ewc"]), (["er", ""], ["er"]), ((), []), (",", [])],
)
def test_an_empty_name_names_nobody(given: Any, names: list[str]) -> None:
    assert _names(given) == names


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ((), []),
        ({}, []),
        (["a=1"], ["a=1"]),
        ({"protocol.epochs": 2}, ["protocol.epochs=2"]),
        ({"name": "mine"}, ["name=mine"]),
        ({"strategies": ["er"]}, ['strategies=["er"]']),
        ({"a": None, "b": True}, ["a=null", "b=true"]),
    ],
)
def test_changes_are_written_as_the_command_takes_them(given: Any, lines: list[str]) -> None:
    assert _overrides(given) == lines


def test_a_run_that_has_everything_raises_nothing() -> None:
    _raise_what_is_missing(ended())
    _raise_what_is_missing(ended(stop=Stop(6, ": decided")))


def test_an_interrupted_run_says_how_far_it_came() -> None:
    with pytest.raises(Interrupted) as caught:
        _raise_what_is_missing(ended(finished=1, interrupted=True, diverged=("split, er",)))
    said = "interrupted with 1 of 4 runs in r.h5; call it again to go on"
    assert str(caught.value) == said


def test_what_is_missing_is_listed_line_by_line() -> None:
    failure = Failure("split", "er", (0, 1), "it broke")
    stop = Stop(6, ": no value", failed=True)
    with pytest.raises(RunFailed) as caught:
        _raise_what_is_missing(ended(failures=(failure,), diverged=("split, b",), stop=stop))
    assert str(caught.value).splitlines() == [
        "r.h5 lacks something asked for:",
        "split, er, seeds 0-1: it broke",
        "split, b: every run diverged",
        "stopped at 6 seeds: no value",
    ]


def test_a_plugin_cannot_start_a_run_while_it_is_loaded() -> None:
    with being_loaded("mine.py"), pytest.raises(PluginError, match=r"it calls clbench\.run\(\)"):
        clbench.run("split_digits")


# ------------------------------------------------------------------ whole runs


def test_clbench_run_gives_results(tmp_path: Path, inline: Path) -> None:
    where = {
        "out": tmp_path,
        "plugins": [inline],
        "launcher": "inline",
        "workers": 1,
        "device": "cpu",
    }
    results = clbench.run(
        SUITE, seeds=[3, 5], overrides={"protocol.batch_size": 32}, quiet=True, **where
    )
    assert results.cells[0].seed.tolist() == [3, 5]
    assert results.cells[0].protocol["batch_size"] == 32
    assert results.accuracy("naive").shape == (2, 6, 5)


def test_clbench_run_raises_what_the_command_would_print(
    tmp_path: Path, inline: Path, faulty: Path
) -> None:
    where = {
        "out": tmp_path,
        "plugins": [inline, faulty],
        "launcher": "inline",
        "workers": 1,
        "device": "cpu",
    }
    with pytest.raises(RunFailed, match="no luck today"):
        clbench.run({**SUITE, "strategies": ["faulty"]}, quiet=True, **where)
