"""What a stacked method works with: the network, the optimiser, the members' numbers and curves."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from clbench.engine.context import Method
from clbench.engine.look import Images
from clbench.engine.stack_view import StackView
from clbench.engine.task import Samples
from clbench.errors import NotSetUp, StrategyError
from clbench.options import name_of
from clbench.stack import Noise, Optimizer, Stack, make_optimizer


class StackedMethod(StackView, Method):
    """A method over a stack of members: what it is given, and what it may report."""

    @property
    def net(self) -> Stack:
        """The stack."""
        if self.session.net is None:
            raise NotSetUp(self.part_name, "net")
        return self.session.net

    @net.setter
    def net(self, net: Stack) -> None:
        if not isinstance(net, Stack):
            raise StrategyError(
                f"{self.part_name}: self.net is set to a {type(net).__name__}; a stack of all"
                " members is wanted: self.net = self.stack(factory, 'net'), factory building one"
                " module (or subclass SoloStrategy, where self.net is a plain module)"
            )
        self.session.net = net

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser of the stack."""
        if self.session.optimizer is None:
            raise NotSetUp(self.part_name, "optimizer")
        return self.session.optimizer

    @optimizer.setter
    def optimizer(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise StrategyError(
                f"{self.part_name}: self.optimizer is set to a {type(optimizer).__name__}; an"
                " optimiser of stacked tensors is wanted: self.optimizer ="
                " self.make_optimizer(self.net.parameters())"
            )
        self.session.optimizer = optimizer

    def rng(self, name: str) -> Noise:
        """The members' own streams: `.uniform(*shape)`, `.normal`,
        `.integers(high, *shape)`, `.permutation(n)`; `[R, ...]` a draw.
        """
        return self.session.rng(f"{self.part_name}/{name}")

    def log(self, name: str, value: Tensor, members: Sequence[int] | None = None) -> None:
        """Append `[R]` values (or `[R, K]`) to the record's curve of this name.

        Of these members; by default of those that take part.
        """
        self.session.log(name, value, members)

    def cost(self, name: str, value: Tensor | float, add: bool = False) -> None:
        """Note a cost of the members that take part, `[R]` or
        a number for all, in the record's `cost/<name>`.

        The last value stands; with `add` they are added up. `parameters` and `state_bytes` replace
        the engine's own count.
        """
        self.session.cost(name, value, add)

    def train_on(self, samples: Samples) -> None:
        """In `begin_phase`: these samples are the phase's data, a buffer as it is then."""
        self.session.train_on(samples)

    def note(self, name: str, value: Tensor) -> None:
        """Within an evaluation: keep `[R]` values of this test set, as a matrix like accuracy.

        Of `[R, tasks]`, what holds if the test set is of each of the tasks, the engine keeps the
        column of the one that it is of.
        """
        self.session.note(name, value)

    @property
    def asked(self) -> Images | None:
        """In `predict`: the images that the engine asks about,
        which of them count, and where they stand in the look.

        None where somebody else calls `predict`.
        """
        return self.session.asked

    @property
    def part_name(self) -> str:
        """The name this method has in suites."""
        return name_of(type(self))

    def stack(self, factory: Callable[[], nn.Module], name: str) -> Stack:
        """Another stack of this job's members (a hypernetwork, a generator).

        Each member is initialised under its own seed, agents of a seed alike.
        """
        return self._stack(factory, f"{self.part_name}/{name}")

    def make_net(self, **options: Any) -> Stack:
        """The stack of the protocol's model, with these
        options of the model in place of its own.
        """
        model = self.session.model
        chosen = replace(model, options={**model.options, **options})
        scenario = self.scenario
        factory = functools.partial(chosen.build, scenario.input_shape, scenario.classes)
        return self._stack(factory, "init")

    def _stack(self, factory: Callable[[], nn.Module], stream: str) -> Stack:
        """A stack of this job's members, drawn from their streams of this name."""
        session = self.session
        return Stack(
            factory,
            session.members,
            form=session.form,
            device=session.device,
            precision=session.precision,
            clock=session.clock,
            stream=stream,
            starts=session.starts,
        )

    def make_optimizer(self, params: Sequence[Tensor], lr: float | None = None) -> Optimizer:
        """An optimiser of the protocol's kind over these `[R, ...]` tensors.

        `lr` is a rate of its own, in place of the protocol's; schedules start from it.
        """
        ((kind, given),) = self.protocol.optimizer.items()
        options = dict(given or {}) if lr is None else {**(given or {}), "lr": lr}
        made = make_optimizer({kind: options}, params, self.members)
        made.clip = self.protocol.clip
        return made
