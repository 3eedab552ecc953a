"""Training and evaluation mode of a stack, and of its parts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Self

from torch import nn


class Modes:
    """The mode of a network: `training`, and `part_modes` of the parts that have one of their own.

    The skeleton is given them before it runs, because copies of a stack share one skeleton.
    """

    module: nn.Module
    training: bool
    part_modes: dict[str, bool]

    def train(self, mode: bool = True) -> Self:
        """Training mode on or off, as in `nn.Module`, but
        for parts that were given a mode of their own.
        """
        self.training = mode
        return self

    def eval(self) -> Self:
        """Evaluation mode."""
        return self.train(False)

    def set_part_mode(self, name: str, training: bool) -> None:
        """The mode of a part and all within it from now on, whatever the rest does."""
        within = name + "."
        others = {
            part: mode
            for part, mode in self.part_modes.items()
            if part != name and not part.startswith(within)
        }
        self.part_modes = {**others, name: training}

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[None]:
        """Everything in evaluation mode within the block,
        parts with a mode of their own too; then as before.
        """
        before = self.training, self.part_modes
        self.training, self.part_modes = False, {}
        try:
            yield
        finally:
            self.training, self.part_modes = before

    def set_mode(self) -> None:
        """Give the skeleton the modes that the stack has; copies share one skeleton."""
        at = vars(self.module).get("_clbench_part_modes", {})
        if self.module.training is not self.training or at != self.part_modes:
            self._set_skeleton(training=self.training, parts=self.part_modes)

    def _set_skeleton(self, *, training: bool, parts: Mapping[str, bool]) -> None:
        self.module.train(training)
        # In the order in which they were set: the later one is the more specific.
        for name, mode in parts.items():
            self.module.get_submodule(name).train(mode)
        vars(self.module)["_clbench_part_modes"] = dict(parts)
