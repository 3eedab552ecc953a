"""`Strategy`: what a method author subclasses.

A method is a subclass that overrides the hooks it needs and calls `super()`. Several methods
compose into one (`er+ewc`): each part stays an object of its own, with its own options and
attributes; `super().hook()` in the last class of a part goes on to the next part, and `self.hook()`
starts at the first part.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from clbench.engine.hooks import HOOKS, Hooked, hook, parts_of
from clbench.engine.look import Look
from clbench.engine.stacked_method import StackedMethod
from clbench.engine.task import Batch, Phase, Task
from clbench.engine.updates import adjusted_step
from clbench.errors import StrategyError
from clbench.options import name_of
from clbench.stack import Optimizer, Stack, objects, restore, save
from clbench.stack.members import beside
from clbench.stack.optimizer import Updates


class Strategy(Hooked, StackedMethod):
    """A continual-learning method over a stack of members.

    Options are annotated class attributes with defaults.
    """

    capturable: ClassVar[bool] = True
    """False where a step cannot be captured in a device graph."""
    foreseeable: ClassVar[bool] = False
    """True where `phases` needs nothing but `task.index`, `scenario` and `protocol`.

    It may then be asked before the run, for estimates.
    """
    replaces: ClassVar[frozenset[str]] = frozenset()
    """The hooks that it overrides without calling `super()`: it must be the last part then."""
    generates_weights: ClassVar[bool] = False
    """True where it trains and tests weights of its own making in the place of those of `net`."""
    needs_parts: ClassVar[tuple[str, ...]] = ()
    """The names of strategies that it works on, and without which it is refused: `softhebb`."""
    needs_agents: ClassVar[bool] = False
    """True where it shares among the agents of a seed: refused in a scenario that has one a seed.
    """

    wiring = frozenset({"session", "_hook_order"})

    @hook
    def reset_head(self, how: Literal["zero", "init"], index: int) -> None:
        """Zero the network's last layer, or draw it anew, as
        the protocol's `head_reset` does before task `index`.

        A method whose head begins in a way of its own does this to the new one, too.
        """
        head = self.net.part("head")
        if how == "init":
            self.net.redraw(head.names, "head_reset", index)
            return
        with torch.no_grad():
            for value in head.parameters():
                value.zero_()

    def forget_head(self) -> None:
        """Let every optimiser step the network's last layer
        as a new one: moments and counts of steps are gone.
        """
        # By identity, for optimisers know no names.
        head = {id(param) for param in self.net.part("head").parameters()}
        everyone = torch.ones(self.members, dtype=torch.bool, device=self.device)
        for _, item in objects(self.session.learner.state()):
            held = item.params if isinstance(item, Optimizer) else []
            for param in held:
                if id(param) in head:
                    # `[R, 1, ...]`: all entries of every member, so ages restart for the whole
                    # parameter.
                    item.reset_entries(param, beside(everyone, param))

    # ----------------------------------------------------------------- hooks, in the order of a run

    @hook
    def setup(self) -> None:
        """Build `net` and `optimizer` from the protocol."""
        self.net = self.make_net()
        self.optimizer = self.make_optimizer([p for p in self.net.parameters() if p.requires_grad])

    @hook
    def begin_task(self, task: Task) -> None:
        """Before a task is trained."""

    @hook
    def end_task(self, task: Task) -> None:
        """After a task was trained, before it is evaluated."""

    @hook
    def phases(self, task: Task) -> Sequence[Phase]:
        """What the task's training consists of: one phase of the protocol's length."""
        return [Phase()]

    @hook
    def begin_phase(self, phase: Phase) -> None:
        """Before the first epoch of a phase."""

    @hook
    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        """Before an epoch of a phase."""

    @hook
    def end_epoch(self, phase: Phase, epoch: int) -> None:
        """After an epoch of a phase."""

    @hook
    def observe(self, batch: Batch) -> Tensor | None:
        """One step.

        Returns the task's loss `[R]`, which the engine watches for members that diverge, or None.
        """
        self.optimizer.zero_grad()
        # `[R]`: members' losses stay apart, and so do their gradients.
        loss = self._a_member_each("task_loss", self.task_loss(batch))
        # Between the loss and the update: logits of this forward are those before it.
        if self.session.before_update is not None:
            self.session.before_update()
        loss.backward(torch.ones_like(loss))  # as that of the sum, and two kernels less
        self.data_gradients(batch)
        # A backward of its own, so that `data_gradients` has seen those of the data alone.
        if (
            "penalty" in self.session.overridden
            and (penalty := self._a_member_each("penalty", self.penalty())).requires_grad
        ):
            penalty.sum().backward()
        self.adjust_gradients(batch)
        if "adjust_updates" in self.session.overridden:
            adjust = functools.partial(self.adjust_updates, batch)
            adjusted_step(self.optimizer.params, self.optimizer.step, adjust)
        else:
            self.optimizer.step()
        self.after_step(batch)
        return loss.detach()

    def _a_member_each(self, hook: str, value: Any) -> Tensor:
        """What a hook gave, if it is `[R]`: a mean over members would
        train each with a part of its gradient, and say nothing.
        """
        if isinstance(value, Tensor) and value.shape == (self.members,):
            return value
        got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise StrategyError(
            f"{self.session.learner.name}.{hook} returned {got}; one value a member,"
            f" {[self.members]}, is wanted"
        )

    @hook
    def task_loss(self, batch: Batch) -> Tensor:
        """`[R]`: all that is learnt from data."""
        return self.cross_entropy(self.training_logits(batch), batch)

    @hook
    def training_logits(self, batch: Batch) -> Tensor:
        """`[R, B, classes]`, the full width, in training.

        A method whose forward depends on the samples' tasks says how.
        """
        out: Tensor = self.net(batch.x)
        return out

    @hook
    def penalty(self) -> Tensor:
        """`[R]`: all that depends on parameters only."""
        return torch.zeros(self.members, device=self.device)

    @hook
    def data_gradients(self, batch: Batch) -> None:
        """The gradients at hand are those of `task_loss` alone."""

    @hook
    def adjust_gradients(self, batch: Batch) -> None:
        """The gradients at hand are those the optimiser will use."""

    @hook
    def adjust_updates(self, batch: Batch, updates: Updates) -> None:
        """What the optimiser adds to each of `optimizer.params`,
        to be changed in place; None of one without a gradient.

        Asked only where some part overrides it.
        """

    @hook
    def after_step(self, batch: Batch) -> None:
        """The parameters have just moved."""

    @hook
    def eager_step(self) -> bool:
        """Asked before each step: whether this one does
        what no device graph holds, as reading values.

        It then runs as it is, between steps that are replayed. What it depends on is known on the
        host, such as `steps_taken`.
        """
        return False

    @hook
    def begin_evaluation(self, look: Look) -> None:
        """Before a test set is predicted, in evaluation mode and without gradients.

        Whatever is written here stays: adapt a copy (`net.spawn()`), or what `predict` alone reads.
        """

    @hook
    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """`[R, B, classes]`, the full width; `task` is given where the setting tells it."""
        out: Tensor = self.net(x)
        return out

    # ------------------------------------------------------------------ what parts offer

    @hook
    def shared(self) -> list[str]:
        """The names of parameters that may be averaged over
        agents: the trainable ones without the head.
        """
        named = self.net.named_parameters()
        return [
            name
            for name, value in named.items()
            # The last layer is each agent's own, for its classes are.
            if value.requires_grad and not name.startswith("head.")
        ]

    @hook
    def shown_net(self) -> Stack:
        """The network that probes look at and that `keep: [weights]` keeps."""
        return self.net

    def part(self, which: str | type[Strategy]) -> Any:
        """Another part of the composition, by its name in
        suites or by its class (or one that it derives from).
        """
        wanted = which if isinstance(which, str) else name_of(which)
        parts = parts_of(self)
        for part in parts:
            if wanted in part_names(type(part)):
                return part
        names = ", ".join(part.part_name for part in parts)
        raise StrategyError(f"{self.part_name} asks for the part {wanted!r}; there are: {names}")

    # ------------------------------------------------------------------ state

    def held(self) -> dict[str, Any]:
        """What the method carries: its attributes but for
        its options and its place in the composition.
        """
        # Hooks that a method set on the instance are not state either.
        apart = {*self.options, *HOOKS}
        for key, value in vars(self).items():
            if key in HOOKS and not callable(value):
                raise StrategyError(
                    f"{self.part_name}: self.{key} is set to a {type(value).__name__}, and {key}"
                    " is a hook; give the attribute another name"
                )
        return {key: value for key, value in super().held().items() if key not in apart}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on: plain data and tensors."""
        return save(self.session.learner.state())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put `state_dict()` back, after `setup()`."""
        restore(self.session.learner.state(), state, self.session.find, self.device)


def part_names(kind: type[Strategy]) -> list[str]:
    """The names by which other parts may ask for it: its own, and those of what it derives from.

    By name, for a file that was loaded twice has two classes of one name.
    """
    return [name_of(cls) for cls in kind.__mro__ if issubclass(cls, Strategy)]
