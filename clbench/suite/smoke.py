"""`--smoke`: the same cells on made-up data, small enough for the whole suite to run in seconds."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clbench.data.searching import searching
from clbench.errors import OptionError, UnknownName
from clbench.options import plain_options
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.entries import dataset_of
from clbench.suite.protocol import Protocol

if TYPE_CHECKING:
    from clbench.host import Host

SEEDS = 2
MAX_STEPS = 4  # a task
MAX_BATCH = 16
# What a method may look at in a pass of its own, where it has an option `samples`: an exact Fisher
# costs a pass for each class.
SAMPLES_OF_METHODS = 16
# Tried in this order: classes do not divide into every number of tasks.
TASKS = (3, 2)
AGENTS = (2,)
# Samples of a class; of more classes than these fewer each.
TRAIN_SAMPLES, TEST_SAMPLES = 10, 4
FULL_CLASSES = 20
# Times the learning rate: what is stable after an epoch of real data need not be after a few steps
# on noise.
RATE_FACTOR = 0.1
MAX_SIDE = 32  # height and width
MAX_WIDTH = 8  # of a model that has an option `width`


def tiny_cells(cells: Sequence[Cell], host: Host) -> list[Cell]:
    """The cells made small; those that differed only in what was made small are one."""
    found: dict[str, Cell] = {}
    for cell in cells:
        tiny = _tiny(cell, host)
        found.setdefault(tiny.key("", {}), tiny)
    return list(found.values())


def _tiny(cell: Cell, host: Host) -> Cell:
    protocol = _tiny_protocol(cell.protocol)
    return dataclasses.replace(
        cell,
        scenario=_tiny_scenario(cell.scenario, protocol, host),
        parts=tuple(map(_tiny_part, cell.parts)),
        protocol=protocol,
        seeds=cell.seeds[:SEEDS],
    )


def _tiny_protocol(protocol: Protocol) -> Protocol:
    """A few small steps of a narrow network, at a lower rate."""
    changes: dict[str, Any] = {"batch_size": min(protocol.batch_size, MAX_BATCH)}
    if protocol.steps is None:
        changes["epochs"] = 1
    else:
        changes["steps"] = min(protocol.steps, MAX_STEPS)
    changes["model"] = _narrow(Choice.of(protocol.model))
    changes["optimizer"] = _slow(Choice.of(protocol.optimizer))
    return protocol.with_changes(**changes)


def _narrow(model: Choice) -> dict[str, Any]:
    width = model.options.get("width")
    return model.written(width=min(width, MAX_WIDTH)) if isinstance(width, int) else model.written()


def _slow(optimizer: Choice) -> dict[str, Any]:
    rate = optimizer.options.get("lr")
    return optimizer.written() if rate is None else optimizer.written(lr=rate * RATE_FACTOR)


def _tiny_part(part: Choice) -> Choice:
    """A strategy that looks at few samples."""
    options = dict(part.options)
    if "samples" in options:
        options["samples"] = SAMPLES_OF_METHODS
    return Choice(part.name, options)


def _tiny_scenario(scenario: Choice, protocol: Protocol, host: Host) -> Choice:
    """The scenario on few made-up samples, with few tasks and few agents."""
    options = dict(scenario.options)
    if "dataset" not in options:
        return Choice(scenario.name, options)
    data = _tiny_data(scenario, host)
    options = _shorter(scenario, host, data["classes"]) | {"dataset": {"synthetic": data}}
    if isinstance(options.get("samples"), int):
        options["samples"] = min(options["samples"], data["train"])
    # The options hold this very mapping: what the agents need more is in both.
    data["train"] *= _agents(host.get("scenario", scenario.name), options, data)
    if isinstance(options.get("samples_per_class"), int):
        left = (1 - protocol.validation) * data["train"] / data["classes"]
        few = max(1, int(left / 2))  # not all that are left: others draw theirs, too
        options["samples_per_class"] = min(options["samples_per_class"], few)
    return Choice(scenario.name, options)


def _shorter(scenario: Choice, host: Host, classes: int) -> dict[str, Any]:
    """The options with few tasks and few agents,
    where the scenario has so many and can do with fewer.
    """
    kind = host.get("scenario", scenario.name)
    options = _fewer(dict(scenario.options), "tasks", TASKS, kind, classes)
    return _fewer(options, "agents", AGENTS, kind, classes)


def _fewer(
    options: dict[str, Any], name: str, numbers: Sequence[int], kind: Any, classes: int
) -> dict[str, Any]:
    """The options with the first of these numbers that the scenario can do with."""
    if name not in options:
        return options
    # Nothing given means as many as there can be.
    many = math.inf if options[name] is None else options[name]
    for number in numbers:
        if isinstance(many, int | float) and many > number:
            with contextlib.suppress(OptionError):
                kind(**{**options, name: number}).check(classes)
                return {**options, name: number}
    return options


def _agents(kind: Any, options: dict[str, Any], data: dict[str, Any]) -> int:
    """How many agents the samples are dealt out to: there have to be enough for each."""
    import numpy as np

    from clbench.data.arrays import Arrays

    size, channels, classes = data["size"], data["channels"], data["classes"]
    y = np.arange(classes)
    x = np.zeros((classes, size, size, channels), dtype=np.uint8)
    try:
        agents: int = kind(**options).layout(Arrays("synthetic", x, y, x, y, classes, "")).agents
    except Exception:  # whatever it is, the run will say it
        return 1  # as if there were none
    return agents


def _tiny_data(scenario: Choice, host: Host) -> dict[str, Any]:
    """Options of synthetic data with the real one's classes and image format, where known."""
    name = Choice.of(scenario.options["dataset"]).name
    classes, shape = 10, (8, 8, 1)  # where nothing is known
    real = dataset_of(scenario, host) if name in host.names("dataset") else None
    # Of a data set that is made of imported ones nothing is known before it is loaded.
    with searching(host), contextlib.suppress(UnknownName):
        classes = getattr(real, "classes", None) or classes
        shape = getattr(real, "shape", None) or shape
    height, _, channels = shape
    wanted = {
        "classes": classes,
        "size": min(height, MAX_SIDE),
        "channels": channels,
        "train": _of_all_classes(TRAIN_SAMPLES, classes),
        "test": _of_all_classes(TEST_SAMPLES, classes),
    }
    return plain_options(host.get("dataset", "synthetic"), wanted)


def _of_all_classes(samples: int, classes: int) -> int:
    """How many samples there are in all: at least two of each class."""
    each = samples * FULL_CLASSES // max(classes, FULL_CLASSES)
    return max(2, each) * classes
