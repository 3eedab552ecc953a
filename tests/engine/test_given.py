"""Options and protocol stay as they were given: what changes while a run lasts is lost at a
resume.
"""

from __future__ import annotations

from typing import Any

import pytest

from clbench import SoloStrategy, Strategy
from clbench.errors import StrategyError


class Appending(Strategy):
    """A list is changed in place, where no attribute is set."""

    sizes: list[float] = [0.0]  # noqa: RUF012

    def end_task(self, task: Any) -> None:
        super().end_task(task)
        self.sizes.append(0.5)


class SoloAppending(SoloStrategy):
    sizes: list[float] = [0.0]  # noqa: RUF012

    def observe(self, batch: Any) -> Any:
        self.sizes[0] += 1.0
        return super().observe(batch)


class Shortening(Strategy):
    def end_task(self, task: Any) -> None:
        super().end_task(task)
        self.protocol.epochs = 1


class Slowing(SoloStrategy):
    def end_task(self, task: Any) -> None:
        super().end_task(task)
        self.protocol.optimizer["sgd"]["lr"] *= 0.1


class Reading(Strategy):
    sizes: list[float] = [0.0, float("nan")]  # noqa: RUF012

    def end_task(self, task: Any) -> None:
        super().end_task(task)
        self.current_sizes = [*self.sizes, self.protocol.batch_size]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            Appending,
            "^appending changes its option 'sizes' in place while it runs; .*current_sizes",
        ),
        (SoloAppending, "^solo_appending changes its option 'sizes' in place while it runs"),
        (Shortening, "^a strategy sets protocol.epochs while it runs; .*a Phase has epochs"),
        (Slowing, "^the protocol's 'optimizer' was changed while slowing ran; .*as it was given"),
    ],
)
def test_what_was_given_stays(make_bench: Any, kind: Any, sentence: str) -> None:
    with pytest.raises(StrategyError, match=sentence):
        make_bench(kind, optimizer={"sgd": {"lr": 0.1}}).run(0, 1)


def test_what_was_given_may_be_read(make_bench: Any) -> None:
    assert make_bench(Reading).run(0).accuracy.shape[0] == 1
