"""What everything that takes part in a job knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from clbench.engine.session import ScenarioView, Session
from clbench.engine.task import Phase, Task
from clbench.options import Configurable, name_of
from clbench.records.cell import DECLARATIONS
from clbench.stack import Stateful
from clbench.suite.protocol import Protocol


class InSession:
    """The facts of the session that somebody works in."""

    session: Session

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.session.device

    @property
    def scenario(self) -> ScenarioView:
        """`classes` (outputs of the network), `input_shape`, `tasks`, `setting`, `agents`."""
        return self.session.scenario

    @property
    def protocol(self) -> Protocol:
        """The resolved protocol: `self.protocol.batch_size`."""
        return self.session.protocol

    @property
    def task(self) -> Task:
        """The task being trained."""
        assert self.session.task is not None, "no task has begun"
        return self.session.task

    @property
    def phase(self) -> Phase:
        """The phase being trained."""
        assert self.session.phase is not None, "no phase has begun"
        return self.session.phase


class Method(InSession, Configurable, Stateful):
    """What every method says of itself, whether it is written for a stack or for one member."""

    evaluates: ClassVar[str] = "tasks"
    """`tasks`: accuracy is measured after every task; `end`: only untrained and at the end."""
    oracle: ClassVar[bool] = False
    """True where `begin_evaluation` sees labels, or the task that the setting does not tell."""
    reads_test: ClassVar[bool] = False
    """True where hooks read test data (`task.batches("test")`)."""
    bound: ClassVar[bool] = False
    """True where it shows what is within reach, and does not compete.

    It keeps or sees all data, or forgets all it learnt.
    """

    paper: ClassVar[str] = ""
    """Authors, year, title, and a web address: what a reader of a leaderboard is to cite."""

    # The engine builds methods and fills them: a restored one would lack its session.
    made_anew: ClassVar[bool] = False

    def declares(self) -> frozenset[str]:
        """Which of `oracle`, `reads_test` and `bound` hold with these options.

        By default what the class says.
        """
        return frozenset(name for name in DECLARATIONS if getattr(self, name))

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        """Why this setting or this protocol makes no sense for the method with its options.

        A sentence and what to do instead, or None where it makes sense. `clbench validate` shows
        it, before anything runs.
        """
        return None

    def tests_after(self, index: int) -> bool:
        """Whether accuracy is measured after task `index`; the last one is always tested.

        False where the method has not yet trained what it was shown: `evaluates` says it of all
        tasks but the last.
        """
        return self.evaluates == "tasks"

    def known_as(self, path: str) -> str:
        """By its name in suites."""
        return name_of(type(self))
