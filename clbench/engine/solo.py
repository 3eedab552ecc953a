"""`SoloStrategy`: for authors who do not want to think in stacks. The engine loops over members."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.engine.context import Method
from clbench.engine.look import MemberLook
from clbench.engine.session import Session
from clbench.engine.task import Batch, Phase, Samples, Task
from clbench.engine.updates import adjusted_step
from clbench.errors import NotSetUp
from clbench.options import name_of
from clbench.randomness import key
from clbench.stack import Noise
from clbench.stack.modules import build
from clbench.stack.optimizer import Updates

TORCH_NAMES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}


class SoloNoise:
    """A member's stream of random numbers without the leading dimension."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise

    def __getattr__(self, name: str) -> Any:
        draw = getattr(self.noise, name)
        # Noise of one member is `[1, ...]`.
        return lambda *args: draw(*args)[0]


class SoloStrategy(Method):
    """A method written for one member: `net` is a plain module,
    `optimizer` a plain optimiser, losses are scalars.

    Same hooks and same records as `Strategy`; a batch has `x [B, ...]` and `y [B]`, `predict`
    returns `[B, classes]`.
    """

    wiring = frozenset({"session", "_row"})

    net: nn.Module
    optimizer: torch.optim.Optimizer
    _row: int = 0

    @property
    def row(self) -> int:
        """Which of the job's members it is."""
        return self._row

    def join(self, session: Session, row: int) -> None:
        """Become the member in this row of a job."""
        self.session, self._row = session, row

    def __getattr__(self, name: str) -> Any:
        if name in ("net", "optimizer"):
            raise NotSetUp(name_of(type(self)), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def rng(self, name: str) -> SoloNoise:
        """The member's own stream: `.uniform(*shape)` and so on."""
        if "noise" not in vars(self):
            self.noise: dict[str, Noise] = {}
        if name not in self.noise:
            # Not the stream of a stacked method: a solo and a stacked version draw other numbers.
            self.noise[name] = Noise(
                [key(*self.session.members[self.row], f"solo/{name}")], device=self.device
            )
        return SoloNoise(self.noise[name])

    def log(self, name: str, value: float | Tensor) -> None:
        """Append a value to the record's curve of this name."""
        values = torch.zeros(len(self.session.members), dtype=torch.float64)
        # The other rows are not read: only this member's is appended.
        values[self.row] = float(value)
        self.session.log(name, values, [self.row])

    def cost(self, name: str, value: float | Tensor, add: bool = False) -> None:
        """Note a cost in the record's `cost/<name>`: the last
        value stands, or, with `add`, they are added up.
        """
        self.session.cost(name, float(value), add, [self.row])

    def note(self, name: str, value: float | Tensor) -> None:
        """Within an evaluation: keep a value of this test set, as a matrix like accuracy."""
        self.session.note(name, torch.as_tensor(value).detach(), self.row)

    def train_on(self, samples: Samples) -> None:
        """In `begin_phase`: these samples are the phase's data, a buffer as it is then."""
        self.session.train_on(samples, self.row)

    def make_optimizer(
        self, params: Sequence[Tensor], lr: float | None = None
    ) -> torch.optim.Optimizer:
        """An optimiser of the protocol's kind; `lr` is a rate of its own."""
        name, options = next(iter(self.protocol.optimizer.items()))
        kind = getattr(torch.optim, TORCH_NAMES.get(name, name.removeprefix("torch.")))
        rate = {} if lr is None else {"lr": lr}
        # The suite's own names of optimisers are mapped to torch's.
        optimizer: torch.optim.Optimizer = kind(params, **{**(options or {}), **rate})
        remember_rates(optimizer)
        return optimizer

    def cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        """The mean over the batch, on the setting's logits."""
        # The mask is made for all members, and one row of it taken.
        tasks = batch.tasks.expand(len(self.session.members), -1)
        mask = self.session.mask(tasks, self.protocol.logits["train"])
        own = None if mask is None else mask[self.row]
        self.session.outputs.note_row(self.row, own, batch.tasks)
        kept = logits if own is None else logits.masked_fill(~own, -torch.inf)
        return F.cross_entropy(kept, batch.y)

    def batches(self, split: Any = "train", size: int = 256) -> Any:
        """The current task's samples of this member, in a fixed order.

        Rows that do not count are left out.
        """
        for batch in self.task.batches(split, size):
            mine = batch.member(self.row)
            assert mine.valid is not None
            count = int(mine.valid.sum())
            # Rows that count come first, so padding can be cut off.
            if count:
                yield Batch(
                    mine.x[:count],
                    mine.y[:count],
                    mine.index[:count],
                    mine.tasks[:count],
                    mine.task,
                )

    # ------------------------------------------------------------------ hooks

    def setup(self) -> None:
        """Build `net` and `optimizer` from the protocol."""
        session = self.session
        start = session.starts[self.row]
        # The same initial weights as in a stack: same stream, same seed.
        net = build(self.build_model, session.members[self.row], "init", start=start)
        self.net = net.to(self.device)
        self.optimizer = self.make_optimizer(list(self.net.parameters()))

    def build_model(self) -> nn.Module:
        """A fresh module of the protocol's model."""
        return self.session.model.build(self.scenario.input_shape, self.scenario.classes)

    def begin_task(self, task: Task) -> None:
        """Before a task is trained."""

    def end_task(self, task: Task) -> None:
        """After a task was trained."""

    def phases(self, task: Task) -> Sequence[Phase]:
        """What the task's training consists of."""
        return [Phase()]

    def begin_phase(self, phase: Phase) -> None:
        """Before the first epoch of a phase."""

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        """Before an epoch."""

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        """After an epoch."""

    def observe(self, batch: Batch) -> Tensor | None:
        """One step; returns the task's loss, or None."""
        self.optimizer.zero_grad()
        loss = self.task_loss(batch)
        loss.backward()
        self.data_gradients(batch)
        penalty = self.penalty()
        if isinstance(penalty, Tensor) and penalty.requires_grad:
            penalty.backward()
        self.adjust_gradients(batch)
        if self.protocol.clip is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.protocol.clip)
        # Without an override the optimiser steps in place: no copy of the parameters.
        if type(self).adjust_updates is SoloStrategy.adjust_updates:
            self.optimizer.step()
        else:
            params = [p for group in self.optimizer.param_groups for p in group["params"]]
            adjust = functools.partial(self.adjust_updates, batch)
            adjusted_step(params, self.optimizer.step, adjust)
        self.after_step(batch)
        # The task's loss without the penalty, as stacked methods return it.
        return loss.detach()

    def task_loss(self, batch: Batch) -> Tensor:
        """A scalar: all that is learnt from data."""
        return self.cross_entropy(self.training_logits(batch), batch)

    def training_logits(self, batch: Batch) -> Tensor:
        """`[B, classes]`, the full width, in training."""
        out: Tensor = self.net(batch.x)
        return out

    def penalty(self) -> Tensor | float:
        """A scalar: all that depends on parameters only."""
        return 0.0

    def data_gradients(self, batch: Batch) -> None:
        """The gradients at hand are those of `task_loss` alone."""

    def adjust_gradients(self, batch: Batch) -> None:
        """The gradients at hand are those the optimiser will use."""

    def adjust_updates(self, batch: Batch, updates: Updates) -> None:
        """What the optimiser adds to each of its parameters, to be changed in place."""

    def after_step(self, batch: Batch) -> None:
        """The parameters have just moved."""

    def begin_evaluation(self, look: MemberLook) -> None:
        """Before a test set is predicted, in evaluation mode and without gradients."""

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """`[B, classes]`."""
        out: Tensor = self.net(x)
        return out

    def held(self) -> dict[str, Any]:
        """What the method carries."""
        # Options are given anew with every start, and are no state.
        return {name: value for name, value in super().held().items() if name not in self.options}


def remember_rates(optimizer: torch.optim.Optimizer) -> None:
    """Keep the rates it was made with, under torch's own name, for schedules to start from."""
    for group in optimizer.param_groups:
        # torch's own schedulers keep it under this name.
        group.setdefault("initial_lr", group["lr"])
