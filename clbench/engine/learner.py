"""What the loop drives: a learner, whoever it is made of.

There are two: a composition of stacked methods (`chain.Chain`), and the members of a solo strategy
(`solo_runner.SoloRunner`). The engine asks a learner what it needs to know, and never what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from clbench.engine.look import Look
from clbench.engine.session import ScenarioView, Session
from clbench.engine.task import Batch, Phase, Task
from clbench.options import Configurable
from clbench.stack import Stack, Stateful
from clbench.suite.protocol import Protocol as RunProtocol


class RateSetter(Protocol):
    """An optimiser whose rate the protocol's schedule and the phases set."""

    def set_rate(self, lr: float | None, factors: Sequence[float] | None) -> None:
        """This rate, or the optimiser's own where it is None, times a factor a member."""


class Learner(Protocol):
    """The members of a job as one thing to be trained and tested."""

    session: Session

    # ------------------------------------------------------------------ what it is

    @property
    def name(self) -> str:
        """Its name in suites: `er+ewc`."""

    @property
    def part_name(self) -> str:
        """The name of its first part, for messages."""

    @property
    def members(self) -> int:
        """R."""

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""

    @property
    def scenario(self) -> ScenarioView:
        """What a method may know of the scenario."""

    @property
    def protocol(self) -> RunProtocol:
        """The resolved protocol."""

    @property
    def task(self) -> Task:
        """The task being trained."""

    @property
    def shown(self) -> Any:
        """What probe metrics get as `probe.strategy`."""

    @property
    def form(self) -> str:
        """How the members are computed, for the record: `loop`, `vmap`, `solo`."""

    @property
    def stack(self) -> Stack | None:
        """The one network of all members; None where each has its own, or the method has none."""

    @property
    def draws_globally(self) -> bool:
        """Whether its hooks may draw from the global generators, lent to each member in turn."""

    def owners(self) -> Sequence[Configurable]:
        """The objects that authors wrote: the parts, or the members."""

    def state(self) -> Stateful:
        """All that is saved, suspended, counted and compared."""

    def overrides(self, hook: str) -> bool:
        """Whether any part does something of its own in this hook."""

    def tests_after(self, index: int) -> bool:
        """Whether accuracy is measured after task `index`."""

    def uncapturable(self) -> str | None:
        """Why a step cannot be captured in a device
        graph, as the method says; None where it can.
        """

    def cut_off(self) -> str | None:
        """A sentence where a part kept a hook from the parts behind it; None where none did."""

    # ----------------------------------------------------------------- hooks, in the order of a run

    def setup(self) -> None:
        """Build networks and optimisers."""

    def begin_task(self, task: Task) -> None:
        """Before a task is trained."""

    def end_task(self, task: Task) -> None:
        """After a task was trained."""

    def phases(self, task: Task) -> Sequence[Phase]:
        """What the task's training consists of."""

    def begin_phase(self, phase: Phase) -> None:
        """Before the first epoch of a phase."""

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        """Before an epoch of a phase."""

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        """After an epoch of a phase."""

    def observe(self, batch: Batch) -> Tensor | None:
        """One step; the losses `[R]`, or None."""

    def eager_step(self) -> bool:
        """Whether the next step does what no device graph holds."""

    def begin_evaluation(self, look: Look) -> None:
        """Before a test set is predicted."""

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """`[R, B, classes]`."""

    def masked(self, logits: Tensor, tasks: Tensor, using: str | None = None) -> Tensor:
        """Logits with -inf where an output does not compete for samples of these tasks."""

    def reset_head(self, how: Literal["zero", "init"], index: int) -> None:
        """Zero the last layer, or draw it anew, before task `index`."""

    def shown_net(self) -> Stack:
        """The network that probes look at and that `keep: [weights]` keeps."""

    # ------------------------------------------------------------------ networks and optimisers

    @property
    def net(self) -> Stack:
        """The network as a stack; `StrategyError` where there is none."""

    def stack_to_freeze(self, where: str) -> Stack:
        """The stack whose front a phase lets stand still; `StrategyError` where there is none."""

    def set_mode(self, training: bool) -> None:
        """Training or evaluation mode of every network."""

    def evaluation_mode(self, nested: bool) -> AbstractContextManager[Any]:
        """Evaluation mode within the block; `nested` where another such block is around it."""

    def probing(self) -> AbstractContextManager[None]:
        """Within the block a metric looks on, and is to leave no trace."""

    def has_batch_norm(self) -> bool:
        """Whether a network normalises over its batch, which takes two samples at least."""

    def show_active(self, active: Sequence[int]) -> None:
        """Only these members need to be computed from here on."""

    def weights(self, member: int) -> Mapping[str, Tensor] | None:
        """A member's parameters and buffers, to read and to write; None where it has no network."""

    def rates(self) -> Sequence[RateSetter]:
        """Every optimiser whose rate follows the protocol."""

    def reset_optimizer(self) -> None:
        """Forget every moment, as `optimizer_reset: task` does."""

    def hold_outputs(self) -> None:
        """Let outputs that take no part in a step stand still in it, in every optimiser."""

    # ------------------------------------------------------------------ costs

    def trained_parameters(self) -> list[int]:
        """`[R]`: how many numbers each member trains."""

    def carried_bytes(self) -> list[float]:
        """`[R]`: what each member has to keep beside its network and its optimiser."""

    def tensor_bytes(self) -> list[float]:
        """`[R]`: what that takes where its tensors lie."""
