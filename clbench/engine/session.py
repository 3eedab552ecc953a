"""What the parts of a strategy share while a job runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from clbench.engine.described import Described
from clbench.engine.measurements import Measurements
from clbench.engine.outputs import Outputs
from clbench.engine.streams import Streams
from clbench.engine.task import Batch, Phase, Samples, Task
from clbench.engine.views import draw_view
from clbench.errors import StrategyError
from clbench.options import check_options
from clbench.randomness import key
from clbench.scenarios.stream import Layout
from clbench.stack import Clock, Noise, Optimizer, Stack, Stateful
from clbench.suite.choice import Choice, Written
from clbench.suite.protocol import Protocol
from clbench.typing import Member

if TYPE_CHECKING:
    from clbench.engine.learner import Learner
    from clbench.engine.look import Images

# Names that the engine uses itself: of notes, and of curves `continual_<name>`.
ENGINE_NOTES = ("accuracy", "step", "task", "recency")


@dataclass(frozen=True)
class Model:
    """A model of the host with the options that the protocol gives it."""

    factory: Any
    options: Mapping[str, Any]

    def build(self, input_shape: tuple[int, ...], classes: int) -> nn.Module:
        """A fresh module, initialised from torch's global generator as modules are."""
        module: nn.Module = self.factory(tuple(input_shape), classes, **self.options)
        return module


@dataclass(frozen=True)
class ScenarioView:
    """What a strategy may know of its scenario."""

    classes: int
    input_shape: tuple[int, int, int]
    tasks: int
    setting: str
    agents: int = 1
    nested: bool = False  # each task has the samples of all tasks before it, too
    shared_tasks: int = 0  # so many first tasks are the same for all agents of a seed

    @classmethod
    def of(cls, layout: Layout) -> ScenarioView:
        """From what the streams have in common."""
        return cls(
            layout.classes,
            layout.input_shape,
            layout.tasks,
            layout.setting,
            layout.agents,
            layout.nested,
            layout.shared_tasks,
        )


