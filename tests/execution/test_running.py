"""What a run decides by itself: whom it runs, and who must run again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clbench.execution.planner import Missing, Remaining
from clbench.execution.running import Bounds, Options, _has_unknown_version, _runs_missing
from clbench.host.session_source import UNKNOWN

from .plans import a_plan


def test_a_run_is_a_seed_whatever_its_agents() -> None:
    planned = a_plan(3, agents=2)
    missing = (Missing(planned, ((0, 0), (0, 1), (2, 0))), Missing(planned, ()))
    assert _runs_missing(Remaining(missing, ())) == 2
    assert _runs_missing(Remaining((), ())) == 0


@pytest.mark.parametrize(
    ("versions", "probes", "unknown"),
    [
        ({"strategy er": "clbench 1"}, {}, False),
        ({"strategy er": UNKNOWN}, {}, True),
        ({"model mlp": "sha256:ab", "strategy er": UNKNOWN}, {}, True),
        ({}, {"rank": {"version": UNKNOWN}}, True),
        # Curves and what is kept are no plugin's.
        ({}, {"online": None, "rank": {"version": "lab 1"}}, False),
    ],
)
def test_what_nobody_can_tell_from_other_code_runs_again(
    versions: dict[str, str], probes: dict[str, dict[str, str] | None], unknown: bool
) -> None:
    planned = replace(a_plan(1), content={"versions": versions}, probes=probes)
    assert _has_unknown_version(planned) == unknown


def test_without_options_a_run_is_on_the_devices_at_hand() -> None:
    options = Options()
    assert (options.device, options.launcher, options.form) == ("auto", "local", "auto")
    assert (options.only, options.force, options.workers) == ((), (), None)


def test_bounds_are_not_over_unless_they_say_so() -> None:
    assert not Bounds((), 1, 2).is_over
