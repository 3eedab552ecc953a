"""`Strategy`: what a method author subclasses.

A method is a subclass that overrides the hooks it needs and calls `super()`. Several methods compose into
one (`er+ewc`): each part stays an object of its own, with its own options and attributes; `super().hook()`
in the last class of a part goes on to the next part, and `self.hook()` starts at the first part.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from clbench.engine.look import Images, Look
from clbench.engine.session import ScenarioView, Session
from clbench.engine.task import Batch, Phase, Samples, Split, Task, member_mean
from clbench.engine.updates import adjusted_step
from clbench.errors import NotSetUp, StrategyError
from clbench.options import Configurable, name_of
from clbench.records.cell import DECLARATIONS
from clbench.stack import (
    Noise,
    Optimizer,
    Stack,
    Stateful,
    make_optimizer,
    member_tables,
    restore,
    save,
    tensors,
)
from clbench.stack.optimizer import Updates
from clbench.stack.state import objects
from clbench.suite.protocol import Protocol

Hook = TypeVar("Hook", bound=Callable[..., Any])
HOOKS: list[str] = []


def hook(default: Hook) -> Hook:
    """Mark a method that parts of a composition share: the base's own body runs behind the last part."""
    name = default.__name__
    HOOKS.append(name)

    @functools.wraps(default)
    def link(self: Strategy, *args: Any, **kwargs: Any) -> Any:
        following = self._next
        if following is None:
            return default(self, *args, **kwargs)
        return getattr(type(following), name)(following, *args, **kwargs)

    return link  # type: ignore[return-value]


