"""What was measured of one cell, in memory. The layout on disk is `clbench.records.file`'s business."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from clbench.records.rows import Rows
from clbench.typing import Array

MOST_TASKS = 100_000
SINGLE = (
    "seed",
    "agent",
    "run",
    "member_status",
    "diverged_at",
    "accuracy",
    "accuracy_before",
    "loss",
)
# Arrays by name, with a row a member.
GROUPS = ("metrics", "notes", "curves", "cost", "metric_seconds", "kept")
_UNDEFINED = re.compile(r"metric (\S+): Undefined: (.*)")
_FAULT = re.compile(r"metric (\S+): (.*)")
# What a strategy's class may declare, and how tables say so.
DECLARATIONS = {
    "oracle": "it sees the labels, or the task, of the samples it is tested on",
    "reads_test": "it reads test data while it trains",
    "bound": "it keeps all data or forgets all it learnt, which the others may not: no rival",
}
MEMBER_STATUS = ("done", "diverged", "failed", "timeout")


@dataclass(frozen=True)
class Entries:
    """The accuracies measured where the whole matrix was not: `value[:, k]` is task `column[k]` (from 0) after `row[k]` tasks."""

    row: Array
    column: Array
    value: Array

    def find(self, row: Any, column: Any) -> Array:
        """Which entries are at these places, arrays as numpy broadcasts them; -1 where nothing was measured."""
        codes, order, width = self._sorted
        wanted = np.asarray(row) * width + column
        place = np.searchsorted(codes, wanted).clip(max=max(len(codes) - 1, 0))
        found = (
            (codes[place] == wanted) & (np.asarray(column) < width)
            if len(codes)
            else np.zeros(np.shape(wanted), bool)
        )
        return np.where(found, order[place] if len(codes) else -1, -1)

    @cached_property
    def _sorted(self) -> tuple[Array, Array, int]:
        width = int(self.column.max(initial=0)) + 1
        codes = self.row * width + self.column
        order = np.argsort(codes, kind="stable")
        return codes[order], order, width


@dataclass
class CellRecord:
    """One cell's members, sorted by seed, then agent. S members, T tasks; NaN where nothing was measured."""

    key: str
    scenario: str
    strategy: str
    label: str
    seed: Array  # [S]
    accuracy: Array | None  # [S, T+1, T], row 0 the untrained network
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)  # what the key is a hash of
    probes: Mapping[str, Any] = field(
        default_factory=dict
    )  # how each of `metrics` was measured: with which options, by which version
    chance: Mapping[str, float] = field(
        default_factory=dict
    )  # accuracies without a look at the images (clbench.scenarios.chance); empty where nobody said
    about: str = ""  # the strategy in a sentence, as its own documentation has it
    form: str = ""  # how the stack was run: loop, vmap or solo
    graphs: str = ""  # on a GPU whether its steps were captured as a device graph: captured, or "eager: " and why not
    status: str = "done"  # done, partial, diverged, failed
    agent: Array | None = None  # [S]
    run: Array | None = None  # [S], the run that measured it; "" where that is not known
    member_status: Array | None = None  # [S] of "done", "diverged", "failed", "timeout"
    diverged_at: Array | None = None  # [S], the step, -1 where it did not
    accuracy_before: Array | None = None  # [S, T]
    loss: Array | None = None  # [S, T], mean training loss of each task
    entries: Entries | None = None
    # What its classes declare that they need and others have not, of `DECLARATIONS`.
    declared: tuple[str, ...] = ()
    # So many first tasks were trained together, at the last of them; nothing is tested before.
    trained_together: int = 1
    # What the strategy noted of each test set: [S, T+1, T], or [S, K] beside `entries`.
    notes: dict[str, Array] = field(default_factory=dict)
    metrics: dict[str, Array] = field(
        default_factory=dict
    )  # [S, ...]; probe metrics, measured live
    curves: dict[str, Array] = field(default_factory=dict)  # [S, K], NaN-padded
    cost: dict[str, Array] = field(default_factory=dict)  # [S] or [S, T]
    # [S] by probe metric: how long measuring it took, beside the training
    metric_seconds: dict[str, Array] = field(default_factory=dict)
    kept: dict[str, Array] = field(
        default_factory=dict
    )  # [S]: 1 for members whose weights, or predictions, are in `stored`
    stored: dict[str, Rows] = field(
        default_factory=dict
    )  # what stays on disk until it is asked for, by its path in the cell
    errors: tuple[str, ...] = ()  # tracebacks of jobs that failed
    apart: str = ""  # why it is kept apart, where the suite no longer asks for it

    @property
    def is_bound(self) -> bool:
        """Whether it shows what is within reach, and does not compete."""
        return "bound" in self.declared

    @property
    def troubles(self) -> tuple[str, ...]:
        """`errors`, but for probe metrics that only said why they are undefined."""
        return tuple(error for error in self.errors if not _UNDEFINED.match(error))

    def fault(self, metric: str) -> str | None:
        """What a probe metric said in place of a value: why it is undefined, or what it raised."""
        return next(
            (found[2] for found in map(_FAULT.match, self.errors) if found and found[1] == metric),
            None,
        )

    def undefined(self, metric: str) -> str | None:
        """Why a probe metric has no value, in its own words."""
        said = [
            found[2] for found in map(_UNDEFINED.match, self.errors) if found and found[1] == metric
        ]
        return said[0] if said else None

    def __repr__(self) -> str:
        """In a line: the arrays are long."""
        return f"<{self.label} on {self.scenario}: {self.members} members, {self.tasks} tasks, {self.status}>"

    @property
    def tasks(self) -> int:
        """T; 0 where nothing was measured."""
        if self.accuracy is not None:
            return int(self.accuracy.shape[-1])
        if self.entries is not None:
            return int(
                max(self.entries.column.max(initial=-1) + 1, self.entries.row.max(initial=0))
            )
        return 0

    @property
    def members(self) -> int:
        """S."""
        return len(self.seed)

    @property
    def agents(self) -> int:
        """How many each seed has; 1 where there are none."""
        return 1 if self.agent is None else max(1, len(np.unique(self.agent)))

    @property
    def complete(self) -> Array:
        """`[S]`: members whose seed is finished, which it is when all its agents are: a mean over the others would favour failing."""
        if self.member_status is None:
            return np.ones(self.members, dtype=bool)
        unfinished = self.seed[self.member_status != "done"]
        return ~np.isin(self.seed, unfinished)


