"""A composition of stacked methods as one learner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from clbench.engine.costs import carried_bytes, tensor_bytes
from clbench.engine.hooks import HookOrder
from clbench.engine.learner_state import LearnerState
from clbench.engine.look import Look
from clbench.engine.session import Session
from clbench.engine.stack_view import StackView
from clbench.engine.strategy import Strategy
from clbench.engine.task import Batch, Phase, Task
from clbench.options import Configurable
from clbench.stack import Optimizer, Stack, Stateful, objects


class Chain(StackView):
    """The parts of a composition: each hook starts at the first part that has one of its own."""

    draws_globally = False

    def __init__(self, parts: Sequence[Strategy], session: Session) -> None:
        """Join the parts: from here on each of them stands for the whole."""
        self.session, self.order = session, HookOrder(parts)
        self.parts, self.first = tuple(parts), parts[0]
        for part in parts:
            part.session, part._hook_order = session, self.order
        session.learner = self
        session.overridden = self.order.overridden()

    # ------------------------------------------------------------------ what it is

    @property
    def name(self) -> str:
        """`er+ewc`."""
        return "+".join(part.part_name for part in self.parts)

    @property
    def part_name(self) -> str:
        """The first part's."""
        return self.first.part_name

    @property
    def shown(self) -> Strategy:
        """The first part, which stands for the whole."""
        return self.first

    @property
    def form(self) -> str:
        """That of the network; a method without one is computed by itself."""
        return "solo" if self.stack is None else self.stack.form.name

    @property
    def stack(self) -> Stack | None:
        """What the parts train together."""
        return self.session.net

    def owners(self) -> Sequence[Configurable]:
        """The parts."""
        return self.parts

    def state(self) -> Stateful:
        """The session's and every part's."""
        return LearnerState(self.session, self.parts)

    def overrides(self, hook: str) -> bool:
        """Whether any part does something of its own in this hook."""
        return hook in self.session.overridden

    def tests_after(self, index: int) -> bool:
        """Whether every part has trained by then what it was shown."""
        return all(part.tests_after(index) for part in self.parts)

    def uncapturable(self) -> str | None:
        """Which part, or which optimiser, reads values on the host."""
        for part in self.parts:
            if not part.capturable:
                return f"{part.part_name} declares capturable = False"
        if not all(optimizer.capturable for optimizer in self._optimizers()):
            return "an optimiser of torch's own reads its rate on the host"
        return None

    def cut_off(self) -> str | None:
        """Which part kept a hook from the parts behind it, in all that ran so far."""
        return self.order.left_out()

    # ----------------------------------------------------------------- hooks, in the order of a run

    def setup(self) -> None:
        """The parts', and what follows alike."""
        self.first.setup()

    def begin_task(self, task: Task) -> None:
        self.first.begin_task(task)

    def end_task(self, task: Task) -> None:
        self.first.end_task(task)

    def phases(self, task: Task) -> Sequence[Phase]:
        return self.first.phases(task)

    def begin_phase(self, phase: Phase) -> None:
        self.first.begin_phase(phase)

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        self.first.begin_epoch(phase, epoch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        self.first.end_epoch(phase, epoch)

    def observe(self, batch: Batch) -> Tensor | None:
        return self.first.observe(batch)

    def eager_step(self) -> bool:
        return self.first.eager_step()

    def begin_evaluation(self, look: Look) -> None:
        self.first.begin_evaluation(look)

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        return self.first.predict(x, task)

    def masked(self, logits: Tensor, tasks: Tensor, using: str | None = None) -> Tensor:
        return self.first.masked(logits, tasks, using)

    def reset_head(self, how: Literal["zero", "init"], index: int) -> None:
        self.first.reset_head(how, index)

    def shown_net(self) -> Stack:
        return self.first.shown_net()

    # ------------------------------------------------------------------ networks and optimisers

    @property
    def net(self) -> Stack:
        """What the parts train together; `StrategyError` where nobody made one."""
        return self.first.net

    def stack_to_freeze(self, where: str) -> Stack:
        """The network."""
        return self.net

    def set_mode(self, training: bool) -> None:
        """Training or evaluation mode of the network."""
        if self.stack is not None:
            self.stack.train(training)

    def evaluation_mode(self, nested: bool) -> AbstractContextManager[Any]:
        """Evaluation mode of every part of the network, and then what each was in before."""
        return nullcontext() if self.stack is None else self.stack.evaluation()

    def probing(self) -> AbstractContextManager[None]:
        """Nothing: a prediction of a stacked method leaves no trace."""
        return nullcontext()

    def has_batch_norm(self) -> bool:
        """Whether the network has a layer of it."""
        return self.stack is not None and normalises_batches(self.stack.module)

    def show_active(self, active: Sequence[int]) -> None:
        """The network computes these members alone, where it runs one after the other."""
        if self.stack is not None:
            everybody = len(active) == self.members
            # None, not a list of all: the form then need not choose.
            self.stack.active = None if everybody else list(active)

    def weights(self, member: int) -> Mapping[str, Tensor] | None:
        """A member's rows of the network's tensors."""
        if self.stack is None:
            return None
        every = self.stack.named_parameters() | self.stack.named_buffers()
        return {name: value.detach()[member] for name, value in every.items()}

    def rates(self) -> Sequence[StackedRate]:
        """The network's optimiser, and those a method made beside it."""
        return [StackedRate(optimizer) for optimizer in self._optimizers()]

    def reset_optimizer(self) -> None:
        """The moments of the network's optimiser."""
        if self.session.optimizer is not None:
            self.session.optimizer.reset()

    def hold_outputs(self) -> None:
        """In whichever optimisers there are by now."""
        if self.stack is not None and self.session.outputs.some_left_out:
            for optimizer in self._optimizers():
                self.session.outputs.hold(optimizer, self.stack)

    def _optimizers(self) -> list[Optimizer]:
        held = [item for _, item in objects(self.state())]
        return [item for item in held if isinstance(item, Optimizer)]

    # ------------------------------------------------------------------ costs

    def trained_parameters(self) -> list[int]:
        """Those of the network, the same for every member."""
        network = [] if self.stack is None else self.stack.parameters()
        return [sum(value[0].numel() for value in network)] * self.members

    def carried_bytes(self) -> list[float]:
        """Buffers, old models, importances, bases."""
        return [carried_bytes(self, member) for member in range(self.members)]

    def tensor_bytes(self) -> list[float]:
        """Every tensor of the method's own."""
        # The same for every member: tables have a row each.
        return [tensor_bytes(self)] * self.members


class StackedRate:
    """The rate of an optimiser of stacked tensors."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def set_rate(self, lr: float | None, factors: Sequence[float] | None) -> None:
        """This rate, or the optimiser's own, times a factor a member."""
        # None gives the optimiser's own rate back, that of the protocol.
        rate = self.optimizer.own_lr if lr is None else lr
        if factors is None:
            self.optimizer.set_lr(rate)
        else:
            self.optimizer.set_lr(torch.tensor([rate * factor for factor in factors]))


def normalises_batches(module: nn.Module) -> bool:
    """Whether a network has a layer of batch-norm."""
    return any(isinstance(child, _BatchNorm) for child in module.modules())
