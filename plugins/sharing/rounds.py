"""What methods that share among agents have in common: neighbours, a schedule, bytes counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from clbench import Phase, Strategy, randomness

from .topology import Graph, Kind, graph_of


class Neighbours(Strategy):
    """Agents that know some of the other agents of their seed."""

    needs_agents: ClassVar[bool] = True

    # Who talks to whom: `full` (everybody), `ring`, `star` (agent 0 in the middle), `tree` (a
    # random one), `random` (a random tree and each other edge with `edge_probability`),
    # `erdos_renyi` (each edge with `edge_probability`; may leave agents alone), `self_loop`
    # (nobody).
    topology: Kind = "full"
    # The chance of an edge that the topologies `random` and `erdos_renyi` draw.
    edge_probability: Annotated[float, Field(ge=0, le=1)] = 0.5

    def setup(self) -> None:
        super().setup()
        self.graph = self._draw_graph()

    def _draw_graph(self) -> Tensor:
        """`[R, agents]`: each member's neighbours. A seed's graph follows from its seed alone."""
        agents = self.scenario.agents
        # The first agent of each seed.
        seeds = [seed for seed, _ in self.net.seeds[::agents]]
        graphs = [self._graph_of(seed) for seed in seeds]
        return torch.from_numpy(np.concatenate(graphs)).to(self.device)

    def _graph_of(self, seed: int) -> Graph:
        draw = randomness.generator(seed, 0, "topology")
        return graph_of(self.topology, self.scenario.agents, draw, self.edge_probability)

    def links(self, takes_part: Tensor) -> Tensor:
        """`[R, agents]`: neighbours each member hears, and is heard by, where these take part."""
        return self.graph & takes_part[:, None] & self.of_agents(takes_part)

    def of_agents(self, table: Tensor) -> Tensor:
        """`[R, ...]` -> `[R, agents, ...]`: for each member the rows of all agents of its seed."""
        return self.by_agent(table).repeat_interleave(self.scenario.agents, dim=0)

    def swapped(self, table: Tensor) -> Tensor:
        """`[R, agents, ...]`, what each member has for each agent, turned the other way round."""
        # `[seeds, member, agent, ...]` to `[seeds, agent, member, ...]`.
        return self.by_agent(table).transpose(1, 2).flatten(0, 1)

    def count_bytes(self, sent: Tensor) -> None:
        """Add what each member sent, `[R]` bytes, to the record's `bytes_sent`."""
        self.cost("bytes_sent", sent, add=True)

    @property
    def is_apart(self) -> bool:
        """Whether the agents' tasks have begun to differ: before that there is nothing to share."""
        return self.task.index >= self.scenario.shared_tasks


class Rounds(Neighbours):
    """Neighbours that exchange something every so many epochs of each phase of training.

    Rounds are synchronous: what is sent is read of all agents before anything is written. An agent
    that does not take part (`self.active`: it stopped early, or diverged) is not heard and does not
    change. There are no rounds in the first tasks where these are the same for all agents of a seed
    (`scenario.shared_tasks`). A phase whose length is given in steps has one round.
    """

    every: PositiveInt = 1  # epochs of training between two rounds
    # The round before each stretch of `every` epochs, or after it.
    when: Literal["before", "after"] = "before"

    def begin_epoch(self, phase: Phase, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        if self.when == "before" and epoch % self.every == 0:
            self._hold_round()

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        if self.when == "after" and self._ends_stretch(phase, epoch + 1):
            self._hold_round()

    def _ends_stretch(self, phase: Phase, done: int) -> bool:
        """After so many epochs; the last stretch of a phase may be shorter."""
        return done % self.every == 0 or done == epochs_of(phase, self.protocol)

    def _hold_round(self) -> None:
        if self.is_apart:
            with torch.no_grad():
                self.exchange()

    def exchange(self) -> None:
        """One round: send, hear, and take over what was heard."""
        raise NotImplementedError


def epochs_of(phase: Phase, protocol: Any) -> int:
    """How many epochs a phase has; one whose length is given in steps counts as one."""
    if phase.epochs is not None and phase.steps is None:
        return phase.epochs
    return 1 if phase.steps or protocol.steps else int(protocol.epochs)


def are_finite(tensors: Sequence[Tensor]) -> Tensor:
    """`[R]`: whether all numbers of a member's rows of these tensors are finite."""
    flags = [tensor.isfinite().flatten(1).all(1) for tensor in tensors]
    return torch.stack(flags).all(0)


def row_bytes(tensors: Sequence[Tensor]) -> int:
    """The bytes of one member's rows of these tensors."""
    return sum(tensor[0].numel() * tensor.element_size() for tensor in tensors)
