"""A small bench for checks: a strategy on digits-sized
streams with unequal members, run through the real engine.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np

from clbench.data import load_arrays
from clbench.data.arrays import Arrays
from clbench.engine import Progress, Settings, build_learner, run_cell
from clbench.engine.loop import Loop
from clbench.engine.probes import Probes
from clbench.engine.solo import SoloStrategy
from clbench.engine.strategy import Strategy
from clbench.errors import OptionError
from clbench.execution.inspector import dataset_of, padding_of
from clbench.host import Host
from clbench.options import check_options, name_of
from clbench.records.cell import CellRecord
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.resolving import resolve_protocol
from clbench.testing.network import kit_convnet
from clbench.typing import Member

# Of a parametrised class pytest runs one check for every parameter, then the next check.
KEPT_BENCHES = 32


class Stopped(Exception):
    """The bench's own way of killing a job."""


def host_with(plugins: Sequence[str | Path] = ()) -> Host:
    """The installed plugins, and these files with them."""
    return Host.load([Path(file) for file in plugins]) if plugins else _installed()


@cache
def _installed() -> Host:
    """Loaded once for all checks: none of them installs anything, or changes a host."""
    return Host.load()


class BenchHost:
    """The real host, and the things under test by their names."""

    def __init__(self, host: Any, own: Mapping[tuple[str, str], Any]) -> None:
        self.host, self.own = host, own

    def get(self, kind: str, name: str) -> Any:
        """What is under test first."""
        return self.own[kind, name] if (kind, name) in self.own else self.host.get(kind, name)

    def version_of(self, kind: str, name: str) -> str:
        """What is under test is never taken from a cache."""
        return "under test" if (kind, name) in self.own else self.host.version_of(kind, name)


Given = list[tuple[type[Any], dict[str, Any]]]


def _given(specs: Sequence[Any]) -> Given:
    """Classes, or instances of them, as classes with options."""
    found: Given = []
    for spec in specs:
        found.append((spec, {}) if isinstance(spec, type) else (type(spec), spec.options))
    return found


def _by_name(kind: str, classes: Sequence[type[Any]]) -> dict[tuple[str, str], Any]:
    return {(kind, name_of(cls)): cls for cls in classes}


def _cell(
    host: BenchHost,
    parts: Given,
    scenario: Choice,
    protocol: Mapping[str, Any],
    probes: Given,
) -> Cell:
    """The cell of a suite that has just these."""
    resolved, issues = resolve_protocol(protocol, cast(Host, host))
    if issues:
        raise OptionError(issues)
    options = check_options(host.get("scenario", scenario.name), scenario.options)
    chosen = [Choice(name_of(cls), check_options(cls, given)) for cls, given in parts]
    asked = [MetricChoice(name_of(kind), given, name_of(kind)) for kind, given in probes]
    return Cell(
        Choice(scenario.name, options),
        scenario.name,
        tuple(chosen),
        "+".join(part.name for part in chosen),
        resolved,
        tuple(asked),
        (),
    )


def _leaving(after: int | None) -> Callable[[], bool]:
    """What the engine asks whether to leave: it looks once a step, and once a task."""
    looks = iter(range(1, after)) if after else itertools.count()
    return lambda: next(looks, None) is None


class Bench:
    """One strategy (or composition) with a scenario and a protocol, to be run on any members."""

    def __init__(
        self,
        strategy: Any,
        host: Any,
        scenario: Choice,
        protocol: Mapping[str, Any],
        metrics: Sequence[Any] = (),
        own_scenario: Any = None,
        own: Mapping[tuple[str, str], Any] | None = None,
    ) -> None:
        parts = _given(strategy if isinstance(strategy, (list, tuple)) else [strategy])
        probes = _given(metrics)
        self.classes = [kind for kind, _ in parts]
        self.solo = any(issubclass(cls, SoloStrategy) for cls in self.classes)
        mine = {("model", "kit_convnet"): kit_convnet, **(own or {})}
        # Under their own names, though they may not be installed.
        mine |= _by_name("strategy", self.classes)
        mine |= _by_name("metric", [kind for kind, _ in probes])
        mine |= _by_name("scenario", [] if own_scenario is None else [own_scenario])
        self.host = BenchHost(host, mine)
        self.cell = _cell(self.host, parts, scenario, protocol, probes)
        stored = load_arrays(dataset_of(self.cell), cast(Host, self.host), None)
        self.arrays: Arrays = stored.padded(padding_of(self.cell))
        # Some scenarios have several members a seed.
        made = self.host.get("scenario", scenario.name)(**self.cell.scenario.options)
        self.agents = made.layout(self.arrays).agents

    def members(self, *seeds: int) -> list[Member]:
        """These seeds with all their agents."""
        return [(seed, agent) for seed in seeds for agent in range(self.agents)]

    def run(
        self,
        *seeds: int,
        stop_after: int | None = None,
        leave_after: int | None = None,
        **settings: Any,
    ) -> CellRecord:
        """A whole job.

        It is killed after `stop_after` tasks, or saved and left after `leave_after` steps (and
        tasks).
        """

        def listen(progress: Progress) -> None:
            # Accuracy comes with a task's end alone.
            if progress.accuracy is not None and progress.task == stop_after:
                raise Stopped

        record = run_cell(
            self.cell,
            "bench",
            self.members(*seeds),
            host=self.host,
            arrays=self.arrays,
            settings=Settings(**settings),
            listener=listen,
            leaving=_leaving(leave_after),
        )
        # NaN equals NaN: a check on members that diverged would pass whatever they do.
        assert record.status == "done", (
            f"under the kit's protocol seeds {seeds} diverge; set a smaller rate in `protocol`"
        )
        return record

    def known(self, *seeds: int, **settings: Any) -> CellRecord:
        """As `run`; but a job that another check of the same thing has run is not run again."""
        return _KEPT.record(self, seeds, Settings(**settings))

    def is_like(self, other: Bench) -> bool:
        """Whether the other one would measure the same."""
        # Equal cells, equal objects under test, one host, the same data.
        return (
            self.cell == other.cell
            and self.host.own == other.host.own
            and self.host.host is other.host.host
            and self.arrays.fingerprint == other.arrays.fingerprint
        )

    def start(self, *seeds: int, **given: Any) -> tuple[Strategy, Loop]:
        """A strategy that is set up, and the loop that trains it."""
        settings = Settings(**given)
        learner = build_learner(
            self.cell, self.members(*seeds), host=self.host, arrays=self.arrays, settings=settings
        )
        # Without probes: what a check looks at is the method alone.
        loop = Loop(learner, Probes({}, learner), graphs=settings.graphs)
        return learner.shown, loop