class Session(Stateful):
    """The job's members, streams and protocol, and the network and optimiser they train."""

    made_anew: ClassVar[bool] = False
    learner: Learner  # who is trained; it joins the session when it is made

    wiring = frozenset(
        {
            "members",
            "starts",
            "device",
            "scenario",
            "protocol",
            "streams",
            "model",
            "form",
            "precision",
            "measurements",
            "active",
            "takes_part",
            "outputs",
            "task",
            "phase",
            "chosen",
            "noted",
            "tested",
            "asked",
            "declared",
            "described",
            "overridden",
            "learner",
            "clock",
            "before_update",
        }
    )

    def __init__(
        self,
        members: Sequence[Member],
        streams: Streams,
        protocol: Protocol,
        model: Model,
        *,
        device: torch.device,
        form: str = "auto",
        precision: str = "fp32",
    ) -> None:
        self.members: tuple[Member, ...] = tuple(members)
        self.streams, self.model, self.device = streams, model, device
        self.form, self.precision = form, precision
        self.protocol = Protocol.of(protocol)
        self.outputs = Outputs(streams, self.protocol.logits["train"])
        layout = streams.layout
        # The member whose first weights each member has.
        # Agents of a seed may have to start alike, as federated averaging wants.
        self.starts = tuple(
            (seed, 0 if layout.same_start else agent) for seed, agent in self.members
        )
        self.scenario = ScenarioView.of(layout)
        self.net: Stack | None = None
        self.optimizer: Optimizer | None = None
        self.noise: dict[str, Noise] = {}
        self.measurements = Measurements(len(self.members), layout.tasks, self.protocol.evaluate)
        self.active: list[int] = list(range(len(self.members)))
        # The same for hooks, always the same tensor: a device graph reads it where it was captured.
        self.takes_part = torch.ones(len(self.members), dtype=torch.bool, device=device)
        self.task: Task | None = None
        self.phase: Phase | None = None
        self.clock = Clock()  # of the training steps, for all networks of the job
        # What the engine does in `observe`, between the loss and the update.
        self.before_update: Callable[[], None] | None = None
        # What `train_on` was given in the `begin_phase` under way, by row in a solo strategy.
        self.chosen: dict[int | None, Samples] | None = None
        self.noted: dict[str, Tensor] | None = None  # in the evaluation under way
        self.tested: int | None = None  # the task that the images evaluated are from
        self.asked: Images | None = None  # the images that `predict` is asked about
        # What the strategy's classes say they need and others have not (`DECLARATIONS`).
        self.declared: frozenset[str] = frozenset()
        self.described = Described()  # for the record
        # The hooks in which some part does something of its own.
        self.overridden: frozenset[str] = frozenset()

    def set_active(self, members: Sequence[int]) -> None:
        """These members take part from here on."""
        self.active = list(members)
        flags = torch.zeros(len(self.members), dtype=torch.bool)
        flags[self.active] = True
        self.takes_part.copy_(flags)

    def rng(self, name: str) -> Noise:
        """The members' own stream of this name."""
        if name not in self.noise:
            # A stream of its own for each member and name: order of first use does not matter.
            self.noise[name] = Noise(
                [key(*member, name) for member in self.members], device=self.device
            )
        return self.noise[name]

    def log(self, name: str, value: Tensor, members: Sequence[int] | None = None) -> None:
        """Append these members' values (by default of those
        that take part) to the record's curve of this name.
        """
        self.measurements.write(
            self.measurements.curves, name, value, list(self.active if members is None else members)
        )

    def cost(
        self, name: str, value: Tensor | float, add: bool, members: Sequence[int] | None = None
    ) -> None:
        """Note a cost of these members (by default of those that take part)."""
        self.measurements.note_cost(name, value, add, self.active if members is None else members)

    def fetch(
        self,
        index: Tensor,
        tasks: Tensor,
        augment: bool = False,
        valid: Tensor | None = None,
        y: Tensor | None = None,
    ) -> Batch:
        """Training samples by index, with this step's own
        augmentation where the protocol asks for one.
        """
        assert self.task is not None
        augmentation = self._augmentation() if augment else "none"
        view = None
        if augmentation != "none":
            # Drawn for the whole batch, padding included, so that draws are counted alike.
            view = draw_view(self.rng("augment"), index.shape[1], augmentation)
        return self.streams.fetch(index, tasks, self.task, "train", valid, view, y)

    def note(self, name: str, value: Tensor, row: int | None = None) -> None:
        """Keep a value of the evaluation under way, `[R]`, or of one member."""
        if self.noted is None:
            raise StrategyError(
                f"note({name!r}, ...) belongs to an evaluation: call it in begin_evaluation"
                " or predict; self.log is for everything else"
            )
        if name in ENGINE_NOTES:
            raise StrategyError(f"note({name!r}, ...): the engine uses this name itself")
        wanted = [] if row is not None else [len(self.members)]
        # A value for each task: of these the one of the task that is tested.
        if isinstance(value, Tensor) and list(value.shape) == [*wanted, self.scenario.tasks]:
            value = self._of_tested_task(value)
        if not isinstance(value, Tensor) or list(value.shape) != wanted:
            got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise StrategyError(f"note({name!r}) was given {got}; {wanted} is wanted")
        if row is None:
            self.noted[name] = value.detach().to(torch.float64)
            return
        nothing = torch.full((len(self.members),), torch.nan, dtype=torch.float64)
        self.noted.setdefault(name, nothing)[row] = value

    def _of_tested_task(self, table: Tensor) -> Tensor:
        """The column that the evaluation is about, of a value for each task there is."""
        if self.tested is None:
            return torch.full(table.shape[:-1], torch.nan, device=table.device)
        return table[..., self.tested]

    @contextmanager
    def choosing(self) -> Iterator[dict[int | None, Samples]]:
        """A phase begins, and `train_on` may be called; gives what it was given."""
        self.chosen = {}
        try:
            yield self.chosen
        finally:
            self.chosen = None

    def train_on(self, samples: Samples, row: int | None = None) -> None:
        """Choose what the phase that begins is trained on."""
        if self.chosen is None:
            raise StrategyError("train_on(samples) is called in begin_phase, and nowhere else")
        self.chosen[row] = samples

    def _augmentation(self) -> str:
        """The phase's, where it has one of its own."""
        of_phase = None if self.phase is None else self.phase.augment
        return self.protocol.augment if of_phase is None else of_phase

    def mask(self, tasks: Tensor, logits: str) -> Tensor | None:
        """Which outputs count for samples of these tasks
        `[R, B]`: `[R, B, classes]`, or None for all of them.
        """
        owned = self.streams.owned
        if self.scenario.setting == "task":
            # `[R, 1]` and `[R, B]` look up `[R, B, classes]`.
            return owned[self._rows(), tasks]
        if self.scenario.setting == "domain" or logits == "all":
            return None
        # The outputs of the task that each sample came with.
        if logits == "current":
            return owned[self._rows(), tasks]
        assert self.task is not None
        # Outputs of all tasks so far, `[R, 1, classes]`: the same for every sample.
        return owned[:, : self.task.index + 1].any(1)[:, None]

    def masked(
        self, logits: Tensor, tasks: Tensor, using: str | None, valid: Tensor | None = None
    ) -> Tensor:
        """Logits with -inf where an output does not compete for samples of these tasks.

        In a training step the outputs that do are noted: the loss is taken over them.
        """
        mask = self.mask(tasks, using or self.protocol.logits["train"])
        self.outputs.note(mask, tasks, valid)
        # -inf: probability 0, and a gradient of exactly 0.
        return logits if mask is None else logits.masked_fill(~mask, -torch.inf)

    def find(self, kind: str, number: int) -> Task:
        """The engine's own object that saved state refers to."""
        assert kind == "task"
        return self.streams.tasks[number]

    def _rows(self) -> Tensor:
        return torch.arange(len(self.members), device=self.device)[:, None]


def model_of(written: Written, host: Any) -> Model:
    """The protocol's `model` (`mlp`, or `{mlp: {hidden: [400]}}`) as the host knows it."""
    choice = Choice.of(written)
    factory = host.get("model", choice.name)
    return Model(factory, check_options(factory, choice.options))
