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

from .gates import GATES, Gates, NoGates
from .lifelong import Lifelong
from .model import SoftOrdering
from .structures import NEVER, equal_numbers, one_module_each

ASSIMILATION, ACCOMMODATION, JOINT = "assimilation", "accommodation", "joint"
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
        later = self.scenario.tasks - 1 - self.last_initial
        room = later if self.tries_modules else 0
        if "body.components" not in dict(self.net.module.named_modules()):
            raise errors.UserError(
                "modular: the model has no modules to be mixed; use soft_ordering_mlp or"
                " soft_ordering_cnn (or one of your own with the same parts)"
            )
        is_gated = {"gated": True} if self.mixing == "gated" else {}
        self.net = self.make_net(room=room, **is_gated)
        mixture = self.net.named_buffers()[MIXTURE]  # [R, 1, M, depth]
        total, depth = mixture.shape[2:]
        self.first_modules = total - room  # those that every task may use
        # `[R, M]`: the modules that each member has.
        self.exists = (
            torch.arange(total, device=self.device).expand(self.members, total) < self.first_modules
        )
        # `[R, T]`: the module that came with each task, `NOBODY` where none did.
        shape = self.members, self.scenario.tasks
        self.module_of_task = torch.full(shape, NOBODY, dtype=torch.int64, device=self.device)
        # `[R, T, M, depth]`: of finished tasks; the softmax over modules mixes them.
        self.structures = equal_numbers(self.exists, depth).repeat(1, self.scenario.tasks, 1, 1)
        self._draw_initial_structures(depth)
        # `[R, M, depth]`: of the task at hand.
        self.structure = torch.ones(
            self.members, total, depth, device=self.device, requires_grad=True
        )
        self.gates = NoGates()
        if self.mixing == "gated":
            self.gates = Gates(self.net.named_buffers()[GATES], self.scenario.tasks)
        self.learning = NOBODY  # the task that `structure` belongs to
        self.candidate = NOBODY  # the module that is on trial
        self.is_hidden = False  # whether the network is run without the candidate
        trained = [value for value in self.net.parameters() if value.requires_grad]
        self.optimizer = self.make_optimizer([*trained, *self.task_parameters()])
        self.at = 0  # the task at hand, or the last one
        self._show()

    def _draw_initial_structures(self, depth: int) -> None:
        """One module at each depth of each of the first tasks."""
        modules, tasks = self.first_modules, self.last_initial + 1
        places = tasks * depth
        if places < modules:
            raise errors.UserError(
                f"modular: {tasks} first tasks of depth {depth} cannot use each of {modules} "
                "modules;"
                " raise initial_tasks, or have fewer components"
            )
        if self.initial_structures == "random":
            used = self._random_modules(places).view(-1, tasks, depth)
        else:
            own = torch.arange(tasks, device=self.device)[:, None] % modules
            used = own.expand(self.members, tasks, depth)
        self.structures[:, :tasks] = one_module_each(used, self.exists.shape[1])

    def _random_modules(self, places: int) -> Tensor:
        """`[R, places]`: each module in one place drawn at random, and any module in the others."""
        noise, modules = self.rng("structures"), self.first_modules
        everyone = torch.arange(modules, device=self.device).expand(self.members, modules)
        others = noise.integers(modules, places - modules) if places > modules else everyone[:, :0]
        return torch.cat([everyone, others], 1).gather(1, noise.permutation(places))

    # ------------------------------------------------------------------ tasks

    @torch.no_grad()
    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.at = task.index
        if task.index > self.last_initial:
            self.learning = task.index
            if self.tries_modules:
                self.candidate = self.first_modules + task.index - self.last_initial - 1
            allowed = self.exists.clone()
            if self.candidate != NOBODY:
                allowed[:, self.candidate] = True
            depth = self.structure.shape[-1]
            self.structures[:, task.index] = equal_numbers(allowed, depth)[:, 0]
            self._begin_structure()
        self._show()

    def _begin_structure(self) -> None:
        """Equal weights, whatever the sample, and an optimiser that knows nothing of them."""
        self.structure.fill_(1.0)
        self.gates.begin()
        for value in self.task_parameters():
            self.optimizer.reset_entries(value, torch.ones_like(value, dtype=torch.bool))

    def later_phases(self, phases: Sequence[Phase]) -> Sequence[Phase]:
        if self.modules == "joint":
            return [replace(phase, name=JOINT) for phase in phases]
        if self.modules == "frozen" or not self.trains_body:
            return [replace(phase, name=ASSIMILATION) for phase in phases]
        return [part for phase in phases for part in self._in_turn(phase)]

    def _in_turn(self, phase: Phase) -> Iterator[Phase]:
        """Epochs of assimilation, and after so many one of accommodation."""
        left = (self.protocol.epochs if phase.epochs is None else phase.epochs) or 0
        every = self.accommodate_every or left
        while left:
            epochs = min(every, left)
            left -= epochs
            is_whole = epochs == every
            yield replace(phase, name=ASSIMILATION, epochs=epochs - is_whole)
            if is_whole:
                yield replace(phase, name=ACCOMMODATION, epochs=1)

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
            is_kept = self._helps(task)
            slot, self.candidate = self.candidate, NOBODY
            self.exists[:, slot] = is_kept
            self.module_of_task[is_kept, task.index] = slot
            self.structures[:, task.index, slot].masked_fill_(~is_kept[:, None], NEVER)
            self._forget_module(slot, ~is_kept)
        allowed = self.structures[:, task.index].isfinite()
        self.structures[:, task.index] = self.structure.masked_fill(~allowed, NEVER)
        self.gates.settle(task.index, allowed)
        self.learning = NOBODY

    def _helps(self, task: Task) -> Tensor:
        """`[R]`: whether the candidate makes validation accuracy better by more than the
        threshold.
        """
        found = self.accuracy(task, "validation")
        with self._without_candidate():
            without = self.accuracy(task, "validation")
        self.log("accuracy_with_candidate", found)
        self.log("accuracy_without_candidate", without)
        return (without == 0) | ((found - without) / without > self.threshold)

    def _forget_module(self, number: int, where: Tensor) -> None:
        """Nothing is left of a module of these members: numbers, and what the optimiser knows of
        them.
        """
        for param in self.module_parameters(number).values():
            rows = beside(where, param)
            param.masked_fill_(rows, 0.0)
            self.optimizer.reset_entries(param, rows)

    def _count(self) -> None:
        """Modules, and what is trained: the network without places for modules, and the structures
        so far.
        """
        modules = self.exists.sum(1).double()
        empty = (~self.exists).sum(1).double()
        of_module = sum(value[0].numel() for value in self.module_parameters(0).values())
        network = sum(value[0].numel() for value in self.net.parameters())
        numbers = self.structures[:, : self.at + 1].isfinite().sum((2, 3))  # of each task
        learnt = numbers[:, self.last_initial + 1 :]
        structures = numbers.sum(1) + learnt.sum(1) * self.gates.width
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
        with self.net.given(cut_off, {MIXTURE: self._mixture_of(tasks), **self._gates_of(tasks)}):
            yield

    def standing_still(self) -> set[str]:
        """The names of the network's parameters that the step at hand is not to move."""
        if self.learning == NOBODY:
            return set()
        named = list(self.net.named_parameters())
        if self.phase.name == ACCOMMODATION:
            still = {name for name in named if name.startswith("head.")}
        elif self.phase.name == ASSIMILATION:
            on_trial = _of_module(self.candidate)
            still = {
                name for name in named if name.startswith("body.") and not name.startswith(on_trial)
            }
        else:
            still = set()
        if self.is_hidden:
            still |= {name for name in named if name.startswith(_of_module(self.candidate))}
        return still

    def adjust_gradients(self, batch: Batch) -> None:
        """A gradient of None and not of 0: by its moments Adam would move on what has one of 0."""
        super().adjust_gradients(batch)
        named = self.net.named_parameters()
        for name in self.standing_still():
            named[name].grad = None
        if self.learning == NOBODY or self.phase.name == ACCOMMODATION:
            for value in self.task_parameters():
                value.grad = None

    # ------------------------------------------------------------------ how modules are mixed

    def _gates_of(self, tasks: Tensor) -> dict[str, Tensor]:
        """The buffers that hold the gates of samples of these tasks `[R, B]`, with gradients where
        they are trained.
        """
        return self.gates.of_each(tasks, self.at, self.at == self.learning)

    def _gates_of_task(self, index: int) -> dict[str, Tensor]:
        """The same for samples that are all of one task."""
        return self.gates.of_one(index, index == self.learning)

    def _mixture_of(self, tasks: Tensor) -> Tensor:
        """`[R, B]` to the weights for each sample, `[R, B, M, depth]`; a batch may hold others than
        those of the task at hand.
        """
        rows = torch.arange(len(tasks), device=self.device)[:, None]
        mixture = self._mixtures()[rows, tasks]
        if self.learning == NOBODY or self.phase.name == ACCOMMODATION:
            return mixture
        return torch.where((tasks == self.learning)[..., None, None], self._current(), mixture)

    def _mixtures(self) -> Tensor:
        """`[R, T, M, depth]`, without gradients."""
        numbers = self.structures
        if self.learning != NOBODY:
            numbers = numbers.clone()
            allowed = numbers[:, self.learning].isfinite()
            numbers[:, self.learning] = self.structure.detach().masked_fill(~allowed, NEVER)
        return self._hide(numbers).softmax(2)

    def _current(self) -> Tensor:
        """`[R, 1, M, depth]`: of the task at hand, with gradients."""
        allowed = self.structures[:, self.learning].isfinite()
        numbers = self.structure.masked_fill(~allowed, NEVER)
        return self._hide(numbers[:, None]).softmax(2)

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
        used = [*self.somewhere] if self.is_hidden else [*self.somewhere, self.candidate]
        body.used = [[number for number in used if number != NOBODY]] * body.depth

    @torch.no_grad()
    def _show(self) -> None:
        """Let the network by itself, as probes see it, be that of the task at hand, or of the last
        one.
        """
        self.somewhere = self.exists.any(0).nonzero().flatten().tolist()
        self._run_used()
        shown = self._mixtures()[:, self.at : self.at + 1]
        of_network = self.net.named_buffers()
        for name, value in {MIXTURE: shown, **self._gates_of_task(self.at)}.items():
            of_network[name].copy_(value)

    @torch.no_grad()
    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        assert task is not None, "the task setting tells it"
        self._run_used()
        mixture = self._mixtures()[:, task.index : task.index + 1]
        with self.net.given(buffers={MIXTURE: mixture, **self._gates_of_task(task.index)}):
            return super().predict(x, task)

    # ------------------------------------------------------------------ what other parts ask for

    def module_parameters(self, number: int) -> dict[str, Tensor]:
        """A module's parameters `[R, ...]`, by its own names."""
        return self.net.part(f"body.components.{number}").named_parameters()

    def task_parameters(self) -> list[Tensor]:
        """What is trained of the task at hand beside its head: its structure, and gates where there
        are some.
        """
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
