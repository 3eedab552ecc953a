"""A plugin file that was loaded again while one of its classes runs: the running object is
restored, no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clbench import SoloStrategy, Strategy
from clbench.errors import StrategyError
from clbench.host import Host
from clbench.stack import Stateful, restore, save
from clbench.testing.bench import Stopped, first_difference, rows

PLUGIN = """
import torch
from clbench import {base}, Stateful, hookimpl


class Importance(Stateful):
    def __init__(self, values):
        self.values = values

    def pull(self, params):
        held = zip(self.values, params)
        return sum((v * p.square()).flatten({first}).sum({dims}) for v, p in held)


class Anchored({base}):
    def begin_task(self, task):
        super().begin_task(task)
        self.tasks_seen = getattr(self, "tasks_seen", 0) + 1

    def end_task(self, task):
        super().end_task(task)
        moved = [p.detach().abs() for p in self.net.parameters()]
        self.importance = Importance(moved)

    def penalty(self):
        if not hasattr(self, "importance"):
            return super().penalty()
        return super().penalty() + 0.1 * self.tasks_seen * self.importance.pull(
            self.net.parameters()
        )


@hookimpl
def clbench_strategies():
    return [Anchored]
"""

STACKED = PLUGIN.format(base="Strategy", first=1, dims=1)
SOLO = PLUGIN.format(base="SoloStrategy", first=0, dims="")


def loaded(path: Path) -> Any:
    return Host.load([path], entry_points=False).get("strategy", "anchored")


@pytest.mark.parametrize("source", [STACKED, SOLO], ids=["stacked", "solo"])
@pytest.mark.parametrize("edited", [False, True])
def test_a_job_goes_on_although_its_plugin_was_loaded_again(
    make_bench: Any, tmp_path: Path, source: str, edited: bool
) -> None:
    path, mark = tmp_path / "mine.py", tmp_path / "job.ckpt"
    path.write_text(source)
    bench = make_bench(loaded(path))
    whole = bench.run(0, 1)
    with pytest.raises(Stopped):
        bench.run(0, 1, checkpoint=mark, stop_after=2)
    if edited:
        path.write_text(source.replace("class Importance", "# edited\nclass Importance"))
    loaded(path)
    resumed = bench.run(0, 1, checkpoint=mark)
    for seed in (0, 1):
        assert first_difference(rows(whole, seed), rows(resumed, seed)) is None


class Box(Stateful):
    """Holds what a test gives it."""

    def __init__(self, **held: Any) -> None:
        vars(self).update(held)


class Crate(Box):
    """Another class."""


class Part(Strategy):
    """A part of a strategy: restored in place or not at all."""


class Alone(SoloStrategy):
    """The same for one member."""


@pytest.mark.parametrize("kind", [Part, Alone])
def test_a_part_is_never_made_anew(kind: Any) -> None:
    saved = save(Box(part=kind()))
    with pytest.raises(StrategyError, match=rf"{kind.__name__}, and 0 run here"):
        restore(Box(part=None), saved)


def test_a_part_that_another_one_holds_is_the_running_one() -> None:
    def pair(value: int) -> Box:
        holder, held = Box(), Part()
        held.value = value
        return Box(parts=[holder, held])

    source, target = pair(1), pair(2)
    source.parts[0].friend = source.parts[1]
    running = target.parts[1]
    restore(target, save(source))
    assert target.parts[0].friend is target.parts[1] is running
    assert running.value == 1


def test_state_that_holds_nothing_of_a_part_is_an_error() -> None:
    with pytest.raises(StrategyError, match="part: the saved state holds nothing of it"):
        restore(Box(part=Part()), save(Box(part=None)))


def test_state_of_another_thing_is_an_error() -> None:
    with pytest.raises(StrategyError, match=r"state is that of a .*Crate, not of a .*Box"):
        restore(Box(), save(Crate()))