class Strategy(Configurable, Stateful):
    """A continual-learning method over a stack of members. Options are annotated class attributes with defaults."""

    capturable: ClassVar[bool] = True
    """False where a step cannot be captured in a device graph."""
    evaluates: ClassVar[str] = "tasks"
    """`tasks`: accuracy is measured after every task; `end`: only untrained and at the end (joint training)."""
    foreseeable: ClassVar[bool] = False
    """True where `phases` needs nothing but `task.index`, `scenario` and `protocol`, and may be asked before the run, for estimates."""

    oracle: ClassVar[bool] = False
    """True where `begin_evaluation` sees labels, or the task that the setting does not tell."""
    reads_test: ClassVar[bool] = False
    """True where hooks read test data (`task.batches("test")`)."""
    bound: ClassVar[bool] = False
    """True where it shows what is within reach, and does not compete: it keeps or sees all data, or forgets all it learnt."""

    generates_weights: ClassVar[bool] = False
    """True where it trains and tests weights of its own making in the place of those of `net`."""
    needs_parts: ClassVar[tuple[str, ...]] = ()
    """The names of strategies that it works on, and without which it is refused: `softhebb`."""
    needs_agents: ClassVar[bool] = False
    """True where it shares among the agents of a seed: refused in a scenario that has one a seed."""

    wiring = frozenset({"session", "_next", "_first"})
    made_anew: ClassVar[bool] = False

    session: ClassVar[Session]
    _next: Strategy | None = None
    _first: Strategy | None = None

    # ------------------------------------------------------------------ what is asked before a run

    def declares(self) -> frozenset[str]:
        """Which of `oracle`, `reads_test` and `bound` hold with these options; by default what the class says."""
        return frozenset(name for name in DECLARATIONS if getattr(self, name))

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        """Why this setting or this protocol makes no sense for the method with its options; None where it does.

        A sentence and what to do instead. `clbench validate` shows it, before anything runs.
        """
        return None

    def tests_after(self, index: int) -> bool:
        """Whether accuracy is measured after task `index`; the last one is always tested.

        False where the method has not yet trained what it was shown: `evaluates` says it of all
        tasks but the last.
        """
        return self.evaluates == "tasks"

    # ------------------------------------------------------------------ what a method works with

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
                f"{self.part_name}: self.net is set to a {type(net).__name__}; a stack of all members"
                " is wanted: self.net = self.stack(factory, 'net'), factory building one module"
                " (or subclass SoloStrategy, where self.net is a plain module)"
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
                f"{self.part_name}: self.optimizer is set to a {type(optimizer).__name__}; an optimiser of"
                " stacked tensors is wanted: self.optimizer = self.make_optimizer(self.net.parameters())"
            )
        self.session.optimizer = optimizer

    @property
    def members(self) -> int:
        """R."""
        return len(self.session.members)

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

    def rng(self, name: str) -> Noise:
        """The members' own streams: `.uniform(*shape)`, `.normal`, `.integers(high, *shape)`, `.permutation(n)`; `[R, ...]` a draw."""
        return self.session.rng(f"{self.part_name}/{name}")

    def log(self, name: str, value: Tensor, members: Sequence[int] | None = None) -> None:
        """Append `[R]` values (or `[R, K]`) to the record's curve of this name.

        Of these members; by default of those that take part.
        """
        self.session.log(name, value, members)

    @property
    def active(self) -> Tensor:
        """`[R]` bool, on the device: which members take part now. The others have stopped early, diverged, or no samples left."""
        return self.session.takes_part

    @property
    def steps_taken(self) -> NDArray[np.int64]:
        """`[R]`, on the host: the training steps each member has behind it, without the one under way."""
        return self.session.book.steps.copy()

    def completing(self, period: int) -> list[int]:
        """The members that complete a multiple of `period` steps with the step under way, on the host."""
        steps = self.session.book.steps
        return [member for member in self.session.active if (steps[member] + 1) % period == 0]

    def cost(self, name: str, value: Tensor | float, add: bool = False) -> None:
        """Note a cost of the members that take part, `[R]` or a number for all, in the record's `cost/<name>`.

        The last value stands; with `add` they are added up. `parameters` and `state_bytes` replace the engine's own count.
        """
        self.session.cost(name, value, add)

    def train_on(self, samples: Samples) -> None:
        """In `begin_phase`: these samples are the phase's data, a buffer as it is then."""
        self.session.train_on(samples)

    def note(self, name: str, value: Tensor) -> None:
        """Within an evaluation: keep `[R]` values of this test set, as a matrix like accuracy.

        Of `[R, tasks]`, what holds if the test set is of each of the tasks, the engine keeps the column
        of the one that it is of.
        """
        self.session.note(name, value)

    @property
    def asked(self) -> Images | None:
        """In `predict`: the images that the engine asks about, which of them count, and where they stand in the look.

        None where somebody else calls `predict`.
        """
        return self.session.asked

    def by_agent(self, tensor: Tensor) -> Tensor:
        """`[R, ...]` seen as `[seeds, agents, ...]`; what sits out is in it (`self.active` tells, `agent_mean` leaves it out)."""
        return tensor.view(-1, self.scenario.agents, *tensor.shape[1:])

    def agent_mean(self, tensor: Tensor, weights: Tensor | None = None) -> Tensor:
        """`[R, ...]` -> `[seeds, ...]`: the mean over each seed's agents that take part and are finite, weighted by `[R]`; 0 where none is.

        Added up agent by agent, so that the number of seeds cannot change the order of a sum.
        """
        counted = self.active & tensor.isfinite().reshape(self.members, -1).all(1)
        ones = torch.ones(self.members, device=self.device, dtype=tensor.dtype)
        share = torch.where(counted, ones if weights is None else weights.to(tensor.dtype), 0.0)
        share = share.view(-1, *(1,) * (tensor.dim() - 1))
        part = torch.where(share != 0, tensor * share, 0.0)
        total = functools.reduce(torch.add, self.by_agent(part).unbind(1))
        weight = functools.reduce(torch.add, self.by_agent(share).unbind(1))
        return total / torch.where(weight != 0, weight, 1.0)

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
        """The stack of the protocol's model, with these options of the model in place of its own."""
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

    def fetch(
        self, index: Tensor, tasks: Tensor, augment: bool = False, valid: Tensor | None = None
    ) -> Batch:
        """Training samples `[R, B]` by index and task, as `observe` would see them: what a buffer of indices replays."""
        return self.session.fetch(index, tasks, augment, valid)

    def labels_of(self, index: Tensor, tasks: Tensor) -> Tensor:
        """`[R, B]`: the labels of training samples as each member's tasks name them; -1 where a task has not the class."""
        return self.session.streams.labels_of(index, tasks)

    def accuracy(
        self,
        task: Task,
        split: Split = "validation",
        member_predict: Callable[[Tensor, Task | None], Tensor] | None = None,
    ) -> Tensor:
        """`[R]`: each member's share of right answers on a task, as the engine would find it, in evaluation mode.

        `member_predict(x, task)` predicts in place of `predict`: other parameters, a candidate, another head.
        """
        from clbench.engine.evaluate import evaluate

        task.check_open(split)
        return evaluate(self._first or self, task, split, member_predict=member_predict).accuracy

    @hook
    def reset_head(self, how: Literal["zero", "init"], index: int) -> None:
        """Zero the network's last layer, or draw it anew, as the protocol's `head_reset` does before task `index`.

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
        """Let every optimiser step the network's last layer as a new one: moments and counts of steps are gone."""
        head = {id(param) for param in self.net.part("head").parameters()}
        for _, item in objects(whole(self)):
            held = item.params if isinstance(item, Optimizer) else []
            for param in held:
                if id(param) in head:
                    shape = (self.members, *(1,) * (param.dim() - 1))
                    everything = torch.ones(shape, dtype=torch.bool, device=self.device)
                    item.reset_entries(param, everything)

    def masked(self, logits: Tensor, tasks: Tensor, using: str | None = None) -> Tensor:
        """Logits with -inf where the setting and the protocol's `logits` leave an output out for samples of these tasks."""
        return self._masked(logits, tasks, using, None)

    def cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        """`[R]`: each member's mean over the batch, on the setting's logits."""
        logits = self._masked(logits, batch.tasks, None, batch.valid)
        return member_cross_entropy(logits, batch.y, batch.valid)

    def _masked(
        self, logits: Tensor, tasks: Tensor, using: str | None, valid: Tensor | None
    ) -> Tensor:
        mask = self.session.mask(tasks, using or self.protocol.logits["train"])
        self.session.outputs.note(mask, tasks, valid)
        return logits if mask is None else logits.masked_fill(~mask, -torch.inf)

    # ------------------------------------------------------------------ hooks, in the order of a run

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
        """One step. Returns the task's loss `[R]`, which the engine watches for members that diverge, or None."""
        self.optimizer.zero_grad()
        loss = self._a_member_each("task_loss", self.task_loss(batch))
        if self.session.before_update is not None:
            self.session.before_update()
        loss.backward(torch.ones_like(loss))  # as that of the sum, and two kernels less
        self.data_gradients(batch)
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
        """What a hook gave, if it is `[R]`: a mean over members would train each with a part of its gradient, and say nothing."""
        if isinstance(value, Tensor) and value.shape == (self.members,):
            return value
        got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        name = "+".join(part.part_name for part in parts_of(self))
        raise StrategyError(
            f"{name}.{hook} returned {got}; one value a member, {[self.members]}, is wanted"
        )

    @hook
    def task_loss(self, batch: Batch) -> Tensor:
        """`[R]`: all that is learnt from data."""
        return self.cross_entropy(self.training_logits(batch), batch)

    @hook
    def training_logits(self, batch: Batch) -> Tensor:
        """`[R, B, classes]`, the full width, in training; a method whose forward depends on the samples' tasks says how."""
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
        """What the optimiser adds to each of `optimizer.params`, to be changed in place; None of one without a gradient.

        Asked only where some part overrides it.
        """

    @hook
    def after_step(self, batch: Batch) -> None:
        """The parameters have just moved."""

    @hook
    def eager_step(self) -> bool:
        """Asked before each step: whether this one does what no device graph holds, as reading values.

        It then runs as it is, between steps that are replayed. What it depends on is known on the host,
        such as `steps_taken`.
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
        """The names of parameters that may be averaged over agents: the trainable ones without the head."""
        named = self.net.named_parameters()
        return [
            name
            for name, value in named.items()
            if value.requires_grad and not name.startswith("head.")
        ]

    @hook
    def shown_net(self) -> Stack:
        """The network that probes look at and that `keep: [weights]` keeps."""
        return self.net

    def part(self, which: str | type[Strategy]) -> Any:
        """Another part of the composition, by its name in suites or by its class (or one that it derives from)."""
        wanted = which if isinstance(which, str) else name_of(which)
        parts = parts_of(self)
        for part in parts:
            if wanted in part_names(type(part)):
                return part
        names = ", ".join(part.part_name for part in parts)
        raise StrategyError(f"{self.part_name} asks for the part {wanted!r}; there are: {names}")

    # ------------------------------------------------------------------ state

    def known_as(self, path: str) -> str:
        """By its name in suites."""
        return self.part_name

    def held(self) -> dict[str, Any]:
        """What the method carries: its attributes but for its options and its place in the composition."""
        apart = {*self.options, *HOOKS}
        for key, value in vars(self).items():
            if key in HOOKS and not callable(value):
                raise StrategyError(
                    f"{self.part_name}: self.{key} is set to a {type(value).__name__}, and {key} is a hook;"
                    " give the attribute another name"
                )
        return {key: value for key, value in super().held().items() if key not in apart}

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on: plain data and tensors."""
        return save(_Whole(self.session, parts_of(self)))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put `state_dict()` back, after `setup()`."""
        restore(_Whole(self.session, parts_of(self)), state, self.session.find, self.device)


class _Whole(Stateful):
    """The shared session and every part, as one thing to save."""

    def __init__(self, session: Session, parts: Sequence[Strategy]) -> None:
        self.session = session
        self.parts = {f"{number}:{part.part_name}": part for number, part in enumerate(parts)}


def whole(strategy: Strategy) -> Stateful:
    """All state of a running strategy: what is saved, suspended and counted."""
    return _Whole(strategy.session, parts_of(strategy))


def state_bytes(strategy: Strategy, member: int = 0) -> float:
    """What a member has to keep beside what it trains, as it stands: buffers, old models, importances, bases.

    Of what stands for something else (`Stateful.stands_for`) it is that: of indices, the images. Networks and
    optimisers of the method's own, which train something, are no more counted than the engine's.
    """
    root = whole(strategy)
    said: dict[str, float] = {}
    for path, item in objects(root):
        size: float | Sequence[float] | None = item.stands_for()
        if path.startswith(".parts") and size is not None:
            said[path] = size[member] if isinstance(size, Sequence) else size
    trained = {id(value) for _, value in _trained(root)}
    return sum(said.values()) + _bytes_beside(strategy, trained, paths=list(said))


def device_bytes(strategy: Strategy) -> float:
    """What a member's tensors beside its network take where they lie."""
    return _bytes_beside(strategy, set(), paths=())


