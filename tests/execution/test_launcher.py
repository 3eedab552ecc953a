"""What a launcher has to say for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clbench.execution.jobs import Site
from clbench.execution.launcher import Launcher
from clbench.options import describe_options


def test_the_base_runs_nothing_anywhere(tmp_path: Path) -> None:
    base = Launcher()
    with pytest.raises(NotImplementedError):
        base.slots("auto", None)
    with pytest.raises(NotImplementedError):
        base.run([], ["cpu"], Site(tmp_path, "s"))


def test_options_of_a_launcher_are_its_annotations() -> None:
    class Mine(Launcher):
        """Somewhere."""

        address: str = "here"  # where

    assert [option.name for option in describe_options(Mine)] == ["address"]
    assert Mine(address="there").options == {"address": "there"}  # type: ignore[call-arg]
    made: Any = Mine()
    assert made.address == "here"
