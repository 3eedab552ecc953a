"""Draws from the process's global generators, which no seed of a member governs: noticed and named.

What is drawn there depends on whatever else the process did, so the numbers could not be had again.
The generators' states are compared over every task; in a job's first tasks also around the first
calls of every hook, and then the line that drew is looked for while it runs.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from clbench.engine.learner import Learner
from clbench.errors import GlobalDraw
from clbench.stack.generators import Snapshot, are_lent

TASKS_WATCHED_CLOSELY = 3  # of a job, from where it starts or goes on
CALLS_WATCHED_CLOSELY = 2  # of each hook, in each of these tasks
CPU = torch.device("cpu")
MAX_COMPARISONS = 1000  # comparisons in one call: each takes a tenth of a millisecond

HOW_TO_DRAW = "draw from self.rng(name), and build modules with self.stack(factory, name)"
HOW_TO_PROBE = "a metric that needs random numbers draws from probe.rng(name)"


class DrawWatch:
    """Sees to it that a stacked strategy leaves the global generators alone.

    To solo strategies they are lent.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner, self.device = learner, learner.device
        self.exempt = learner.draws_globally
        self.name = learner.name
        self.packages = packages_of([type(owner) for owner in learner.owners()])
        self.tasks = 0
        self.calls: Counter[str] = Counter()

    def call(self, hook: str, *args: Any) -> Any:
        """Call a hook of the strategy."""
        return self.run(hook, getattr(self.learner, hook), *args)

    def run(self, what: str, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, and watch it if this is one of the first calls of its kind."""
        if self.exempt or self.tasks > TASKS_WATCHED_CLOSELY:
            return function(*args)
        self.calls[what] += 1
        if self.calls[what] > CALLS_WATCHED_CLOSELY:
            return function(*args)
        # A snapshot costs microseconds, a profile much more: so only the first calls.
        with no_global_draws(self.name, what, HOW_TO_DRAW, self.packages, self.device):
            return function(*args)

    @contextmanager
    def task(self, number: int) -> Iterator[None]:
        """Compare over a whole task, whatever was called in it."""
        self.tasks += 1
        self.calls.clear()
        if self.exempt:
            yield
            return
        before = Snapshot(self.device)
        yield
        # After the task, whoever drew; only its name and the task's are known here.
        if moved := before.moved():
            where = f"in a later step, hook or evaluation of task {number}"
            raise GlobalDraw(sentence(self.name, moved, where, HOW_TO_DRAW))


@contextmanager
def no_global_draws(
    who: str, where: str, advice: str, packages: frozenset[str], device: torch.device
) -> Iterator[None]:
    """Raise where something within drew from a global generator, and put the generators back."""
    before, finder = Snapshot(device), LineFinder(packages)
    with finder.looking():
        yield
    if moved := before.moved():
        before.put_back()
        raise GlobalDraw(sentence(who, moved, finder.found or f"in {where}", advice))


def sentence(who: str, moved: Sequence[str], where: str, advice: str) -> str:
    """What was drawn from, by whom, and what to do instead."""
    return (
        f"{who} drew from {' and '.join(moved)} global generator {where}: no seed governs that,"
        f" so the numbers could not be had again; {advice}"
    )


def packages_of(classes: Sequence[type]) -> frozenset[str]:
    """The top-level modules in which authors wrote these classes, clbench itself left out."""
    modules = {base.__module__ for cls in classes for base in cls.__mro__}
    return frozenset(name.partition(".")[0] for name in modules) - {"clbench", "builtins", "abc"}


class LineFinder:
    """Looks, while code runs, for the first line of
    these packages after which a generator had moved.

    It compares where such a line calls something, and where the call returns: a draw within the
    call is found to the line, one between two calls (NumPy's functions are invisible to a profiler)
    to the lines between.
    """

    def __init__(self, packages: frozenset[str]) -> None:
        self.packages = packages
        self.found: str | None = None
        self.looks = 0

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look within; not where a profiler is at work already."""
        if sys.getprofile() is not None:
            yield
            return
        self.before = Snapshot(CPU)
        # A profiler, not a tracer: it is called at calls and returns only.
        sys.setprofile(self._look)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        """A function is called, or returns: see whether the code around that drew."""
        # Up to here everything was the frame's own doing: "near line", since the last look.
        if event in ("return", "c_call"):
            self._compare(frame, "near line")
        if event == "call":
            self._compare(frame.f_back, "near line")
        # Between the caller's call and now: the caller's line stands on that call.
        if event == "return":
            self._compare(frame.f_back, "line")
        if event == "c_return":
            self._compare(frame, "line")

    def _compare(self, frame: FrameType | None, place: str) -> None:
        # While they are lent (a model is built) drawing is right.
        if frame is None or self.found or are_lent() or not self._is_authors(frame):
            return
        self.looks += 1
        if self.before.moved():
            code, file = frame.f_code, os.path.basename(frame.f_code.co_filename)
            self.found = f"in {code.co_qualname} ({file}, {place} {frame.f_lineno})"
        if self.found or self.looks >= MAX_COMPARISONS:
            # Found, or looked often enough: the rest runs at full speed.
            sys.setprofile(None)

    def _is_authors(self, frame: FrameType) -> bool:
        name = str(frame.f_globals.get("__name__", ""))
        return name.partition(".")[0] in self.packages
