"""Agents that begin a new module with one that a neighbour has learnt."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from clbench import Phase, Task, errors

from .rounds import Neighbours, epochs_of, row_bytes
from .tryout import Tryout

Module = dict[str, Tensor]  # parameters `[R, ...]`, by their names within the module
CLASS_BYTES = 1  # of each class that an agent names
NOBODY = -1


class ModuleSharing(Neighbours):
    """Module sharing ("modmod"): the candidate for a new module is one that a neighbour has added (Le et al. 2024).

    Once a task, from the second task after the first ones on, each agent of `modular` tells its neighbours the
    classes of its new task. A neighbour answers with the module that it added for its most similar task, the one
    with most of these classes (of equals the first); one that has added none for any of them does not answer. With
    `choice: trust_sim` the module of the most similar task of all is taken (of equals that of the earliest task, then
    of the first agent). With `tryout` the best `tries` are trained in turn, for `tryout_epochs` epochs of the
    task each, with head and structure as they were at first; the agent goes on from the one of the best validation
    accuracy, as it was trained then, with moments that begin anew. What comes first is trained and judged as any
    other candidate of `modular`; an agent that was sent none begins with a random module, as without sharing.

    Curves `module_from_agent` and `module_from_task` say whose module each task began with (-1: nobody's);
    `bytes_sent` counts one byte for each class named, and the modules sent back.
    """

    name = "module_sharing"
    needs_parts: ClassVar[tuple[str, ...]] = ("modular",)

    # Which of the modules that neighbours send is taken: that of the most similar task, or the best one
    # of those that were tried.
    choice: Literal["trust_sim", "tryout"] = "trust_sim"
    tries: PositiveInt = 3  # modules that are tried, for `choice: tryout`
    tryout_epochs: PositiveInt = 20  # epochs of the task that each of them is trained for

    def setup(self) -> None:
        super().setup()
        modular = self.modular
        if not modular.add_modules or modular.modules == "joint":
            raise errors.StrategyError(
                "module_sharing: modular adds no modules here, so there are none to be shared; give it"
                " add_modules: true, and modules: accommodated or frozen"
            )
        if self.choice == "tryout":
            self._check_epochs()
        self.begun: list[Task] = []
        self.phases_begun = 0
        self.tryout: Tryout | None = None

    def _check_epochs(self) -> None:
        """A task has to have time for all that is tried, and an epoch after it."""
        first, *_ = self.modular.later_phases([Phase()])
        there, needed = epochs_of(first, self.protocol), self._most_tried * self.tryout_epochs
        if there <= needed:
            raise errors.StrategyError(
                f"module_sharing: {self._most_tried} modules are tried for {self.tryout_epochs} epochs"
                f" each, and {there} epochs of a task are there for it; give it more than {needed}, or"
                " fewer tries or tryout_epochs"
            )

    @property
    def _most_tried(self) -> int:
        """How many modules an agent begins with in turn, at most."""
        wanted = self.tries if self.choice == "tryout" else 1
        return min(wanted, self.scenario.agents - 1)

    @property
    def modular(self) -> Any:
        """The part whose modules these are."""
        return self.part("modular")

    # ------------------------------------------------------------------ when

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.begun.append(task)
        self.phases_begun = 0
        self.tryout = None

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        self.phases_begun += 1
        if self.phases_begun == 1 and self._has_neighbours_to_ask():
            with torch.no_grad():
                self.exchange()

    def _has_neighbours_to_ask(self) -> bool:
        """Before the second task after the first ones nobody has added a module."""
        return self.is_apart and self.task.index > self.modular.last_initial + 1

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        if self.tryout is not None and self.phases_begun == 1 and epoch:
            with torch.no_grad():
                self.tryout.begin_epoch(epoch)

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.tryout = None

    # ------------------------------------------------------------------ asking and answering

    def exchange(self) -> None:
        """Ask and answer once, and begin with what is to be tried first."""
        links = self.links(self.active)
        similarity, source = self.most_similar()
        similarity = torch.where(links, similarity, 0)
        self._count(links, similarity)
        agents, tasks, found = self._ranked(similarity, source)
        slots = self._slots(agents, tasks)
        modules = [
            self._module_of(agents[:, number], slots[:, number])
            for number in range(agents.shape[1])
        ]
        nobody = torch.full_like(agents[:, 0], NOBODY)
        self.log("module_from_agent", torch.where(found[:, 0], agents[:, 0], nobody))
        self.log("module_from_task", torch.where(found[:, 0], tasks[:, 0], nobody))
        if self.choice == "tryout":
            self.tryout = Tryout(self, modules, found.sum(1))
        self.install(modules[0], found[:, 0])

    def most_similar(self) -> tuple[Tensor, Tensor]:
        """`[R, agents]`: how many of the new task's classes each agent's most similar task with a module has, and which task that is."""
        new = self.task.labels >= 0
        before = self.begun[:-1]
        overlaps = []
        for task in before:
            common = (self.of_agents(task.labels >= 0) & new[:, None]).sum(2)
            added = self.of_agents(self.modular.module_of_task[:, task.index] != NOBODY)
            overlaps.append(torch.where(added, common, 0))
        overlap = torch.stack(overlaps, dim=2)
        order = torch.arange(len(before), device=self.device)
        best = (overlap * (len(before) + 1) - order).argmax(2)
        indices = torch.tensor([task.index for task in before], device=self.device)
        return overlap.gather(2, best[..., None])[..., 0], indices[best]

    def _ranked(self, similarity: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The agents whose modules are tried, `[R, n]`, the tasks of these, and which of them there are."""
        tasks = self.scenario.tasks
        rank = similarity * tasks + (tasks - 1 - source)
        rank = torch.where(similarity > 0, rank, NOBODY)
        order = rank.argsort(dim=1, descending=True, stable=True)[:, : self._most_tried]
        return order, source.gather(1, order), rank.gather(1, order) != NOBODY

    def _slots(self, agents: Tensor, tasks: Tensor) -> Tensor:
        """`[R, n]`: the numbers that these agents' modules of these tasks have."""
        tables = self.of_agents(self.modular.module_of_task)
        rows = torch.arange(self.members, device=self.device)[:, None]
        found: Tensor = tables[rows, agents, tasks]
        return found

    def _module_of(self, agent: Tensor, slot: Tensor) -> Module:
        """For each member the module in this place `[R]` of this agent of its seed; its own candidate where there is none."""
        modular = self.modular
        numbers = torch.arange(self.members, device=self.device)
        rows = numbers - numbers % self.scenario.agents + agent
        named = modular.module_parameters(modular.candidate)
        found = {name: value.detach().clone() for name, value in named.items()}
        for number in range(modular.first_modules, modular.candidate):
            for name, value in modular.module_parameters(number).items():
                here = (slot == number).view(-1, *(1,) * (value.dim() - 1))
                found[name] = torch.where(here, value.detach()[rows], found[name])
        return found

    def install(self, module: Module, where: Tensor) -> None:
        """Let the candidate of these members be this module."""
        modular = self.modular
        for name, value in modular.module_parameters(modular.candidate).items():
            rows = where.view(-1, *(1,) * (value.dim() - 1))
            value.detach().copy_(torch.where(rows, module[name], value.detach()))

    def _count(self, links: Tensor, similarity: Tensor) -> None:
        """Add the bytes of the classes that were named, and of the modules sent back."""
        named = (self.task.labels >= 0).sum(1) * links.sum(1) * CLASS_BYTES
        answers = self.swapped(similarity > 0).sum(1)
        size = row_bytes(list(self.modular.module_parameters(self.modular.candidate).values()))
        self.count_bytes(named + answers * size)
