"""`seeds: {until: separated}`: what may be written, and what it means."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.errors import SuiteError
from clbench.host import Host
from clbench.stats.declared import ALWAYS_VALID, DECLARED
from clbench.suite import Suite, json_schema, load_suite
from clbench.suite.adaptive import Adaptive
from clbench.suite.suite import runs_in_words

BASE = {
    "name": "x",
    "scenarios": [{"split": {"dataset": "digits"}}],
    "strategies": ["naive", "er"],
}


def suite(host: Host, asked: Any, compare: Any = None, **options: Any) -> Suite:
    more = {} if compare is None else {"compare": compare}
    return load_suite({**BASE, "seeds": asked, **more}, host, **options)


@pytest.mark.parametrize(
    ("written", "compare", "meant"),
    [
        ({}, None, Adaptive((6, 9, 13, 19, 30), 0.05, None, DECLARED)),
        ({"max": 12}, {"alpha": 0.1, "rope": 0.02}, Adaptive((6, 9, 12), 0.1, 0.02, DECLARED)),
        ({"max": 4}, None, Adaptive((4,), 0.05, None, DECLARED)),
        ({"min": 40}, None, Adaptive((40,), 0.05, None, DECLARED)),
        (
            {"looks": [4, 8], "alpha": 0.01, "rope": 0.5, "method": "always_valid"},
            {"alpha": 0.1, "rope": 0.02},
            Adaptive((4, 8), 0.01, 0.5, ALWAYS_VALID),
        ),
        (
            {"min": 6, "max": 30, "looks": [6, 9, 12, 20, 30]},
            None,
            Adaptive((6, 9, 12, 20, 30), 0.05, None, DECLARED),
        ),
    ],
)
def test_what_is_not_said_has_a_sensible_default(
    host: Host, written: Any, compare: Any, meant: Adaptive
) -> None:
    found = suite(host, {"until": "separated", **written}, compare)
    assert found.adaptive == meant
    assert found.seeds == found.cells[0].seeds == tuple(range(meant.most))


@pytest.mark.parametrize(
    ("written", "where", "sentence"),
    [
        ({"until": "equal"}, "until", "is not 'equal'; write `until: separated`"),
        ({"until": None}, "until", "is not None; write `until: separated`"),
        ({"mx": 9}, "mx", "unknown key; did you mean 'max'?"),
        ({"min": 1}, "min", "should be greater than or equal to 2, not 1"),
        ({"min": True}, "min", "should be a valid integer, not True"),
        ({"min": 9, "max": 6}, "max", "is 6, and no fewer than min, 9, can be run"),
        ({"looks": [9, 6]}, "looks", "must be ascending numbers of seeds, not [9, 6]"),
        ({"looks": [6, 6]}, "looks", "must be ascending numbers of seeds, not [6, 6]"),
        ({"looks": []}, "looks", "must be ascending numbers of seeds, not []"),
        ({"min": 5, "looks": [6, 9]}, "looks", "must begin with min, which is 5, not with 6"),
        ({"max": 12, "looks": [6, 9]}, "looks", "must end with max, which is 12, not with 9"),
        ({"alpha": 1.5}, "alpha", "should be less than 1, not 1.5"),
        ({"rope": -1.0}, "rope", "should be greater than or equal to 0, not -1.0"),
        ({"method": "peek"}, "method", "should be 'declared' or 'always_valid', not 'peek'"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(
    host: Host, written: Any, where: str, sentence: str
) -> None:
    with pytest.raises(SuiteError) as error:
        suite(host, {"until": "separated", **written})
    (problem,) = error.value.problems
    assert (problem.path, problem.message) == (f"seeds.{where}", sentence)


def test_until_is_never_guessed(host: Host) -> None:
    with pytest.raises(SuiteError, match=r"seeds\.until: is missing; write `until: separated`"):
        suite(host, {"max": 9})


def test_runs_that_are_not_paired_cannot_be_separated(host: Host) -> None:
    with pytest.raises(SuiteError, match=r"seeds\.until: compares runs of the same seeds"):
        suite(host, {"until": "separated"}, {"unpaired": True})


def test_seeds_of_the_command_line_win_and_say_so(host: Host) -> None:
    found = suite(host, {"until": "separated"}, seeds="4")
    assert (found.seeds, found.adaptive) == ((0, 1, 2, 3), None)
    (warning,) = found.warnings
    assert warning.startswith("--seeds 4 stands in for the suite's `seeds: {until: ...}`")
    # Whatever the file's rule led to stays asked for.
    assert found.own_seeds is not None
    assert found.own_seeds[:40] == tuple(range(40))
    assert suite(host, 3, seeds="4").warnings == ()


def test_smoke_looks_once(host: Host) -> None:
    found = suite(host, {"until": "separated"}, smoke=True)
    assert found.adaptive is not None
    assert (found.adaptive.looks, found.seeds) == ((2,), (0, 1))


def test_runs_are_counted_from_the_fewest_to_the_most(host: Host) -> None:
    assert runs_in_words(suite(host, {"until": "separated"})) == "12 to 60"
    assert runs_in_words(suite(host, {"until": "separated", "max": 4})) == "8"
    assert runs_in_words(suite(host, 3)) == "6"


def test_the_schema_knows_the_keys(host: Host) -> None:
    forms = json_schema(host)["properties"]["seeds"]["anyOf"]
    keys = forms[-1]
    assert set(keys["properties"]) == {"until", "min", "max", "looks", "alpha", "rope", "method"}
    assert (keys["required"], keys["additionalProperties"]) == (["until"], False)
    assert keys["properties"]["until"]["const"] == "separated"
