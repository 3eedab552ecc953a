"""`SoloStrategy`: for authors who do not want to think in stacks. The engine loops over members."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.engine.look import Look, MemberLook
from clbench.engine.phases import joined
from clbench.engine.session import ScenarioView, Session
from clbench.engine.strategy import Strategy
from clbench.engine.task import Batch, Phase, Samples, Task
from clbench.engine.updates import adjusted_step
from clbench.errors import NotSetUp, StrategyError
from clbench.options import Configurable, name_of
from clbench.randomness import key
from clbench.stack import Noise, Stack, Stateful
from clbench.stack.generators import MemberStates
from clbench.stack.modules import build
from clbench.stack.optimizer import Updates

TORCH_NAMES = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}


class SoloNoise:
    """A member's stream of random numbers without the leading dimension."""

    def __init__(self, noise: Noise) -> None:
        self.noise = noise

    def __getattr__(self, name: str) -> Any:
        draw = getattr(self.noise, name)
        return lambda *args: draw(*args)[0]


class SoloStrategy(Configurable, Stateful):
    """A method written for one member: `net` is a plain module, `optimizer` a plain optimiser, losses are scalars.

    Same hooks and same records as `Strategy`; a batch has `x [B, ...]` and `y [B]`, `predict` returns `[B, classes]`.
    """

    evaluates: ClassVar[str] = "tasks"
    oracle: ClassVar[bool] = False
    reads_test: ClassVar[bool] = False
    bound: ClassVar[bool] = False

    wiring = frozenset({"session", "row"})
    made_anew: ClassVar[bool] = False

    session: ClassVar[Session]
    row: ClassVar[int]
    net: ClassVar[nn.Module]
    optimizer: ClassVar[torch.optim.Optimizer]

    def known_as(self, path: str) -> str:
        """By its name in suites."""
        return name_of(type(self))

    def __getattr__(self, name: str) -> Any:
        if name in ("net", "optimizer"):
            raise NotSetUp(name_of(type(self)), name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def device(self) -> torch.device:
        """Where the tensors live."""
        return self.session.device

    @property
    def scenario(self) -> ScenarioView:
        """`classes`, `input_shape`, `tasks`, `setting`, `agents`."""
        return self.session.scenario

    @property
    def protocol(self) -> Any:
        """The resolved protocol."""
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

    def rng(self, name: str) -> SoloNoise:
        """The member's own stream: `.uniform(*shape)` and so on."""
        if "noise" not in vars(self):
            self.noise: dict[str, Noise] = {}
        if name not in self.noise:
            self.noise[name] = Noise(
                [key(*self.session.members[self.row], f"solo/{name}")], device=self.device
            )
        return SoloNoise(self.noise[name])

    def log(self, name: str, value: float | Tensor) -> None:
        """Append a value to the record's curve of this name."""
        values = torch.zeros(len(self.session.members), dtype=torch.float64)
        values[self.row] = float(value)
        self.session.log(name, values, [self.row])

    def cost(self, name: str, value: float | Tensor, add: bool = False) -> None:
        """Note a cost in the record's `cost/<name>`: the last value stands, or, with `add`, they are added up."""
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
        optimizer: torch.optim.Optimizer = kind(params, **{**(options or {}), **rate})
        remember_rates(optimizer)
        return optimizer

    def cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        """The mean over the batch, on the setting's logits."""
        tasks = batch.tasks.expand(len(self.session.members), -1)
        mask = self.session.mask(tasks, self.protocol.logits["train"])
        own = None if mask is None else mask[self.row]
        self.session.outputs.note_row(self.row, own, batch.tasks)
        kept = logits if own is None else logits.masked_fill(~own, -torch.inf)
        return F.cross_entropy(kept, batch.y)

    def batches(self, split: Any = "train", size: int = 256) -> Any:
        """The current task's samples of this member, in a fixed order; rows that do not count are left out."""
        for batch in self.task.batches(split, size):
            mine = batch.member(self.row)
            assert mine.valid is not None
            count = int(mine.valid.sum())
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
        net = build(self.build_model, session.members[self.row], "init", start=start)
        self.net = net.to(self.device)  # type: ignore[misc]
        self.optimizer = self.make_optimizer(list(self.net.parameters()))  # type: ignore[misc]

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
        if type(self).adjust_updates is SoloStrategy.adjust_updates:
            self.optimizer.step()
        else:
            params = [p for group in self.optimizer.param_groups for p in group["params"]]
            adjust = functools.partial(self.adjust_updates, batch)
            adjusted_step(params, self.optimizer.step, adjust)
        self.after_step(batch)
        return loss.detach()

    def task_loss(self, batch: Batch) -> Tensor:
        """A scalar: all that is learnt from data."""
        return self.cross_entropy(self.net(batch.x), batch)

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
        return {name: value for name, value in super().held().items() if name not in self.options}


def remember_rates(optimizer: torch.optim.Optimizer) -> None:
    """Keep the rates it was made with, under torch's own name, for schedules to start from."""
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])


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
        self.training_draws = MemberStates(members, f"solo/{self.part_name}", self.device)
        self.predicting_draws = MemberStates(members, f"solo/{self.part_name}/predict", self.device)
        self.solos = [self.solo_class(**self.solo_options) for _ in members]
        for row, solo in enumerate(self.solos):
            solo.session, solo.row = self.session, row  # type: ignore[misc]
        self._call("setup", rows=range(self.members))

    def _lent_for_predictions(self) -> MemberStates:
        """What is drawn from while a test set is predicted."""
        return self._first_draws_for_predictions() if self.probed else self.predicting_draws

    def _first_draws_for_predictions(self) -> MemberStates:
        """The same as it is at first."""
        return MemberStates(self.session.members, f"solo/{self.part_name}/predict", self.device)

    def _call(self, hook: str, *args: Any, rows: Sequence[int] | None = None) -> list[Any]:
        """What a hook of each member that takes part returns, the global generators being its own."""
        taking_part = self.session.active if rows is None else rows
        return self.training_draws.for_each(
            taking_part, lambda row: getattr(self.solos[row], hook)(*args)
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

    def _optimizers(self, scheduled: bool = False) -> list[tuple[int, torch.optim.Optimizer]]:
        """The optimisers of the members that have one, with the members' rows.

        Those `scheduled` are also the others that `make_optimizer` made.
        """
        found = []
        for row, solo in enumerate(self.solos):
            for name, value in vars(solo).items():
                if not isinstance(value, torch.optim.Optimizer):
                    continue
                if name == "optimizer":
                    remember_rates(value)
                made_here = all("initial_lr" in group for group in value.param_groups)
                if name == "optimizer" or (scheduled and made_here):
                    found.append((row, value))
        return found

    def set_mode(self, training: bool) -> None:
        """Training or evaluation mode of every member's network."""
        for module in self._modules():
            module.train(training)

    def set_rates(self, lr: float | None, factors: Sequence[float] | None) -> None:
        """This rate, or each optimiser's own, times a factor a member."""
        for row, optimizer in self._optimizers(scheduled=True):
            for group in optimizer.param_groups:
                rate = group["initial_lr"] if lr is None else lr
                # Rounded as a stack's are, so that both train alike.
                group["lr"] = rate if factors is None else float(np.float32(rate * factors[row]))

    def hold_outputs(self) -> None:
        """Let outputs that take no part in a step stand still in every member's optimiser."""
        for row, optimizer in self._optimizers():
            self.session.outputs.hold_plain(optimizer, row, self.solos[row])

    def reset_optimizer(self) -> None:
        """`optimizer_reset: task`: every moment is forgotten."""
        for _, optimizer in self._optimizers():
            optimizer.state.clear()

    @torch.no_grad()
    def reset_head(self, how: str, index: int) -> None:
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
        self._lent_for_predictions().for_each(
            range(self.members), lambda row: self.solos[row].begin_evaluation(look.member(row))
        )

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """Every member's, stacked."""
        return torch.stack(
            self._lent_for_predictions().for_each(
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
