"""`keep: [weights, predictions]`: what a job keeps of its networks, beside what it measures.

A file is written once after each task, beside the checkpoint, which therefore stays small; the
job's record gathers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clbench.engine.evaluate import Watch
from clbench.engine.learner import Learner
from clbench.errors import StrategyError
from clbench.records.rows import Rows, find_rows, write_rows
from clbench.stack import Stack
from clbench.typing import Array


class Keeper:
    """Weights after each task, and the class that every test sample was given."""

    def __init__(self, learner: Learner, checkpoint: Path | None) -> None:
        self.learner, self.checkpoint = learner, checkpoint
        self.weights = "weights" in learner.protocol.keep
        self.predictions = "predictions" in learner.protocol.keep
        self._chosen: dict[int, list[Tensor]] = {}  # by column, of the row under way
        self._in_memory: dict[int, dict[str, Rows]] = {}  # by row, where there is no checkpoint
        # An error now rather than after the first task.
        if self.weights:
            self._network()

    def prediction_sinks(self, column: int) -> list[Watch]:
        """Who looks on while a task is tested."""
        if not self.predictions:
            return []
        kept = self._chosen[column] = []
        # The classes chosen, `[R, B]` a batch; joined when the row ends.
        return [lambda chosen, batch: kept.append(chosen)]

    def end_row(self, row: int, members: Sequence[int]) -> None:
        """Keep what these members are after so many tasks."""
        if not (self.weights or self.predictions):
            return
        found = self._weights(row) if self.weights else {}
        for column, chosen in self._chosen.items():
            found[f"predictions/{row}/{column + 1}"] = self._predicted(column, chosen)
        self._chosen = {}
        # Members that diverged keep no rows: their weights say nothing.
        taking = set(members)
        rows = {name: _of_members(values, taking) for name, values in found.items()}
        if self.checkpoint is None:
            self._in_memory[row] = rows
        else:
            self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
            write_rows(self._file(row), rows)

    def _weights(self, row: int) -> dict[str, Array]:
        """Parameters and buffers of all members."""
        network = self._network()
        # Running statistics belong to what a network predicts with.
        every = network.named_parameters() | network.buffers
        return {f"weights/{row}/{name}": _plain(value) for name, value in every.items()}

    def _predicted(self, column: int, chosen: Sequence[Tensor]) -> Array:
        """The class that each test sample of a task was given; -1 where a member has fewer."""
        index, _ = self._tested(column)
        # Padding of the last batch is cut off.
        classes = torch.cat(list(chosen), dim=1).cpu().numpy()[:, : index.shape[1]]
        # Room for 32,767 classes, a quarter of int64's bytes.
        return np.where(index < 0, -1, classes).astype(np.int16)

    def has(self, rows: int) -> bool:
        """Whether the first so many rows are there, for a job that goes on."""
        # A checkpoint without its files would continue with rows missing.
        return not (self.weights or self.predictions) or all(
            self._file(row).exists() for row in range(rows)
        )

    def gathered(self) -> dict[str, Rows]:
        """All that was kept, with the samples and labels that predictions are of."""
        stored: dict[str, Rows] = {}
        for row in range(len(self.learner.session.streams.tasks) + 1):
            stored |= (
                self._in_memory.get(row, {})
                if self.checkpoint is None
                else find_rows(self._file(row))
            )
        for task in sorted(
            {int(name.rpartition("/")[2]) for name in stored if name.startswith("predictions/")}
        ):
            index, label = self._tested(task - 1)
            stored |= {
                f"tests/{task}/index": Rows(list(index)),
                f"tests/{task}/label": Rows(list(label)),
            }
        return stored

    def flags(self) -> dict[str, Array]:
        """What was kept of every member."""
        members = len(self.learner.session.members)
        return {name: np.ones(members) for name in self.learner.protocol.keep}

    def _file(self, row: int) -> Path:
        assert self.checkpoint is not None
        return self.checkpoint.with_suffix(f".row{row}.h5")

    def _network(self) -> Stack:
        """What the strategy shows as its network."""
        try:
            # What a method predicts with, which need not be what it trains.
            return self.learner.shown_net()
        except StrategyError:
            name = self.learner.part_name
            raise StrategyError(
                f"{name} has no network of its own whose weights could be kept; leave weights out"
                f" for it: {{{name}: {{protocol: {{keep: []}}}}}}"
            ) from None

    def _tested(self, column: int) -> tuple[Array, Array]:
        """`[R, N]`: the test samples of a task, by their place in the
        test set, and their labels; -1 where a member has fewer.
        """
        streams = self.learner.session.streams
        index, label = [], []
        for batch in streams.batches(streams.tasks[column], "test", streams.chunk("test")):
            assert batch.valid is not None
            index.append(torch.where(batch.valid, batch.index, -1))
            label.append(torch.where(batch.valid, batch.y, -1))
        # The longest member's test set; shorter ones are padded with -1.
        most = max(streams.sizes(column, "test"))
        both = (torch.cat(parts, dim=1).cpu().numpy()[:, :most] for parts in (index, label))
        return next(both).astype(np.int32), next(both).astype(np.int16)


def _of_members(values: Array, members: set[int]) -> Rows:
    """A row of each of these members, and none of the others."""
    return Rows([values[row] if row in members else None for row in range(len(values))])


def _plain(value: Tensor) -> Array:
    value = value.detach()
    return (
        # numpy knows no bfloat16.
        (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value)
        .cpu()
        .numpy()
        .copy()
    )