def metric_of(error: str) -> str | None:
    """The metric that an entry of `errors` is about; None for the traceback of a job."""
    found = _FAULT.match(error)
    return found[1] if found else None


def marked_label(cell: CellRecord) -> str:
    """The cell's label with what its classes declare, for tables: `er (oracle)`."""
    marks = ", ".join(name.replace("_", " ") for name in cell.declared)
    return f"{cell.label} ({marks})" if marks else cell.label


def marked_names(cells: Iterable[CellRecord]) -> dict[str, str]:
    """Every label with its marks, for tables that show bounds in a way of their own."""
    found: dict[str, set[str]] = {}
    for cell in cells:
        found.setdefault(cell.label, set()).update(cell.declared)
    names = {}
    for label, declared in found.items():
        marks = ", ".join(sorted(name.replace("_", " ") for name in declared - {"bound"}))
        names[label] = f"{label} ({marks})" if marks else label
    return names


def declared_lines(cells: Iterable[CellRecord]) -> list[str]:
    """What the marks in a table mean, a line each."""
    found: dict[str, list[str]] = {name: [] for name in DECLARATIONS}
    for cell in cells:
        for name in cell.declared:
            found[name].append(cell.label)
    return [
        f"({name.replace('_', ' ')}) {', '.join(dict.fromkeys(labels))}: {DECLARATIONS[name]}"
        for name, labels in found.items()
        if labels
    ]


