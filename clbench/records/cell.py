"""What was measured of one cell, in memory.

The layout on disk is that of `clbench.records.file`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from clbench.records.faults import Fault
from clbench.records.fields import DECLARATIONS, FOLDERS, MEMBER_ARRAYS
from clbench.records.rows import Rows
from clbench.records.status import DONE, is_finished
from clbench.typing import Array, Member

__all__ = ["DECLARATIONS", "CellOnDisk", "CellRecord", "Entries", "select"]

# Known of a cell on disk before the rest of it is read.
NAMES = ("key", "scenario", "strategy", "label")
_NOT_GIVEN: Array = np.empty(0, dtype=object)


def _not_given() -> Array:
    """Stands for an array that `CellRecord` fills in: by default all members are as usual."""
    return _NOT_GIVEN


@dataclass(frozen=True)
class Entries:
    """The accuracies measured where the whole matrix was not.

    `value[:, k]` is task `column[k]` (from 0) after `row[k]` tasks.
    """

    row: Array
    column: Array
    value: Array

    def find(self, row: Any, column: Any) -> Array:
        """Which entries these are, arrays as numpy broadcasts them.

        -1 where nothing was measured.
        """
        codes, order, width = self._sorted
        if not len(codes):
            return np.full(np.broadcast(row, column).shape, -1)
        column = np.asarray(column)
        wanted = np.asarray(row) * width + column
        position = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
        # A column beyond either end would get the code of an entry in another row.
        in_row = (column >= 0) & (column < width)
        return np.where(in_row & (codes[position] == wanted), order[position], -1)

    @cached_property
    def _sorted(self) -> tuple[Array, Array, int]:
        """A number for each entry, sorted; where each of them stands; and the length of a row."""
        width = int(self.column.max(initial=0)) + 1
        codes = self.row * width + self.column
        order = np.argsort(codes, kind="stable")
        return codes[order], order, width


@dataclass(slots=True)
class CellRecord:
    """One cell's members, sorted by seed, then agent. S members, T tasks.

    NaN stands where nothing was measured. What is not given of `agent`, `run`, `member_status` and
    `diverged_at` is filled in. What each field is on disk, `clbench.records.fields` says.
    """

    key: str
    scenario: str
    strategy: str
    label: str
    seed: Array  # [S]
    accuracy: Array | None  # [S, T+1, T], row 0 the untrained network
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)  # what the key is a hash of
    # How each of `metrics` was measured: with which options, by which version.
    probes: Mapping[str, Any] = field(default_factory=dict)
    # Accuracies without a look at the images (clbench.scenarios.chance); empty where nobody said.
    chance: Mapping[str, float] = field(default_factory=dict)
    # Images in the test set that all runs are tested on in whole; 0 where nobody said.
    test_images: int = 0
    about: str = ""  # the strategy in a sentence, as its own documentation has it
    papers: Mapping[str, str] = field(default_factory=dict)  # by strategy, as its plugin names them
    # What `options` would be by default; empty where nobody said.
    defaults: Mapping[str, Any] = field(default_factory=dict)
    form: str = ""  # how the stack was run: loop, vmap or solo
    # On a GPU whether its steps were captured as a device graph: captured, or "eager: " and why
    # not.
    graphs: str = ""
    status: str = DONE  # of the cell: done, partial, diverged, failed
    agent: Array = field(default_factory=_not_given)  # [S], 0 where there are none
    run: Array = field(default_factory=_not_given)  # [S], that measured it; "" where not known
    member_status: Array = field(default_factory=_not_given)  # [S] of MEMBER_STATUS
    diverged_at: Array = field(default_factory=_not_given)  # [S], the step; -1 where it did not
    accuracy_before: Array | None = None  # [S, T]
    loss: Array | None = None  # [S, T], mean training loss of each task
    entries: Entries | None = None
    # What its classes declare that they need and others have not, of `DECLARATIONS`.
    declared: tuple[str, ...] = ()
    # So many first tasks were trained together, at the last of them; nothing is tested before.
    trained_together: int = 1
    # What the strategy noted of each test set: [S, T+1, T], or [S, K] beside `entries`.
    notes: dict[str, Array] = field(default_factory=dict)
    metrics: dict[str, Array] = field(default_factory=dict)  # [S, ...]
    curves: dict[str, Array] = field(default_factory=dict)  # [S, K], NaN-padded
    cost: dict[str, Array] = field(default_factory=dict)  # [S] or [S, T]
    # [S] by probe metric: how long measuring it took, beside the training.
    metric_seconds: dict[str, Array] = field(default_factory=dict)
    # [S]: 1 for members whose weights, or predictions, are in `stored`.
    kept: dict[str, Array] = field(default_factory=dict)
    # What stays on disk until it is asked for, by its path in the cell.
    stored: dict[str, Rows] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()  # what went wrong, and why metrics are undefined
    apart: str = ""  # why it is kept apart, where the suite no longer asks for it

    def __post_init__(self) -> None:
        """Fill in what is the same for all members as a rule."""
        shape = np.shape(self.seed)[:1]  # [S]; whether `seed` itself is right, `validated` says
        if self.agent is _NOT_GIVEN:
            self.agent = np.zeros(shape, np.int64)
        if self.run is _NOT_GIVEN:
            self.run = np.full(shape, "", dtype=object)
        if self.member_status is _NOT_GIVEN:
            self.member_status = np.full(shape, DONE, dtype=object)
        if self.diverged_at is _NOT_GIVEN:
            self.diverged_at = np.full(shape, -1, np.int64)

    def __repr__(self) -> str:
        """In a line: the arrays are long."""
        size = f"{self.members} members, {self.tasks} tasks"
        return f"<{self.label} on {self.scenario}: {size}, {self.status}>"

    # ------------------------------------------------------------------ how large it is

    @property
    def tasks(self) -> int:
        """T; 0 where nothing was measured."""
        if self.accuracy is not None:
            return int(self.accuracy.shape[-1])
        if self.entries is None:
            return 0
        last_tested = self.entries.column.max(initial=-1) + 1
        return int(max(last_tested, self.entries.row.max(initial=0)))

    @property
    def members(self) -> int:
        """S."""
        return len(self.seed)

    @property
    def who(self) -> list[Member]:
        """The seed and the agent of each member."""
        return list(zip(self.seed.tolist(), self.agent.tolist(), strict=True))

    @property
    def agents(self) -> int:
        """How many each seed has; 1 where there are none."""
        return max(1, len(np.unique(self.agent)))

    # ------------------------------------------------------------------ who came to an end

    @property
    def done(self) -> Array:
        """`[S]`: members that were trained to the end of the stream."""
        return np.asarray(self.member_status == DONE, dtype=bool)

    @property
    def finished(self) -> Array:
        """`[S]`: members that need not run again: done, or diverged, which they would do again."""
        return is_finished(self.member_status)

    @property
    def complete(self) -> Array:
        """`[S]`: members of seeds that are done, which a seed is when all its agents are.

        A mean over the others would favour failing.
        """
        unfinished = self.seed[~self.done]
        return ~np.isin(self.seed, unfinished)

    # ------------------------------------------------------------------ what is said of it

    @property
    def is_bound(self) -> bool:
        """Whether it shows what is within reach, and does not compete."""
        return "bound" in self.declared

    @property
    def errors(self) -> tuple[str, ...]:
        """The faults in words."""
        return tuple(map(str, self.faults))

    @property
    def troubles(self) -> tuple[Fault, ...]:
        """What went wrong, without the metrics that only said why they are undefined."""
        return tuple(fault for fault in self.faults if not fault.undefined)

    def fault(self, metric: str) -> Fault | None:
        """What a probe metric said in place of a value: why it is undefined, or what it raised.

        Jobs of one cell may have said both; that it is undefined goes first.
        """
        said = [fault for fault in self.faults if fault.metric == metric]
        return min(said, key=lambda fault: not fault.undefined, default=None)


FIELD_NAMES = frozenset(one.name for one in fields(CellRecord))


class CellOnDisk(CellRecord):
    """A cell of which only the names are known until something else is asked for.

    A record may have thousands of them.
    """

    __slots__ = ("_fetch",)
    _fetch: Callable[[], CellRecord] | None

    @classmethod
    def of(cls, fetch: Callable[[], CellRecord], **names: str) -> CellOnDisk:
        """The cell that `fetch` reads and checks; `RecordError` comes up when it does."""
        cell = cls.__new__(cls)  # without `__init__`, which would fill in what was not read yet
        for name in NAMES:
            setattr(cell, name, names[name])
        cell._fetch = fetch
        return cell

    def __getattr__(self, name: str) -> Any:
        """Python asks here for what is not there yet."""
        if name not in FIELD_NAMES:
            raise AttributeError(name)
        self.read()
        return object.__getattribute__(self, name)

    def read(self) -> None:
        """Read all of it, where that was not done."""
        if self._fetch is None:
            return
        full = self._fetch()
        for name in FIELD_NAMES:
            if not self._is_there(name):
                setattr(self, name, getattr(full, name))
        self._fetch = None

    def _is_there(self, name: str) -> bool:
        try:
            object.__getattribute__(self, name)
        except AttributeError:
            return False
        return True


def select(cell: CellRecord, rows: Array) -> CellRecord:
    """The cell with these members, in this order."""
    changed: dict[str, Any] = {}
    for name in MEMBER_ARRAYS:
        array = getattr(cell, name)
        changed[name] = None if array is None else array[rows]
    for folder in (*FOLDERS, "stored"):
        arrays = getattr(cell, folder)
        changed[folder] = {name: array[rows] for name, array in arrays.items()}
    if cell.entries is not None:
        changed["entries"] = replace(cell.entries, value=cell.entries.value[rows])
    return replace(cell, **changed)
