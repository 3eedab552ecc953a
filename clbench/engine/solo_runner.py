"""The members of a solo strategy behind the interface of a stacked one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from clbench.engine.look import Look
from clbench.engine.phases import joined
from clbench.engine.solo import SoloStrategy, remember_rates
from clbench.engine.solo_state import leaves
from clbench.engine.strategy import Strategy
from clbench.engine.task import Batch, Phase, Task
from clbench.errors import StrategyError
from clbench.options import name_of
from clbench.stack import Stack
from clbench.stack.generators import MemberStates
from clbench.stack.modules import build


class SoloRunner(Strategy):
    """The members of a solo strategy, run one after the other behind the interface of a stacked one.

    Solo strategies may use torch's, NumPy's and Python's global generators: around every hook these
    are set to the member's own state. What is drawn in `predict` comes from a state of its own, so
    that training does not depend on what is evaluated, nor on how often.
    """

    capturable: ClassVar[bool] = False

    wiring = Strategy.wiring | {"solo_class", "solo_options", "evaluates", "probed"}

    probed = False  # by a metric, which is to change nothing: `predict` leaves no trace then

    def __init__(self, solo: type[SoloStrategy], options: dict[str, Any]) -> None:
        super().__init__()
        self.solo_class, self.solo_options = solo, options
        self.evaluates = solo.evaluates  # type: ignore[misc]

    @property
    def part_name(self) -> str:
        """The solo strategy's name."""
        return name_of(self.solo_class)

    def stacked(self) -> dict[str, Any]:
        """Nothing: every member is an object of its own, and those that sit out are not called."""
        return {}

    def setup(self) -> None:
        """Build every member."""
        members = self.session.members
        self.training_draws = self._draws(members, "train")
        self.predicting_draws = self._draws(members, "predict")
        self.solos = [self.solo_class(**self.solo_options) for _ in members]
        for row, solo in enumerate(self.solos):
            solo.session, solo.row = self.session, row  # type: ignore[misc]
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
        """What a hook of each member that takes part returns, the global generators being its own."""
        return self.training_draws.for_each(
            self.session.active, lambda row: getattr(self.solos[row], hook)(*args)
        )

    @property  # type: ignore[misc]  # nobody sets it: every member has a network of its own
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
        found = [vars(solo).get("net") for solo in self.solos]
        return [module for module in found if isinstance(module, nn.Module)]

    def _optimizers(self) -> list[tuple[int, torch.optim.Optimizer]]:
        """The optimisers called `optimizer` of the members that have one, with the members' rows."""
        found = [(row, vars(solo).get("optimizer")) for row, solo in enumerate(self.solos)]
        return [(row, value) for row, value in found if isinstance(value, torch.optim.Optimizer)]

    def scheduled_optimizers(self) -> list[tuple[int, torch.optim.Optimizer]]:
        """Those, and the others that `make_optimizer` made, wherever a member holds them."""
        found = self._optimizers()
        for _, optimizer in found:
            remember_rates(optimizer)
        known = {id(optimizer) for _, optimizer in found}
        for row, optimizer in self._held_optimizers():
            made = all("initial_lr" in group for group in optimizer.param_groups)
            if made and id(optimizer) not in known:
                found.append((row, optimizer))
        return found

    def _held_optimizers(self) -> Iterator[tuple[int, torch.optim.Optimizer]]:
        """Every optimiser that a member holds, whoever made it."""
        for row, solo in enumerate(self.solos):
            for leaf in leaves(solo.held()):
                if isinstance(leaf, torch.optim.Optimizer):
                    yield row, leaf

    def set_mode(self, training: bool) -> None:
        """Training or evaluation mode of every member's network."""
        for module in self._modules():
            module.train(training)

    @staticmethod
    def set_rates(
        optimizers: Sequence[tuple[int, torch.optim.Optimizer]],
        lr: float | None,
        factors: Sequence[float] | None,
    ) -> None:
        """This rate, or each optimiser's own, times a factor a member."""
        for row, optimizer in optimizers:
            for group in optimizer.param_groups:
                rate = group["initial_lr"] if lr is None else lr
                # Rounded as a stack's are, so that both train alike.
                group["lr"] = rate if factors is None else float(np.float32(rate * factors[row]))

    def hold_outputs(self) -> None:
        """Let outputs that take no part in a step stand still in every member's optimiser."""
        for row, optimizer in [*self._optimizers(), *self._held_optimizers()]:
            self.session.outputs.hold_plain(optimizer, row, self.solos[row])

    def reset_optimizer(self) -> None:
        """`optimizer_reset: task`: every moment is forgotten."""
        for _, optimizer in self._optimizers():
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
                fresh = build(solo.build_model, member, "head_reset", index, start=start)
                head.load_state_dict(fresh.get_submodule("head").state_dict())

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
        losses = torch.zeros(self.members, device=self.device)
        watched = False
        for row, loss in zip(rows, returned, strict=True):
            if loss is not None:
                losses[row], watched = self._loss(loss), True
        return losses if watched else None

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
        """Every member's, as `predict` is; a method that has none costs nothing."""
        if self.solo_class.begin_evaluation is SoloStrategy.begin_evaluation:
            return
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


def _kind(value: Any) -> str:
    """`a tuple`, `an int`: the type of a value in words."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