class _Later:
    """An attribute that is read with the rest of its cell, when it is first asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, cell: Any, owner: type | None = None) -> Any:
        if cell is None:
            raise AttributeError(self.name)
        cell.read()
        return vars(cell)[self.name]


class CellOnDisk(CellRecord):
    """A cell of which only the names are known until something else is asked for: a record may have thousands."""

    @classmethod
    def of(cls, fetch: Callable[[], CellRecord], **names: str) -> CellOnDisk:
        """The cell that `fetch` reads and checks; `RecordError` comes up when it does."""
        cell = cls.__new__(cls)
        vars(cell).update(names, _fetch=fetch)
        return cell

    def read(self) -> None:
        """Read all of it."""
        full = vars(self).pop("_fetch")
        try:
            vars(self).update(
                {name: value for name, value in vars(full()).items() if name not in vars(self)}
            )
        except BaseException:
            vars(self)["_fetch"] = full
            raise


for _field in fields(CellRecord):
    _later = _Later()
    _later.__set_name__(CellOnDisk, _field.name)
    setattr(CellOnDisk, _field.name, _later)


def status_of(member_status: Array) -> str:
    """A cell's status from its members'."""
    ended = set(member_status.tolist())
    if ended & {"failed", "timeout"} or not ended:
        return "partial" if ended & {"done", "diverged"} else "failed"
    return "diverged" if ended == {"diverged"} else "done"


def settled(cell: CellRecord) -> CellRecord:
    """The cell checked, with defaults filled in and its members sorted; `ValueError` says what does not fit."""
    seed = _integers("seed", cell.seed, None)
    if seed.ndim != 1:
        raise ValueError(f"seed has {seed.ndim} dimensions instead of one")
    size = len(seed)
    agent = np.zeros(size, np.int64) if cell.agent is None else _integers("agent", cell.agent, size)
    status = (
        np.array(["done"] * size, dtype=object)
        if cell.member_status is None
        else _statuses(cell.member_status, size)
    )
    diverged_at = (
        np.full(size, -1)
        if cell.diverged_at is None
        else _integers("diverged_at", cell.diverged_at, size)
    )
    run = np.array([""] * size, dtype=object) if cell.run is None else _texts("run", cell.run, size)
    full = replace(
        cell, seed=seed, agent=agent, run=run, member_status=status, diverged_at=diverged_at
    )
    full.accuracy = None if cell.accuracy is None else _matrix(cell.accuracy, size)
    full.entries = None if cell.entries is None else _entries(cell.entries, size)
    if full.accuracy is None and full.entries is None and cell.status != "failed":
        raise ValueError("there is neither accuracy nor entries")
    if full.tasks and not 1 <= full.trained_together <= full.tasks:
        raise ValueError(
            f"trained_together is {full.trained_together}; of {full.tasks} tasks, 1 to {full.tasks}"
            " can be trained together"
        )
    for name in ("accuracy_before", "loss"):
        value = getattr(cell, name)
        setattr(
            full,
            name,
            None if value is None else _shaped(name, _floats(name, value), (size, full.tasks)),
        )
    for group in GROUPS:
        setattr(
            full,
            group,
            {
                name: _members(f"{group}/{name}", value, size)
                for name, value in getattr(cell, group).items()
            },
        )
    measured = full.entries.value if full.entries is not None else full.accuracy
    for name, value in full.notes.items():
        if measured is None or value.shape != measured.shape:
            raise ValueError(f"notes/{name} has not the shape of the accuracies")
    return _sorted(full)


def select(cell: CellRecord, rows: Array) -> CellRecord:
    """The cell with these members, in this order."""
    return _each(cell, lambda array: array[rows])


def _sorted(cell: CellRecord) -> CellRecord:
    assert cell.agent is not None
    order = np.lexsort((cell.agent, cell.seed))
    seed, agent = cell.seed[order], cell.agent[order]
    twice = (np.diff(seed) == 0) & (np.diff(agent) == 0)
    if twice.any():
        raise ValueError(
            f"seed {seed[:-1][twice][0]} (agent {agent[:-1][twice][0]}) is there twice"
        )
    return cell if (np.diff(order) == 1).all() else select(cell, order)


def _each(cell: CellRecord, change: Callable[[Any], Any]) -> CellRecord:
    """The cell with a change to every array that has a row a member."""
    single = {name: getattr(cell, name) for name in SINGLE}
    changed: dict[str, Any] = {
        name: None if array is None else change(array) for name, array in single.items()
    }
    groups: dict[str, Any] = {
        group: {name: change(array) for name, array in getattr(cell, group).items()}
        for group in (*GROUPS, "stored")
    }
    entries = (
        None if cell.entries is None else replace(cell.entries, value=change(cell.entries.value))
    )
    return replace(cell, **changed, **groups, entries=entries)


def _shaped(name: str, value: Array, shape: tuple[int, ...]) -> Array:
    if value.shape != shape:
        raise ValueError(f"{name} has shape {_show(value.shape)} instead of {_show(shape)}")
    return value


def _show(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def _numbers(name: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} does not hold numbers")
    return array


def _floats(name: str, value: Any) -> Array:
    return _numbers(name, value).astype(np.float64, copy=False)


def _integers(name: str, value: Any, size: int | None) -> Array:
    array = _numbers(name, value)
    with np.errstate(invalid="ignore"):
        whole: Array = array.astype(np.int64, copy=False)
    if (whole != array).any():
        raise ValueError(f"{name} holds numbers that are not whole")
    return whole if size is None else _shaped(name, whole, (size,))


def _texts(name: str, value: Any, size: int) -> Array:
    array = _shaped(name, np.asarray(value, dtype=object), (size,))
    for text in set(array.tolist()):
        if not isinstance(text, str) or not text.isprintable():
            raise ValueError(f"{name} holds something else than plain text")
    return array


def _statuses(value: Any, size: int) -> Array:
    array = _shaped("member_status", np.asarray(value, dtype=object), (size,))
    for status in set(array.tolist()):
        if status not in MEMBER_STATUS:
            raise ValueError(f"member_status holds {status!r}; known: {', '.join(MEMBER_STATUS)}")
    return array


def _members(name: str, value: Any, size: int) -> Array:
    array = _numbers(name, value)
    if array.ndim < 1 or len(array) != size:
        raise ValueError(
            f"{name} has shape {_show(array.shape)}, and its first dimension should be the {size} members"
        )
    return array


def _fractions(name: str, array: Array) -> Array:
    if (array > 1 + 1e-6).any() or (array < -1e-6).any():
        raise ValueError(f"{name} holds values outside 0..1: accuracies are fractions, not percent")
    return array


def _matrix(value: Any, size: int) -> Array:
    array = _floats("accuracy", value)
    if array.ndim != 3 or array.shape[0] != size or array.shape[1] != array.shape[2] + 1:
        raise ValueError(
            f"accuracy has shape {_show(array.shape)} instead of [{size}, tasks + 1, tasks]"
        )
    return _fractions("accuracy", array)


def _entries(entries: Entries, size: int) -> Entries:
    row = _integers("entries/row", entries.row, None)
    column = _integers("entries/column", entries.column, len(row))
    if (row < 0).any() or (column < 0).any():
        raise ValueError("entries/row and entries/column hold numbers below 0")
    if max(row.max(initial=0), column.max(initial=0)) > MOST_TASKS:
        raise ValueError(f"entries/row and entries/column name more than {MOST_TASKS} tasks")
    value = _fractions("entries/value", _floats("entries/value", entries.value))
    sound = Entries(row, column, _shaped("entries/value", value, (size, len(row))))
    twice = np.flatnonzero(sound.find(row, column) != np.arange(len(row)))
    if len(twice):
        raise ValueError(
            f"entries name task {column[twice[0]] + 1} after {row[twice[0]]} tasks twice"
        )
    return sound