Jobs = dict[tuple[tuple[int, ...], Settings], CellRecord]


class Kept:
    """Records of the benches that were last asked for some.

    The checks of a class follow one another.
    """

    def __init__(self) -> None:
        self.benches: deque[tuple[Bench, Jobs]] = deque(maxlen=KEPT_BENCHES)

    def record(self, bench: Bench, seeds: tuple[int, ...], settings: Settings) -> CellRecord:
        """What the job gave, run now where it was not."""
        jobs = self._jobs_of(bench)
        job = (seeds, settings)
        if job not in jobs:
            jobs[job] = record = bench.run(*seeds, **vars(settings))
            # What `auto` chose is not run again where somebody asks for it by name.
            jobs[seeds, replace(settings, form=record.form)] = record
        return jobs[job]

    def _jobs_of(self, bench: Bench) -> Jobs:
        for known, jobs in self.benches:
            if bench.is_like(known):
                return jobs
        self.benches.append((bench, {}))
        return self.benches[-1][1]


_KEPT = Kept()


def rows(record: CellRecord, seed: int) -> dict[str, Any]:
    """Everything measured of one seed, but for times."""
    # Rows of the seed, all its agents.
    mine = record.seed == seed
    taken = {name: value[mine] for name, value in _measured(record).items()}
    # A curve that only neighbours wrote is there in a stack, and is not where the seed runs alone.
    return {name: value for name, value in taken.items() if not np.isnan(value).all()}


def _measured(record: CellRecord) -> dict[str, Any]:
    """`[R, ...]` each."""
    arrays = {
        "accuracy": record.accuracy,
        "accuracy_before": record.accuracy_before,
        "loss": record.loss,
    }
    there = {name: value for name, value in arrays.items() if value is not None}
    return {**there, **record.curves, **record.metrics, **_notes(record)}


def _notes(record: CellRecord) -> dict[str, Any]:
    return {f"the note {name}": value for name, value in record.notes.items()}


def first_difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Where two sets of measurements differ by as much as a bit, in words."""
    for name in sorted({*one, *other}):
        a, b = one.get(name), other.get(name)
        if a is None or b is None:
            return f"{name} was measured in only one of them"
        difference = _difference(name, _trimmed(a), _trimmed(b))
        if difference is not None:
            return difference
    return None


def _difference(name: str, a: Any, b: Any) -> str | None:
    if a.shape != b.shape:
        return f"{name} has {a.shape} values in one and {b.shape} in the other"
    if np.array_equal(a, b, equal_nan=True):
        return None
    first = _first_place(a, b)
    return f"{name}{list(first)} is {a[first]!r} in one and {b[first]!r} in the other"


def _first_place(a: Any, b: Any) -> tuple[int, ...]:
    """Where two arrays differ first; NaN where both have NaN is no difference."""
    return tuple(np.argwhere(~_are_equal(a, b))[0].tolist())


def _are_equal(a: Any, b: Any) -> Any:
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _trimmed(values: Any) -> Any:
    """Without the columns that only fill a curve up."""
    if values.ndim < 2:
        return values
    last = int(np.flatnonzero(_filled(values)).max(initial=-1))
    return values[:, : last + 1]


def _filled(values: Any) -> Any:
    """`[K]`, of `[R, K, ...]`: the columns in which any member has a value."""
    return ~np.isnan(values).reshape(*values.shape[:2], -1).all(axis=(0, 2))
