"""Probe metrics measured from weights that were kept, without training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.data.arrays import Arrays
from clbench.engine.curves import Curve
from clbench.engine.learner import Learner
from clbench.engine.probes import Probes
from clbench.engine.runner import Settings, build_learner
from clbench.errors import RecordError, UserError
from clbench.suite.cell import Cell
from clbench.typing import Member

Weights = Mapping[str, np.ndarray[Any, np.dtype[Any]]]
WHEN = ("task_end", "run_end")


class _Unknown:
    """Stands for the strategy in a probe: of the method itself nothing was kept."""

    def __getattr__(self, name: str) -> Any:
        raise UserError(
            f"it looks at the strategy ({name}), and weights alone were kept; its cells must run"
            " again"
        )


def measure_kept(
    cell: Cell,
    members: Sequence[Member],
    form: str,
    rows: Sequence[Weights],
    name: str,
    metric: Any,
    *,
    host: Any,
    arrays: Arrays,
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], str | None]:
    """`[R, ...]`: what a probe metric would have measured of
    these members, and why it is undefined where it is.

    `rows[i]` are their weights after task i + 1.
    """
    # As in a run, so options and network are what the record says.
    learner = build_learner(cell, members, host=host, arrays=arrays, settings=Settings(form=form))
    session, measurements = learner.session, learner.session.measurements
    probes = Probes({name: metric}, learner, shown=_Unknown())
    last = len(session.streams.tasks)
    for task, weights in zip(session.streams.tasks, rows, strict=True):
        there = _put(learner, weights)
        session.task = task
        # Only members whose weights were kept at that task.
        session.set_active(there)
        if there and (metric.when == "task_end" or task.index == last - 1):
            for _, value in probes.ask(metric.when, task):
                measurements.write(measurements.probes, name, value, there)
    said, undefined = measurements.faults.get(name, (None, False))
    if said is not None and not undefined:
        raise UserError(
            f"{name} cannot be measured from the weights of {cell.label}:"
            f" metric {name}: {said.splitlines()[0]}"
        )
    measured = measurements.probes.get(name, Curve(len(members), 0))
    return measured.table(), said


@torch.no_grad()
def _put(learner: Learner, weights: Weights) -> list[int]:
    """Load every member's weights; the members that have any."""
    floats = [
        value.reshape(len(value), -1) for value in weights.values() if value.dtype.kind == "f"
    ]
    # A member that diverged has rows of NaN.
    there = np.flatnonzero(~np.isnan(np.concatenate(floats, axis=1)).all(axis=1))
    targets = _tensors(learner)
    if targets[0].keys() != weights.keys():
        raise RecordError(
            f"the weights of {learner.part_name} do not fit the network that this version of it"
            " builds"
        )
    for member, target in enumerate(targets):
        for name, tensor in target.items():
            value = torch.from_numpy(weights[name])[member]
            if value.shape != tensor.shape:
                raise RecordError(
                    f"the kept {name} has the shape {list(value.shape)}, and the network's is"
                    f" {list(tensor.shape)}"
                )
            # Zeros in place of NaN, or whatever a probe sums over members would be NaN, too.
            tensor.copy_(torch.nan_to_num(value) if value.is_floating_point() else value)
    return there.tolist()


def _tensors(learner: Learner) -> list[Mapping[str, Tensor]]:
    """Parameters and buffers, member by member, to write into."""
    return [learner.weights(member) or {} for member in range(learner.members)]
