"""`ImportedRun` and `Importer`: what a plugin gives, and what it has to write."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from clbench.errors import UserError
from clbench.importing import ImportedRun, Importer


def run(tasks: int = 2, **changes: Any) -> ImportedRun:
    """A run with what a log must say, and no more."""
    said: dict[str, Any] = {
        "strategy": "der",
        "scenario": "seq-mnist",
        "seed": 3,
        "accuracy": np.full((tasks + 1, tasks), 0.5),
        "source": "line 1",
    }
    return ImportedRun(**(said | changes))


@pytest.mark.parametrize("tasks", [0, 1, 5])
def test_a_run_is_as_long_as_its_stream(tasks: int) -> None:
    assert run(tasks).tasks == tasks


def test_what_a_log_does_not_say_is_left_out() -> None:
    bare = run()
    assert (bare.options, bare.protocol, bare.facts, bare.bound) == ({}, {}, {}, False)


def test_runs_do_not_share_what_is_left_out() -> None:
    assert run().options is not run().options


def test_a_run_is_not_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        run().seed = 4  # type: ignore[misc]


class Lines(Importer):
    """Reads lines."""

    skip: int = 0  # lines at the top


def test_an_importer_s_options_are_its_attributes() -> None:
    assert Lines().skip == 0
    assert Lines(skip=2).skip == 2
    assert Lines.unsaid == ()


def test_an_option_that_it_has_not_is_refused() -> None:
    with pytest.raises(UserError, match="skipp"):
        Lines(skipp=2)


def test_an_importer_without_read_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"Lines does not define read\(paths\)"):
        Lines().read([])
