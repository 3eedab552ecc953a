"""Every field of a record and of its cells: one table that reading, writing, merging, exporting
and `docs/records.md` walk.

What a file need not hold is left out where it is as usual, and read as usual where it is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeGuard

from clbench.records.faults import fault_from_plain
from clbench.records.status import DONE

CHANCE_LEVELS = ("task", "all")
# What a strategy's class may declare, and how tables say so.
DECLARATIONS = {
    "oracle": "it sees the labels, or the task, of the samples it is tested on",
    "reads_test": "it reads test data while it trains",
    "bound": "it keeps all data or forgets all it learnt, which the others may not: no rival",
}


class Storage(Enum):
    """How HDF5 holds a field."""

    TEXT = auto()  # an attribute
    JSON = auto()  # an attribute
    DATASET = auto()
    FOLDER = auto()  # datasets by name


def _unchanged(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Field:
    """One field of a cell, or of the record itself."""

    name: str
    storage: Storage
    about: str  # as the docs say it
    usual: Any = ""  # what is read where a file does not hold it
    always: bool = True  # written even where it is as usual
    exported: bool = False  # one of those that `export --to json` gives of each cell
    compared: bool = False  # two measurements of one member must agree in it
    axes: tuple[str, ...] = ()  # the dimensions of a dataset
    decode: Callable[[Any], Any] = field(default=_unchanged)  # from what the file holds
    encode: Callable[[Any], Any] = field(default=_unchanged)  # to what the file holds


def _text(name: str, about: str, **more: Any) -> Field:
    return Field(name, Storage.TEXT, about, **more)


def _json(name: str, about: str, usual: Any, **more: Any) -> Field:
    return Field(name, Storage.JSON, about, usual, **more)


def _dataset(name: str, about: str, *axes: str, **more: Any) -> Field:
    return Field(name, Storage.DATASET, about, usual=None, axes=axes, **more)


def _folder(name: str, about: str, **more: Any) -> Field:
    return Field(name, Storage.FOLDER, about, **more)


def _chance_levels(told: Mapping[str, Any]) -> dict[str, float]:
    """Accuracies by name; anything else that a stranger's attribute may hold is none."""
    levels = {}
    for name in CHANCE_LEVELS:
        level = told.get(name)
        if _is_share(level):
            levels[name] = float(level)
    return levels


def _is_share(told: Any) -> TypeGuard[float]:
    return isinstance(told, int | float) and 0 < told < 1


def _count(told: Any) -> int:
    """0 for what is none, whatever a stranger's attribute may hold."""
    is_one = isinstance(told, int) and not isinstance(told, bool)
    return max(0, told) if is_one else 0


def _declarations(told: list[Any]) -> tuple[str, ...]:
    return tuple(name for name in DECLARATIONS if name in told)


def _faults(told: list[Any]) -> tuple[Any, ...]:
    return tuple(map(fault_from_plain, told))


def _plain_faults(faults: tuple[Any, ...]) -> list[Any]:
    return [fault.to_plain() for fault in faults]


def _metrics_asked(told: list[Any]) -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple((str(label), dict(options)) for label, options in told)


def _plain_metrics(metrics: tuple[Any, ...]) -> list[Any]:
    return [[label, dict(options)] for label, options in metrics]


def _mapping(told: Any) -> dict[str, Any]:
    """Anything else that a stranger's attribute may hold is nothing."""
    return dict(told) if isinstance(told, Mapping) else {}


def _texts(told: Any) -> dict[str, str]:
    return {name: text for name, text in _mapping(told).items() if isinstance(text, str)}


def _runs(told: list[Any]) -> tuple[Any, ...]:
    return tuple(run for run in told if isinstance(run, dict))


# Attributes at the root of the file.
RECORD_FIELDS = (
    _text("suite", "the suite's name"),
    _text("suite_text", "the suite file as it was run"),
    _text(
        "purpose",
        "`results`, or `smoke` for the made-up data of `--smoke`; absent where nobody said",
        always=False,
    ),
    _json("environment", "JSON: the facts of the last run", {}),
    _json(
        "runs",
        "JSON: every run that measured something, the oldest first, as its workers reported it:"
        " `id`, `date` (UTC), versions of clbench, its engine, Python and the packages below,"
        " machine, device, form asked for, threads, matrix-product path, plugins with versions,"
        " git commit when there is one",
        [],
        always=False,
        decode=_runs,
        encode=list,
    ),
    _json(
        "metrics",
        "JSON: the metrics the suite asked for, by label (their names, where they have no other),"
        " with their options",
        [],
        decode=_metrics_asked,
        encode=_plain_metrics,
    ),
    _json(
        "metric_facts",
        "JSON: of each of those its unit, which way is better, its limits, and how tables sum it"
        " up, for readers without the plugin; `metric`, its name, where its label is another",
        {},
        always=False,
    ),
)

