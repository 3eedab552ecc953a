"""Agents that begin a new module with one that a neighbour has learnt."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from clbench import Phase, Task, beside, errors

from .rounds import Neighbours, epochs_of, row_bytes
from .tryout import State, Tryout

CLASS_BYTES = 1  # of each class that an agent names
NOBODY = -1


class ModuleSharing(Neighbours):
    """Module sharing ("modmod"): a new module's candidate is one of a neighbour's (Le et al. 2024).

    Once a task, from the second task after the first ones on, each agent of `modular` tells its
    neighbours the classes of its new task. A neighbour answers with the module that it added for
    its most similar task, the one with most of these classes (of equals the first); one that has
    added none for any of them does not answer. With `choice: trust_sim` the module of the most
    similar task of all is taken (of equals that of the earliest task, then of the first agent).
    With `tryout` the best `tries` are trained in turn, for `tryout_epochs` epochs of the task each,
    with head and structure as they were at first; the agent goes on from the one of the best
    validation accuracy, as it was trained then, with moments that begin anew. What comes first is
    trained and judged as any other candidate of `modular`; an agent that was sent none begins with
    a random module, as without sharing.

    With `transfer_head` and `transfer_structure` the head's outputs for classes that both tasks
    have, and the structure, come with the module: of the modules that all agents have and of the
    one that is sent.

    Curves `module_from_agent` and `module_from_task` say whose module each task began with (-1:
    nobody's); `bytes_sent` counts one byte for each class named, and what is sent back.
    """

    name = "module_sharing"
    needs_parts: ClassVar[tuple[str, ...]] = ("modular",)

    # Which of the modules that neighbours send is taken: that of the most similar task, or the best
    # one of those that were tried.
    choice: Literal["trust_sim", "tryout"] = "trust_sim"
    # Begin with the neighbour's outputs for the classes that both tasks have.
    transfer_head: bool = False
    # Begin with the structure of the neighbour's task.
    transfer_structure: bool = False
    tries: PositiveInt = 3  # modules that are tried, for `choice: tryout`
    tryout_epochs: PositiveInt = 20  # epochs of the task that each of them is trained for

    def setup(self) -> None:
        super().setup()
        modular = self.modular
        if not modular.tries_modules:
            raise errors.StrategyError(
                "module_sharing: modular adds no modules here, so there are none to be shared; give"
                " it add_modules: true, modules: accommodated or frozen, and a loss that trains"
                " modules"
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
                f"module_sharing: {self._most_tried} modules are tried for {self.tryout_epochs}"
                f" epochs each, and {there} epochs of a task are there for it; give it more than"
                f" {needed}, or fewer tries or tryout_epochs"
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
        # Who is no neighbour is as one without a module: similarity 0 never answers.
        similarity = torch.where(links, similarity, 0)
        self._count(links, similarity > 0, source)
        agents, tasks, found = self._ranked(similarity, source)
        columns = zip(agents.unbind(1), tasks.unbind(1), strict=True)
        beginnings = [self._beginning(agent, task) for agent, task in columns]
        first = found[:, 0]
        self.log("module_from_agent", torch.where(first, agents[:, 0], NOBODY))
        self.log("module_from_task", torch.where(first, tasks[:, 0], NOBODY))
        if self.choice == "tryout":
            self.tryout = Tryout(self, beginnings, found.sum(1))
        self.put(beginnings[0], first)

    def most_similar(self) -> tuple[Tensor, Tensor]:
        """`[R, agents]`: how many of the new task's classes each agent's most similar task with a
        module has, and which task that is.
        """
        before = self.begun[:-1]
        # `[R, agents, tasks]`.
        overlap = torch.stack([self._overlap(task) for task in before], dim=2)
        order = torch.arange(len(before), device=self.device)
        # One integer for both criteria: most classes in common, and of equals the earliest task.
        best = (overlap * (len(before) + 1) - order).argmax(2)
        return overlap.gather(2, best[..., None])[..., 0], best

    def _overlap(self, task: Task) -> Tensor:
        """`[R, agents]`: how many of the new task's classes an agent has; 0 with no module."""
        # `[R, K]`: which of the data set's classes the task has.
        new = self.task.labels >= 0
        common = (self.of_agents(task.labels >= 0) & new[:, None]).sum(2)
        added = self.of_agents(self.modular.module_of_task[:, task.index] != NOBODY)
        return torch.where(added, common, 0)

    def _ranked(self, similarity: Tensor, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The agents whose modules are tried, `[R, n]`, their tasks, and which there are."""
        tasks = self.scenario.tasks
        # In the same way: similarity first, then the earlier task; the stable sort leaves equals by
        # agent.
        rank = similarity * tasks + (tasks - 1 - source)
        rank = torch.where(similarity > 0, rank, NOBODY)
        order = rank.argsort(dim=1, descending=True, stable=True)[:, : self._most_tried]
        return order, source.gather(1, order), rank.gather(1, order) != NOBODY

    def _count(self, links: Tensor, answers: Tensor, source: Tensor) -> None:
        """Add the bytes of the classes that were named, and of what was sent back."""
        # Asking: the classes' names, to each neighbour.
        named = (self.task.labels >= 0).sum(1) * links.sum(1) * CLASS_BYTES
        sent = torch.where(answers, self._answer_bytes(source), 0)
        # Answers are counted for the one that sends them, hence `swapped`.
        self.count_bytes(named + self.swapped(sent).sum(1))

    def _answer_bytes(self, source: Tensor) -> Tensor:
        """`[R, agents]`: of an answer with the module of the task `source`."""
        size = torch.full_like(source, row_bytes(self._candidate()))
        if self.transfer_head:
            size = size + self._outputs_of(source) * row_bytes([v[:, 0] for v in self._head()])
        if self.transfer_structure:
            structure = self.modular.structure
            size = size + row_bytes([structure[:, : self.modular.first_modules + 1]])
        return size

    def _outputs_of(self, source: Tensor) -> Tensor:
        """`[R, agents]`: how many classes each agent's task `source` has."""
        classes = self.of_agents((self._labels_before() >= 0).sum(2))
        return classes.gather(2, source[..., None])[..., 0]

    # ------------------------------------------------------------------ what a task begins with

    def live(self) -> State:
        """What is trained of a new task before its modules: candidate, head, structure, gates."""
        return [*self._candidate(), *self._head(), *self.modular.task_parameters()]

    def put(self, state: State, where: Tensor) -> None:
        """Let these members have this state."""
        for value, wanted in zip(self.live(), state, strict=True):
            rows = beside(where, value)
            value.detach().copy_(torch.where(rows, wanted, value.detach()))

    def _candidate(self) -> list[Tensor]:
        modular = self.modular
        return list(modular.module_parameters(modular.candidate).values())

    def _head(self) -> list[Tensor]:
        return self.net.part("head").parameters()

    def _beginning(self, agent: Tensor, task: Tensor) -> State:
        """What each member begins with where it takes the module of this agent `[R]` of its seed
        from this task `[R]`.
        """
        numbers = torch.arange(self.members, device=self.device)
        # Members of a seed lie side by side: its first one plus the agent's number.
        rows = numbers - numbers % self.scenario.agents + agent
        slot = self.modular.module_of_task[rows, task]
        head = self._head_from(rows, task) if self.transfer_head else self._head()
        structure, *gates = self.modular.task_parameters()
        if self.transfer_structure:
            structure = self._structure_from(rows, task, slot)
        state = [*self._module_from(rows, slot), *head, structure, *gates]
        return [value.detach().clone() for value in state]

    def _module_from(self, rows: Tensor, slot: Tensor) -> list[Tensor]:
        """The modules in places `[R]` of members `[R]`; a member's own candidate where none is."""
        modular = self.modular
        found = self._candidate()
        # Place by place: members may take modules of unlike numbers, and each place has tensors of
        # its own.
        for number in range(modular.first_modules, modular.candidate):
            theirs = modular.module_parameters(number).values()
            found = [
                torch.where(beside(slot == number, own), value[rows], own)
                for own, value in zip(found, theirs, strict=True)
            ]
        return found

    def _head_from(self, rows: Tensor, task: Tensor) -> list[Tensor]:
        """The head, in which outputs for classes of these members' tasks, too, are as theirs."""
        own, theirs = self.task.labels, self._labels_before()[rows, task]
        both = (own >= 0) & (theirs >= 0)
        made = []
        for value in self._head():
            # Classes `[R, K]` beside what an output has (a row of weights, or a bias).
            source = beside(theirs.clamp(min=0), value).expand(*both.shape, *value.shape[2:])
            # One output more than there are takes what is of no class in common.
            target = beside(torch.where(both, own, value.shape[1]), value).expand_as(source)
            wider = torch.cat([value, value[:, :1]], dim=1)
            made.append(wider.scatter(1, target, value[rows].gather(1, source))[:, :-1])
        return made

    def _structure_from(self, rows: Tensor, task: Tensor, slot: Tensor) -> Tensor:
        """The structure of these members' tasks, for the modules that all have and the one that is
        sent; 0 for others.
        """
        modular = self.modular
        theirs = modular.structures[rows, task]
        made = torch.zeros_like(modular.structure)
        made[:, : modular.first_modules] = theirs[:, : modular.first_modules]
        numbers = torch.arange(self.members, device=self.device)
        made[:, modular.candidate] = theirs[numbers, slot.clamp(min=0)]
        return made

    def _labels_before(self) -> Tensor:
        """`[R, T, K]`: the labels of the data set's classes in the tasks before this one."""
        return torch.stack([task.labels for task in self.begun[:-1]], dim=1)
