"""A new last layer for every task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from clbench import Strategy, Task, hookimpl


class HeadReset(Strategy):
    """Reset the last layer before every task but the first, and what the optimiser remembers of it.

    The protocol's `head_reset` does the same for all methods of a suite, and leaves the optimiser's
    moments as they are (here `moments: false`). With zeros it is the reset of continual ImageNet,
    with fresh weights the head resetting of Dohare et al. (Nature 632, 2024).
    """

    to: Literal["zero", "init"] = "init"  # zeros, or weights of an untrained network
    moments: bool = True  # forget the optimiser's moments of the last layer, too

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        if protocol["head"] == "multi":
            return (
                "each task has a fresh last layer with `head: multi`, and those of earlier tasks"
                " must last; leave head_reset out, or set `head: single`"
            )
        return super().refusal(setting, protocol)

    def setup(self) -> None:
        super().setup()
        self.net.part("head")  # an error that comes now, or never

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if not task.index:
            return
        self.reset_head(self.to, task.index)
        if self.moments:
            self.forget_head()


@hookimpl
def clbench_strategies() -> list[type]:
    return [HeadReset]