def _bytes_beside(strategy: Strategy, trained: set[int], paths: Sequence[str]) -> float:
    """The bytes of a member's tensors but for its network's, these, and those below `paths`."""
    network = set(trained)
    if strategy.session.net is not None:
        network |= {id(value) for value in strategy.session.net.parameters()}
    root = whole(strategy)
    rows = {id(table) for _, table in member_tables(root, strategy.members)}
    left_out = tuple(f"{path}." for path in paths)
    total = 0.0
    for path, tensor in tensors(root, shared=True):
        counts = path.startswith(".parts") and not path.startswith(left_out)
        if counts and id(tensor) not in network:
            size = tensor.numel() * tensor.element_size()
            total += size / strategy.members if id(tensor) in rows else size
    return total


def _trained(root: Stateful) -> Iterator[tuple[str, Tensor]]:
    """What optimisers train, and what they keep for it."""
    for _, item in objects(root):
        if isinstance(item, Optimizer):
            yield from tensors(item, shared=True)


def part_names(kind: type[Strategy]) -> list[str]:
    """The names by which other parts may ask for it: its own, and those of what it derives from.

    By name, for a file that was loaded twice has two classes of one name.
    """
    return [name_of(cls) for cls in kind.__mro__ if issubclass(cls, Strategy)]


def parts_of(strategy: Strategy) -> list[Strategy]:
    """The parts of a composition, in the written order."""
    part: Strategy | None = strategy._first or strategy
    parts = []
    while part is not None:
        parts.append(part)
        part = part._next
    return parts


def member_cross_entropy(logits: Tensor, y: Tensor, valid: Tensor | None = None) -> Tensor:
    """`[R, B, C]`, `[R, B]` -> `[R]`: the mean cross-entropy of each member's rows that count."""
    return member_mean(sample_cross_entropy(logits, y), valid)


def sample_cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """`[R, B, C]`, `[R, B]` -> `[R, B]`: the cross-entropy of each sample."""
    return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="none").view(y.shape)
