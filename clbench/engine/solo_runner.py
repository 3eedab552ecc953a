"""The members of a solo strategy as one learner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from clbench.engine.chain import normalises_batches
from clbench.engine.learner_state import LearnerState
from clbench.engine.look import Look
from clbench.engine.phases import joined
from clbench.engine.session import Session
from clbench.engine.solo import SoloStrategy, remember_rates
from clbench.engine.solo_state import carried_bytes, optimizers, parameter_count
from clbench.engine.stack_view import StackView
from clbench.engine.task import Batch, Phase, Task
from clbench.errors import NotSetUp, StrategyError
from clbench.options import name_of
from clbench.stack import Stack, Stateful, restore, save
from clbench.stack.generators import MemberStates
from clbench.stack.modules import build

# The hooks that the engine leaves out where a solo strategy has none of its own.
OPTIONAL_HOOKS = ("begin_evaluation",)


class SoloRunner(StackView, Stateful):
    """The members of a solo strategy, run one after the other.

    Solo strategies may use torch's, NumPy's and Python's global generators: around every hook these
    are set to the member's own state. What is drawn in `predict` comes from a state of its own, so
    that training does not depend on what is evaluated, nor on how often.
    """

    made_anew: ClassVar[bool] = False
    wiring = frozenset({"session", "solo_class", "solo_options", "probed"})
    # Members that sit out are not called, so nothing of theirs has to be kept apart.
    one_a_member = frozenset({"solos"})

    draws_globally = True
    stack = None
    form = "solo"

    def __init__(self, solo: type[SoloStrategy], options: dict[str, Any], session: Session) -> None:
        self.solo_class, self.solo_options = solo, options
        self.session = session
        self.probed = False  # by a metric: `predict` leaves no trace then
        self.solos: list[SoloStrategy] = []
        session.learner = self
        session.overridden = frozenset(hook for hook in OPTIONAL_HOOKS if self.overrides(hook))

    # ------------------------------------------------------------------ what it is

    @property
    def name(self) -> str:
        """The solo strategy's name."""
        return name_of(self.solo_class)

    @property
    def part_name(self) -> str:
        """The same: a solo strategy does not compose."""
        return self.name

    @property
    def shown(self) -> SoloRunner:
        """Itself: `probe.strategy.solos` are the members."""
        return self

    def known_as(self, path: str) -> str:
        """By its name in suites."""
        return self.name

    def owners(self) -> Sequence[SoloStrategy]:
        """The members."""
        return self.solos

    def state(self) -> Stateful:
        """The session's and every member's."""
        return LearnerState(self.session, [self])

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on: plain data and tensors."""
        return save(self.state())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put `state_dict()` back, after `setup()`."""
        restore(self.state(), state, self.session.find, self.device)

    def overrides(self, hook: str) -> bool:
        """Whether the solo strategy does something of its own in this hook."""
        # A class that does not override it has the very function of the base.
        return getattr(self.solo_class, hook) is not getattr(SoloStrategy, hook)

    def tests_after(self, index: int) -> bool:
        """What every member says alike."""
        return self.solos[0].tests_after(index)

    def uncapturable(self) -> str:
        """A Python loop over members is no device graph."""
        return f"{self.part_name} declares capturable = False"

    def cut_off(self) -> None:
        """Nobody: there is no other part."""

    def part(self, which: str | type) -> Any:
        """None: a solo strategy does not compose."""
        wanted = which if isinstance(which, str) else name_of(which)
        raise StrategyError(f"{self.name} asks for the part {wanted!r}; there are: {self.name}")

    @property
    def optimizer(self) -> Any:
        """None that is all members': `solos[0].optimizer` is the first one's."""
        raise NotSetUp(self.name, "optimizer")

    # ------------------------------------------------------------------ the members

    def setup(self) -> None:
        """Build every member."""
        members = self.session.members
        self.training_draws = self._draws(members, "train")
        self.predicting_draws = self._draws(members, "predict")
        # Each with options of its own: a list among them is not shared.
        self.solos = [self.solo_class(**self.solo_options) for _ in members]
        for row, solo in enumerate(self.solos):
            solo.join(self.session, row)
        # Agents that are to start alike build the same networks, and draw apart from then on.
        self._draws(self.session.starts, "setup").for_each(
            range(self.members), lambda row: self.solos[row].setup()
        )

    def _draws(self, members: Sequence[tuple[int, int]], purpose: str) -> MemberStates:
        """The global generators of these members as they are at first."""
        return MemberStates(members, f"solo/{self.part_name}/{purpose}", self.device)

    def _draws_for_predictions(self) -> MemberStates:
        """What is drawn from while a test set is predicted."""
        return (
            self._draws(self.session.members, "predict") if self.probed else self.predicting_draws
        )

    def _call(self, hook: str, *args: Any) -> list[Any]:
        """What a hook of each member that takes part
        returns, the global generators being its own.
        """
        return self.training_draws.for_each(
            self.session.active, lambda row: getattr(self.solos[row], hook)(*args)
        )

    # ------------------------------------------------------------------ networks and optimisers

    @property
    def net(self) -> Stack:
        """The members' networks as a stack, for probes: copies that show them as they are now."""
        modules = self._modules()
        if len(modules) < self.members:
            raise StrategyError(
                f"{self.part_name} has no network to look at (self.net is not a module)"
            )
        return Stack.of_modules(modules, self.session.members)

    def _modules(self) -> list[nn.Module]:
        """The networks of the members that have one."""
        # Past `__getattr__`, which would raise for a member without a network.
        found = [vars(solo).get("net") for solo in self.solos]
        return [module for module in found if isinstance(module, nn.Module)]

    def _optimizers(self) -> list[tuple[int, torch.optim.Optimizer]]:
        """The optimisers called `optimizer` of the
        members that have one, with the members' rows.
        """
        found = [(row, vars(solo).get("optimizer")) for row, solo in enumerate(self.solos)]
        return [(row, value) for row, value in found if isinstance(value, torch.optim.Optimizer)]

    def rates(self) -> Sequence[MemberRate]:
        """Every member's `optimizer`, and the others that `make_optimizer` made, wherever held."""
        found = self._optimizers()
        for _, optimizer in found:
            remember_rates(optimizer)
        known = {id(optimizer) for _, optimizer in found}
        for row, optimizer in self._held_optimizers():
            # Only those that `make_optimizer` made: others an author steps by rules of their own.
            made = all("initial_lr" in group for group in optimizer.param_groups)
            if made and id(optimizer) not in known:
                found.append((row, optimizer))
        return [MemberRate(optimizer, row) for row, optimizer in found]

    def _held_optimizers(self) -> Iterator[tuple[int, torch.optim.Optimizer]]:
        """Every optimiser that a member holds, whoever made it."""
        for row, solo in enumerate(self.solos):
            for optimizer in optimizers(solo):
                yield row, optimizer

    def set_mode(self, training: bool) -> None:
        """Training or evaluation mode of every member's network."""
        for module in self._modules():
            module.train(training)

    @contextmanager
    def evaluation_mode(self, nested: bool) -> Iterator[None]:
        """Evaluation mode, and then training mode again.

        `nested` in another such block: neither.
        """
        self.set_mode(False)
        try:
            yield
        finally:
            self.set_mode(not nested)

    @contextmanager
    def probing(self) -> Iterator[None]:
        """What `predict` draws within the block is drawn from generators of the block's own."""
        self.probed = True
        try:
            yield
        finally:
            self.probed = False

    def has_batch_norm(self) -> bool:
        """Whether the members' networks, all alike, have a layer of it."""
        return any(map(normalises_batches, self._modules()[:1]))

    def show_active(self, active: Sequence[int]) -> None:
        """Nothing: members that sit out are not called."""

    def weights(self, member: int) -> Mapping[str, Tensor] | None:
        """The parameters and buffers of a member's own network."""
        module = vars(self.solos[member]).get("net")
        if not isinstance(module, nn.Module):
            return None
        every = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return {name: value.detach() for name, value in every.items()}

    def shown_net(self) -> Stack:
        """Copies of the members' networks."""
        return self.net

    def stack_to_freeze(self, where: str) -> Stack:
        """There is none."""
        raise StrategyError(
            f"{where}: a solo strategy has no frozen_before; freeze its own network in begin_phase"
        )

    def hold_outputs(self) -> None:
        """Let outputs that take no part in a step stand still in every member's optimiser."""
        if not self.session.outputs.some_left_out:
            return
        for row, optimizer in [*self._optimizers(), *self._held_optimizers()]:
            self.session.outputs.hold_plain(optimizer, row, self.solos[row])

    def reset_optimizer(self) -> None:
        """`optimizer_reset: task`: every moment is forgotten."""
        for _, optimizer in self._optimizers():
            # torch makes the moments anew at the next step.
            optimizer.state.clear()

    @torch.no_grad()
    def reset_head(self, how: Literal["zero", "init"], index: int) -> None:
        """`head_reset`: every member's last layer zeroed, or drawn again as a stack draws it."""
        for solo in self.solos:
            net = vars(solo).get("net")
            if not isinstance(net, nn.Module) or "head" not in dict(net.named_children()):
                raise StrategyError(
                    f"{self.part_name}: head_reset needs a network with a part named 'head'"
                )
            head = net.get_submodule("head")
            if how == "zero":
                for value in head.parameters():
                    value.zero_()
            else:
                member, start = self.session.members[solo.row], self.session.starts[solo.row]
                # The same stream and step as a stack's `redraw`: equal numbers.
                fresh = build(solo.build_model, member, "head_reset", index, start=start)
                head.load_state_dict(fresh.get_submodule("head").state_dict())

    # ----------------------------------------------------------------- hooks, in the order of a run

    def begin_task(self, task: Task) -> None:
        """Every member's."""
        self._call("begin_task", task)

    def end_task(self, task: Task) -> None:
        """Every member's."""
        self._call("end_task", task)

    def phases(self, task: Task) -> Sequence[Phase]:
        """Every member's: the same for all, but for the samples of buffers."""
        answers: list[Sequence[Phase]] = self._call("phases", task)
        by_row = dict(zip(self.session.active, answers, strict=True))
        return joined(by_row, self.members, self.part_name)

    def begin_phase(self, phase: Phase) -> None:
        """Every member's."""
        self._call("begin_phase", phase)

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        """Every member's that takes part."""
        self._call("begin_epoch", phase, epoch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        """Every member's that takes part."""
        self._call("end_epoch", phase, epoch)

    def observe(self, batch: Batch) -> Tensor | None:
        """Every member's that takes part, on its own rows."""
        rows = self.session.active
        returned = self.training_draws.for_each(
            rows, lambda row: self.solos[row].observe(batch.member(row))
        )
        # Members that sit out keep 0, which nobody counts.
        losses = torch.zeros(self.members, device=self.device)
        watched = False
        for row, loss in zip(rows, returned, strict=True):
            if loss is not None:
                losses[row], watched = self._loss(loss), True
        return losses if watched else None

    def eager_step(self) -> bool:
        """Not asked: nothing is captured."""
        return False

    def _loss(self, loss: Any) -> Tensor | float:
        """What `observe` returned, without its graph: a scalar tensor or a number."""
        if isinstance(loss, Tensor) and loss.dim() == 0:
            return loss.detach()
        if isinstance(loss, (int, float)):  # NumPy's float64 is one
            return loss
        got = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else _kind(loss)
        raise StrategyError(
            f"{self.part_name}.observe returned {got}; return the step's loss"
            " (a scalar tensor or a number), or nothing"
        )

    def begin_evaluation(self, look: Look) -> None:
        """Every member's, as `predict` is."""
        self._draws_for_predictions().for_each(
            range(self.members), lambda row: self.solos[row].begin_evaluation(look.member(row))
        )

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """Every member's, stacked."""
        return torch.stack(
            self._draws_for_predictions().for_each(
                range(self.members), lambda row: self._predicted(row, x[row], task)
            )
        )

    def _predicted(self, row: int, x: Tensor, task: Task | None) -> Tensor:
        logits = self.solos[row].predict(x, task)
        wanted = [len(x), self.scenario.classes]
        if isinstance(logits, Tensor) and list(logits.shape) == wanted:
            return logits
        got = list(logits.shape) if isinstance(logits, Tensor) else _kind(logits)
        raise StrategyError(
            f"{self.part_name}.predict returned {got}; [batch, classes] = {wanted} is wanted"
        )

    # ------------------------------------------------------------------ costs

    def trained_parameters(self) -> list[int]:
        """Each member's."""
        return [parameter_count(solo) for solo in self.solos]

    def carried_bytes(self) -> list[float]:
        """Each member's tensors and arrays beside its network and its optimiser."""
        return [float(carried_bytes(solo)) for solo in self.solos]

    def tensor_bytes(self) -> list[float]:
        """The same: what a member keeps, it keeps as it is."""
        return self.carried_bytes()


class MemberRate:
    """The rate of an optimiser of one member's own."""

    def __init__(self, optimizer: torch.optim.Optimizer, row: int) -> None:
        self.optimizer, self.row = optimizer, row

    def set_rate(self, lr: float | None, factors: Sequence[float] | None) -> None:
        """This rate, or the optimiser's own, times the member's factor."""
        for group in self.optimizer.param_groups:
            rate = group["initial_lr"] if lr is None else lr
            # Rounded as a stack's are, so that both train alike.
            group["lr"] = rate if factors is None else float(np.float32(rate * factors[self.row]))


def _kind(value: Any) -> str:
    """`a tuple`, `an int`: the type of a value in words."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
