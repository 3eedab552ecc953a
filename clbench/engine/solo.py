"""`SoloStrategy`: for authors who do not want to think in stacks. The engine loops over members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clbench.engine.session import ScenarioView, Session
from clbench.engine.strategy import Strategy
from clbench.engine.task import Batch, Phase, Task
from clbench.errors import StrategyError
from clbench.options import Configurable, name_of
from clbench.randomness import key
from clbench.stack import Noise, Stack, Stateful
from clbench.stack.modules import build

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

    wiring = frozenset({"session", "row"})

    session: ClassVar[Session]
    row: ClassVar[int]
    net: ClassVar[nn.Module]
    optimizer: ClassVar[torch.optim.Optimizer]

    def known_as(self, path: str) -> str:
        """By its name in suites."""
        return name_of(type(self))

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

    def make_optimizer(self, params: Sequence[Tensor]) -> torch.optim.Optimizer:
        """An optimiser of the protocol's kind."""
        name, options = next(iter(self.protocol.optimizer.items()))
        kind = getattr(torch.optim, TORCH_NAMES.get(name, name.removeprefix("torch.")))
        optimizer: torch.optim.Optimizer = kind(params, **(options or {}))
        return optimizer

    def cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        """The mean over the batch, on the setting's logits."""
        tasks = batch.tasks.expand(len(self.session.members), -1)
        mask = self.session.mask(tasks, self.protocol.logits["train"])
        kept = logits if mask is None else logits.masked_fill(~mask[self.row], -torch.inf)
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
        net = build(self.build_model, self.session.members[self.row], "init")
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
        self.optimizer.step()
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

    def after_step(self, batch: Batch) -> None:
        """The parameters have just moved."""

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """`[B, classes]`."""
        out: Tensor = self.net(x)
        return out

    def held(self) -> dict[str, Any]:
        """What the method carries."""
        return {name: value for name, value in super().held().items() if name not in self.options}


class SoloRunner(Strategy):
    """The members of a solo strategy, run one after the other behind the interface of a stacked one."""

    capturable: ClassVar[bool] = False

    def __init__(self, solo: type[SoloStrategy], options: dict[str, Any]) -> None:
        super().__init__()
        self.solo_class, self.solo_options = solo, options
        self.evaluates = solo.evaluates  # type: ignore[misc]

    wiring = Strategy.wiring | {"solo_class", "solo_options", "evaluates"}

    @property
    def part_name(self) -> str:
        """The solo strategy's name."""
        from clbench.options import name_of

        return name_of(self.solo_class)

    def stacked(self) -> dict[str, Any]:
        """Nothing: every member is an object of its own, and those that sit out are not called."""
        return {}

    def setup(self) -> None:
        """Build every member."""
        self.solos = [self.solo_class(**self.solo_options) for _ in range(self.members)]
        for row, solo in enumerate(self.solos):
            solo.session, solo.row = self.session, row  # type: ignore[misc]
            solo.setup()

    @property  # type: ignore[misc]  # nobody sets it: every member has a network of its own
    def net(self) -> Stack:
        """The members' networks as a stack, for probes; it shows them as they are now."""
        modules = [vars(solo).get("net") for solo in self.solos]
        if not all(isinstance(module, nn.Module) for module in modules):
            raise StrategyError(
                f"{self.part_name} has no network to look at (self.net is not a module)"
            )
        return Stack.of_modules(
            [module for module in modules if module is not None], self.session.members
        )

    def _each(self) -> list[SoloStrategy]:
        return [self.solos[row] for row in self.session.active]

    def set_mode(self, training: bool) -> None:
        """Training or evaluation mode of every member's network."""
        for solo in self.solos:
            module = vars(solo).get("net")
            if isinstance(module, nn.Module):
                module.train(training)

    def set_lr(self, rates: Tensor) -> None:
        """The schedule's rate, member by member."""
        for solo, rate in zip(self.solos, rates.tolist(), strict=True):
            optimizer = vars(solo).get("optimizer")
            for group in optimizer.param_groups if optimizer is not None else []:
                group["lr"] = rate

    def reset_optimizer(self) -> None:
        """`optimizer_reset: task`: a new optimiser of the same kind over the same parameters."""
        for solo in self.solos:
            optimizer = vars(solo).get("optimizer")
            if optimizer is not None:
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
                fresh = build(solo.build_model, self.session.members[solo.row], "head_reset", index)
                head.load_state_dict(fresh.get_submodule("head").state_dict())

    def begin_task(self, task: Task) -> None:
        """Every member's."""
        for solo in self._each():
            solo.begin_task(task)

    def end_task(self, task: Task) -> None:
        """Every member's."""
        for solo in self._each():
            solo.end_task(task)

    def phases(self, task: Task) -> Sequence[Phase]:
        """The same for all: phases may not depend on a member's data."""
        return self._each()[0].phases(task) if self._each() else []

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        """Every member's that takes part."""
        for solo in self._each():
            solo.begin_epoch(phase, epoch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        """Every member's that takes part."""
        for solo in self._each():
            solo.end_epoch(phase, epoch)

    def observe(self, batch: Batch) -> Tensor | None:
        """Every member's that takes part, on its own rows."""
        losses = torch.zeros(self.members, device=self.device)
        watched = False
        for solo in self._each():
            loss = solo.observe(batch.member(solo.row))
            if loss is not None:
                if not isinstance(loss, Tensor) or loss.dim():
                    got = (
                        f"has shape {list(loss.shape)}"
                        if isinstance(loss, Tensor)
                        else f"is a {type(loss).__name__}"
                    )
                    raise StrategyError(
                        f"{self.part_name}: the loss {got}; a scalar tensor is wanted"
                    )
                losses[solo.row], watched = loss, True
        return losses if watched else None

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        """Every member's, stacked."""
        return torch.stack(
            [solo.predict(x_r, task) for solo, x_r in zip(self.solos, x.unbind(0), strict=True)]
        )