# Attributes, datasets and folders of a cell. Besides them a cell has a dataset `seed`, `entries`
# where the whole matrix was not measured, and what is `stored` on disk until it is asked for.
CELL_FIELDS = (
    _text("scenario", "the scenario's label", exported=True),
    _text("strategy", "the strategy's name, `er+ewc` for a composition", exported=True),
    _text(
        "label",
        "the name in tables: the strategy, with the options in which cells of that name differ",
        exported=True,
    ),
    _json("options", "JSON: the resolved options", {}, exported=True),
    _json("protocol", "JSON: the resolved protocol", {}, exported=True),
    _text("status", "`done`, `partial`, `diverged` or `failed`", usual=DONE, exported=True),
    _text("form", "how the stack was run: `loop`, `vmap` or `solo`", exported=True),
    _json("content", "JSON: what the key is a hash of", {}),
    _json(
        "probes",
        "JSON: how each of `metrics` was measured: its options, and the version of its code;"
        " `metric`, its name, where its label is another",
        {},
        exported=True,
    ),
    _json(
        "chance",
        "JSON: the mean accuracy that answers can have which depend on no image: `task`, over"
        " tasks, where they may depend on the task; `all`, over all tasks at the end, where they"
        " may only if the setting tells it. Absent where nobody said",
        {},
        always=False,
        decode=_chance_levels,
    ),
    _json(
        "test_images",
        "how many images the test set has, where every run is tested on all of them; absent where"
        " nobody said, or where runs are tested on parts of the data",
        0,
        always=False,
        decode=_count,
    ),
    _json(
        "declared",
        "JSON: what the strategy's classes declare that they need and others have not (`oracle`,"
        " `reads_test`, `bound`); absent where nothing is",
        [],
        always=False,
        exported=True,
        decode=_declarations,
        encode=list,
    ),
    _json(
        "trained_together",
        "so many first tasks were trained together, at the last of them, and nothing was tested"
        " before (`modular`); absent where each was trained by itself. A metric takes these tasks"
        " for learnt after the last of them",
        1,
        always=False,
        exported=True,
    ),
    _text(
        "about",
        "the strategy in a sentence, the first line of its documentation",
        always=False,
    ),
    _json(
        "papers",
        "JSON: by strategy (a composition has several) the paper that its class names; absent"
        " where none does",
        {},
        always=False,
        decode=_texts,
    ),
    _json(
        "defaults",
        "JSON: the strategy's `options` at their defaults; absent in records from before they were"
        " kept",
        {},
        always=False,
        decode=_mapping,
    ),
    _text(
        "graphs",
        "on a GPU `captured` where its steps were replayed as device graphs, or `eager: ` and why"
        " not; empty on a CPU",
    ),
    _json(
        "faults",
        "JSON: what went wrong, a list of objects: `said`, the traceback of a job that failed; and,"
        " where it is about a probe metric, `metric`, its label, and `undefined: true` where"
        " nothing failed and `said` is why it has no value",
        [],
        decode=_faults,
        encode=_plain_faults,
    ),
    _text("apart", "of a cell that is kept apart: why", always=False),
    _dataset("agent", "0 where there are no agents", "seed", exported=True),
    _dataset(
        "run",
        "the `id` of the run that measured this member; empty where that is not known",
        "seed",
        exported=True,
    ),
    _dataset(
        "member_status",
        "`done`, `diverged`, `failed` or `timeout`",
        "seed",
        exported=True,
        compared=True,
    ),
    _dataset(
        "diverged_at",
        "the step in which the loss became NaN, -1 where it did not",
        "seed",
        exported=True,
        compared=True,
    ),
    _dataset(
        "accuracy",
        "`accuracy[s, i, j]`: fraction right on the test samples of task `j+1` after training on"
        " `i` tasks; row 0 is the untrained network; NaN where nothing was measured",
        "seed",
        "after_task",
        "task",
        compared=True,
    ),
    _dataset(
        "accuracy_before",
        "a task's accuracy when its head exists and before it is trained",
        "seed",
        "task",
        compared=True,
    ),
    _dataset("loss", "mean training loss of each task", "seed", "task", compared=True),
    _folder(
        "metrics",
        "what probe metrics measured during the run, the record metrics that the suite asked for,"
        " and what `clbench metrics add` stored. A record metric is computed anew where its plugin"
        " is at hand",
    ),
    _folder(
        "curves",
        "what strategies logged, NaN-padded; `[S, K, n]` where a value has several numbers",
        compared=True,
    ),
    _folder(
        "notes",
        "what the strategy noted of each test set, laid out as the accuracies",
        compared=True,
    ),
    _folder(
        "cost",
        "seconds, bytes, and any other cost: `state_bytes` is what the method has to keep beside"
        " its network (of a buffer the images, labels and logits, not the indices that stand for"
        " them), `device_bytes` what its tensors took; `show`, `compare --metric` and `export`"
        " know each by its name, whether or not a plugin describes it",
    ),
    _folder(
        "metric_seconds",
        "seconds that measuring this probe metric took a member, in the whole run (a stack's time"
        " divided by its members); it is no part of `cost/train_seconds`. `show` and the end of"
        " `run` sum them up in a line. Older records have none",
    ),
    _folder("kept", "1 for members of whom they were kept"),
)


def names_stored_as(*storages: Storage) -> tuple[str, ...]:
    """The names of a cell's fields that are stored in one of these ways, in the table's order."""
    return tuple(one.name for one in CELL_FIELDS if one.storage in storages)


ATTRIBUTES = tuple(one for one in CELL_FIELDS if one.storage in (Storage.TEXT, Storage.JSON))
DATASETS = {one.name: one.axes for one in CELL_FIELDS if one.storage is Storage.DATASET}
FOLDERS = names_stored_as(Storage.FOLDER)
# In these two measurements of one member must agree.
_COMPARED = frozenset(one.name for one in CELL_FIELDS if one.compared)
COMPARED_DATASETS = tuple(name for name in DATASETS if name in _COMPARED)
COMPARED_FOLDERS = tuple(name for name in FOLDERS if name in _COMPARED)
# Arrays with a row a member, which every change of members goes through.
MEMBER_ARRAYS = ("seed", *DATASETS)
