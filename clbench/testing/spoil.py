"""Making mistakes visible: rows that do not count
are filled with something else, units are watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from clbench.engine.strategy import Strategy
from clbench.engine.streams import Streams
from clbench.engine.task import Batch
from clbench.stack.members import beside

SPOILED_VALUE = (
    7.25  # far outside of the images' range, and finite: 0 * NaN would punish correct methods
)
OUTSIDE_STEPS = ("begin_task", "begin_epoch", "end_epoch", "end_task")


@contextmanager
def spoiled_padding() -> Iterator[None]:
    """Fill the rows of `task.batches` that do not count with other images, labels and indices."""
    # Patched on the class, for streams are made within the engine.
    original = Streams.batches

    def batches(self: Streams, *args: Any, **kwargs: Any) -> Iterator[Batch]:
        for batch in original(self, *args, **kwargs):
            yield _spoiled(batch)

    with mock.patch.object(Streams, "batches", batches):
        yield


def _spoiled(batch: Batch) -> Batch:
    if batch.valid is None or bool(batch.valid.all()):
        return batch
    counts = batch.valid
    image = beside(counts, batch.x)
    return replace(
        batch,
        x=torch.where(image, batch.x, SPOILED_VALUE),
        y=_of_other_rows(counts, batch.y),
        index=_of_other_rows(counts, batch.index),
    )


def _of_other_rows(counts: Tensor, values: Tensor) -> Tensor:
    """Values of other rows of the same batch where a row does not count: sound, and wrong."""
    return torch.where(counts, values, values.flip(1))


class UnitWatch:
    """Whether hooks that silence units silence all
    columns that a unit owns, and none of another's.
    """

    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy
        self.found: list[str] = []
        self.silenced = 0
        for hook in ("after_step", *OUTSIDE_STEPS):
            self._wrap(hook)

    def _wrap(self, hook: str) -> None:
        order = self.strategy._hook_order
        assert order is not None
        # Around the whole chain of parts, whoever calls the hook.
        order.intercept(hook, lambda original: self._watched(hook, original))

    def _watched(self, hook: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            before = self._columns()
            result = original(*args)
            self._compare(hook, before, self._columns())
            return result

        return watched

    def _columns(self) -> dict[str, tuple[Tensor, int]]:
        """By layer: which columns of its outgoing weight
        are all zero, `[R, columns]`, and its block.
        """
        params = self.strategy.net.named_parameters()
        found = {}
        for layer in self.strategy.net.layers():
            found[layer.name] = _zero_columns(params[layer.out_weight].detach()), layer.block
        return found

    def _compare(
        self,
        hook: str,
        before: dict[str, tuple[Tensor, int]],
        after: dict[str, tuple[Tensor, int]],
    ) -> None:
        for name, (zero, block) in after.items():
            # `[R, columns]`; a column that was zero before tells nothing.
            newly = zero & ~before[name][0]
            self.silenced += int(newly.sum())
            if _some_not_all(newly, zero, block):
                what = f"of the outgoing columns of a unit of {name} to zero"
                self.found.append(f"{hook} set some, not all, {what}")


def _zero_columns(weight: Tensor) -> Tensor:
    """`[R, in]`, of `[R, out, in, ...]`."""
    columns = weight.transpose(1, 2).flatten(2)
    return (columns == 0).all(2)


def _some_not_all(newly: Tensor, zero: Tensor, block: int) -> bool:
    """Whether a column `[R, columns]` of a unit, which owns `block`, became zero, but not all."""
    any_new = newly.unflatten(1, (-1, block)).any(2)
    all_zero = zero.unflatten(1, (-1, block)).all(2)
    return bool((any_new & ~all_zero).any())
