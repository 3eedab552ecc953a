"""Modules that all tasks share, mixed for each task in a way of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
from pydantic import NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Phase, Task, beside, errors

from .counting import numbers_of, structure_numbers
from .gates import GATES, Gates, NoGates
from .lifelong import Lifelong
from .model import SoftOrdering, check_has_modules
from .stages import ACCOMMODATION, ASSIMILATION, JOINT, in_turn
from .structures import NEVER, equal_numbers, modules_in_turn, one_module_each

NOBODY = -1
MIXTURE = "body.mixture"


class Modular(Lifelong):
    """Soft layer ordering, learnt task by task (Mendez & Eaton 2021).

    Each task has a head and a structure, the weights by which the modules are mixed at each depth.
    The first tasks train the modules, each with a structure that is drawn. A later task is first
    assimilated: its head and structure are trained, and a candidate for a new module, while the
    modules stand still. Every batch is two steps, with the candidate and without. Then the modules
    are accommodated, beside the samples kept of old tasks, while heads and structures stand still.
    The candidate stays if that makes the task's validation accuracy better by the `threshold`, and
    is otherwise gone without a trace.
    """

    name = "modular"

    # What becomes of the modules after the first tasks: they are trained in epochs of their own,
    # stand still, or are trained together with structure and head (the "joint" baseline, which adds
    # no modules).
    modules: Literal["accommodated", "frozen", "joint"] = "accommodated"
    # Every so many epochs the modules are accommodated for one; by default once, in the last epoch.
    accommodate_every: PositiveInt | None = None
    add_modules: bool = True  # a candidate for a new module a task, which needs validation data
    threshold: NonNegativeFloat = 0.05  # (with - without) / without, of accuracies
    # Of the first tasks: one module at each depth, drawn until each is used; or task t uses module
    # t at all depths.
    initial_structures: Literal["random", "one_module_per_task"] = "random"
    # Whether all samples of a task have its mixture, or each one of its own, by gates: linear maps
    # of what comes in at each depth, learnt where the structure is.
    mixing: Literal["structure", "gated"] = "structure"

    # ------------------------------------------------------------------ what is asked before a run

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        if self.tries_modules and not protocol["validation"]:
            return (
                "whether a new module stays is decided on validation data; give `validation: 0.2`,"
                " or add_modules: false"
            )
        if protocol["steps"]:
            return "its training is counted in epochs; give `epochs` in place of `steps`"
        return super().refusal(setting, protocol)

    @property
    def tries_modules(self) -> bool:
        """Whether later tasks bring a candidate for a new module."""
        return self.add_modules and self.modules != "joint" and self.trains_body

    # ------------------------------------------------------------------ what there is

    def setup(self) -> None:
        super().setup()
        check_has_modules(self.net.module)
        later = self.scenario.tasks - 1 - self.last_initial
        room = later if self.tries_modules else 0
        is_gated = {"gated": True} if self.mixing == "gated" else {}
        self.net = self.make_net(room=room, **is_gated)
        mixture = self.net.named_buffers()[MIXTURE]  # [R, 1, M, depth]
        total, depth = mixture.shape[2:]
        self.first_modules = total - room  # those that every task may use
        self._begin_modules(total)
        self._begin_structures(total, depth)
        self.learning = NOBODY  # the task that `structure` belongs to
        self.candidate = NOBODY  # the module that is on trial
        self.is_hidden = False  # whether the network is run without the candidate
        trained = [value for value in self.net.parameters() if value.requires_grad]
        self.optimizer = self.make_optimizer([*trained, *self.task_parameters()])
        self.at = 0  # the task at hand, or the last one
        self._show()

    def _begin_modules(self, total: int) -> None:
        """Every member has the first modules, and no task has brought one yet."""
        # `[R, M]`: the modules that each member has.
        numbers = torch.arange(total, device=self.device)
        self.exists = numbers.expand(self.members, total) < self.first_modules
        # `[R, T]`: the module that came with each task, `NOBODY` where none did.
        shape = self.members, self.scenario.tasks
        self.module_of_task = torch.full(shape, NOBODY, dtype=torch.int64, device=self.device)

    def _begin_structures(self, total: int, depth: int) -> None:
        """Those of the first tasks are drawn, those of later ones are learnt."""
        # `[R, T, M, depth]`: of finished tasks; the softmax over modules mixes them.
        self.structures = equal_numbers(self.exists, depth).repeat(1, self.scenario.tasks, 1, 1)
        self._draw_initial_structures(depth)
        # `[R, M, depth]`: of the task at hand.
        shape = self.members, total, depth
        self.structure = torch.ones(shape, device=self.device, requires_grad=True)
        self.gates = NoGates()
        if self.mixing == "gated":
            self.gates = Gates(self.net.named_buffers()[GATES], self.scenario.tasks)

    def _draw_initial_structures(self, depth: int) -> None:
        """One module at each depth of each of the first tasks."""
        modules, tasks = self.first_modules, self.last_initial + 1
        if tasks * depth < modules:
            raise errors.UserError(
                f"modular: {tasks} first tasks of depth {depth} cannot use each of {modules}"
                " modules; raise initial_tasks, or have fewer components"
            )
        if self.initial_structures == "random":
            used = self._random_modules(tasks * depth).view(-1, tasks, depth)
        else:
            used = modules_in_turn(modules, tasks, depth).to(self.device)[None]
        self.structures[:, :tasks] = one_module_each(used, self.exists.shape[1])

    def _random_modules(self, places: int) -> Tensor:
        """`[R, places]`: each module in one place drawn at random, and any module in the others."""
        noise, modules = self.rng("structures"), self.first_modules
        numbers = torch.arange(modules, device=self.device).expand(self.members, modules)
        if places > modules:
            others = noise.integers(modules, places - modules)
            numbers = torch.cat([numbers, others], 1)
        return numbers.gather(1, noise.permutation(places))

    # ------------------------------------------------------------------ tasks

    @torch.no_grad()
    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.at = task.index
        if task.index > self.last_initial:
            self._begin_learning(task)
        self._show()

    def _begin_learning(self, task: Task) -> None:
        """A structure for the task, and a candidate for a new module."""
        self.learning = task.index
        if self.tries_modules:
            self.candidate = self.first_modules + task.index - self.last_initial - 1
        self._allow_modules()
        self._begin_structure()

    def _allow_modules(self) -> None:
        """The task at hand may use what each member has, and the candidate."""
        allowed = self.exists.clone()
        if self.candidate != NOBODY:
            allowed[:, self.candidate] = True
        depth = self.structure.shape[-1]
        self.structures[:, self.learning] = equal_numbers(allowed, depth)[:, 0]

    def _begin_structure(self) -> None:
        """Equal weights, whatever the sample, and an optimiser that knows nothing of them."""
        self.structure.fill_(1.0)
        self.gates.begin()
        for value in self.task_parameters():
            self.optimizer.reset_entries(value, torch.ones_like(value, dtype=torch.bool))

    def later_phases(self, phases: Sequence[Phase]) -> Sequence[Phase]:
        if self.modules == "accommodated" and self.trains_body:
            return [stage for phase in phases for stage in self._in_turn(phase)]
        name = JOINT if self.modules == "joint" else ASSIMILATION
        return [replace(phase, name=name) for phase in phases]

    def _in_turn(self, phase: Phase) -> Iterator[Phase]:
        epochs = self.protocol.epochs if phase.epochs is None else phase.epochs
        return in_turn(phase, epochs or 0, self.accommodate_every)

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        if phase.name in (ACCOMMODATION, JOINT):
            self.beside_old_samples()

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self._show()

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        if self.learning != NOBODY:
            self._settle(task)
        super().end_task(task)
        self._show()
        self._count()

    def _settle(self, task: Task) -> None:
        """Keep the task's structure, and the candidate where it helps."""
        if self.candidate != NOBODY:
            self._settle_candidate(task)
        allowed = self.structures[:, task.index].isfinite()
        self.structures[:, task.index] = self.structure.masked_fill(~allowed, NEVER)
        self.gates.settle(task.index, allowed)
        self.learning = NOBODY

    def _settle_candidate(self, task: Task) -> None:
        is_kept = self._helps(task)
        slot, self.candidate = self.candidate, NOBODY
        self.exists[:, slot] = is_kept
        self.module_of_task[is_kept, task.index] = slot
        self.structures[:, task.index, slot].masked_fill_(~is_kept[:, None], NEVER)
        self._forget_module(slot, ~is_kept)

    def _helps(self, task: Task) -> Tensor:
        """`[R]`: whether the candidate adds more than the threshold to the validation accuracy."""
        found = self.accuracy(task, "validation")
        with self._without_candidate():
            without = self.accuracy(task, "validation")
        self.log("accuracy_with_candidate", found)
        self.log("accuracy_without_candidate", without)
        return (without == 0) | ((found - without) / without > self.threshold)

    def _forget_module(self, number: int, where: Tensor) -> None:
        """Leave nothing of a module of these members, neither numbers nor the optimiser's state."""
        for param in self.module_parameters(number).values():
            rows = beside(where, param)
            param.masked_fill_(rows, 0.0)
            self.optimizer.reset_entries(param, rows)

    def _count(self) -> None:
        """Modules, and what is trained: the network without empty places, and the structures."""
        modules = self.exists.sum(1).double()
        empty = (~self.exists).sum(1).double()
        of_module = numbers_of(self.module_parameters(0).values())
        network = numbers_of(self.net.parameters())
        so_far = self.structures[:, : self.at + 1]
        structures = structure_numbers(so_far, self.last_initial + 1, self.gates.width)
        self.log("modules", modules)
        self.cost("modules", modules)
        self.cost("parameters", network - empty * of_module + structures)

    # ------------------------------------------------------------------ what a step trains

    def observe(self, batch: Batch) -> Tensor | None:
        loss = super().observe(batch)
        if self.candidate != NOBODY:
            with self._without_candidate():
                super().observe(batch)
        return loss

    @contextmanager
    def as_trained(self, tasks: Tensor) -> Iterator[None]:
        self._run_used()
        named = self.net.named_parameters()
        cut_off = {name: named[name].detach() for name in self.standing_still()}
        # With gradients where the gates are trained.
        gates = self.gates.of_each(tasks, self.at, self.at == self.learning)
        with self.net.given(cut_off, {MIXTURE: self._mixture_of(tasks), **gates}):
            yield

    def standing_still(self) -> set[str]:
        """The names of the network's parameters that the step at hand is not to move."""
        if self.learning == NOBODY:
            return set()
        on_trial = self._named(_of_module(self.candidate))
        still: set[str] = set()
        if self.phase.name == ACCOMMODATION:
            still = self._named("head.")
        elif self.phase.name == ASSIMILATION:
            still = self._named("body.") - on_trial
        return still | on_trial if self.is_hidden else still

    def _named(self, beginning: str) -> set[str]:
        """The names of the network's parameters that begin so."""
        return {name for name in self.net.named_parameters() if name.startswith(beginning)}

    def adjust_gradients(self, batch: Batch) -> None:
        """A gradient of None and not of 0: by its moments Adam would move on what has one of 0."""
        super().adjust_gradients(batch)
        named = self.net.named_parameters()
        own = [] if self._learns_structure() else self.task_parameters()
        for value in [*own, *(named[name] for name in self.standing_still())]:
            value.grad = None

    def _learns_structure(self) -> bool:
        """Whether the phase at hand trains the task's structure and gates."""
        return self.learning != NOBODY and self.phase.name != ACCOMMODATION

    # ------------------------------------------------------------------ how modules are mixed

    def _mixture_of(self, tasks: Tensor) -> Tensor:
        """`[R, B]` to the weights for each sample, `[R, B, M, depth]`; a batch may hold others than
        those of the task at hand.
        """
        rows = torch.arange(len(tasks), device=self.device)[:, None]
        mixture = self._mixtures()[rows, tasks]
        if not self._learns_structure():
            return mixture
        is_current = (tasks == self.learning)[..., None, None]
        return torch.where(is_current, self._current(), mixture)

    def _mixtures(self) -> Tensor:
        """`[R, T, M, depth]`, without gradients."""
        numbers = self.structures
        if self.learning != NOBODY:
            numbers = numbers.clone()
            numbers[:, self.learning] = self._allowed(self.structure.detach())
        return self._hide(numbers).softmax(2)

    def _current(self) -> Tensor:
        """`[R, 1, M, depth]`: of the task at hand, with gradients."""
        numbers = self._allowed(self.structure)
        return self._hide(numbers[:, None]).softmax(2)

    def _allowed(self, numbers: Tensor) -> Tensor:
        """`[R, M, depth]` of the task at hand, `NEVER` of modules that it may not use."""
        allowed = self.structures[:, self.learning].isfinite()
        return numbers.masked_fill(~allowed, NEVER)

    def _hide(self, numbers: Tensor) -> Tensor:
        """Without the candidate, where it is hidden."""
        if not self.is_hidden:
            return numbers
        hidden = torch.zeros(numbers.shape[2], dtype=torch.bool, device=self.device)
        hidden[self.candidate].fill_(True)
        return numbers.masked_fill(hidden[:, None], NEVER)

    @contextmanager
    def _without_candidate(self) -> Iterator[None]:
        self.is_hidden = True
        try:
            yield
        finally:
            self.is_hidden = False

    def _run_used(self) -> None:
        """Let modules that no member has, and a hidden one, not be run."""
        body = self.net.module.get_submodule("body")
        assert isinstance(body, SoftOrdering)
        used = list(self.somewhere)
        if self.candidate != NOBODY and not self.is_hidden:
            used.append(self.candidate)
        body.used = [used] * body.depth

    @torch.no_grad()
    def _show(self) -> None:
        """Let the network as probes see it be that of the task at hand, or of the last one."""
        self.somewhere = self.exists.any(0).nonzero().flatten().tolist()
        self._run_used()
        of_network = self.net.named_buffers()
        for name, value in self._buffers_of_task(self.at).items():
            of_network[name].copy_(value)

    def _buffers_of_task(self, index: int) -> dict[str, Tensor]:
        """What makes the network that of one task: its mixture, and its gates."""
        mixture = self._mixtures()[:, index : index + 1]
        return {MIXTURE: mixture, **self.gates.of_one(index, index == self.learning)}

    @torch.no_grad()
    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        assert task is not None, "the task setting tells it"
        self._run_used()
        with self.net.given(buffers=self._buffers_of_task(task.index)):
            return super().predict(x, task)

    # ------------------------------------------------------------------ what other parts ask for

    def module_parameters(self, number: int) -> dict[str, Tensor]:
        """A module's parameters `[R, ...]`, by its own names."""
        return self.net.part(f"body.components.{number}").named_parameters()

    def task_parameters(self) -> list[Tensor]:
        """What is trained of the task at hand beside its head: its structure, and any gates."""
        return [self.structure, *self.gates.trained]

    def shared(self) -> list[str]:
        """The modules that every network began with; those that came later are a member's own.

        None where modules stand still after the first tasks: an average would move them.
        """
        if self.modules == "frozen":
            return []
        first = tuple(_of_module(number) for number in range(self.first_modules))
        return [name for name in super().shared() if name.startswith(first)]

    def learnt_together(self) -> list[Tensor]:
        return [*super().learnt_together(), self.structures]


def _of_module(number: int) -> str:
    return f"body.components.{number}."
