"""Federated averaging, with or without server momentum."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from clbench import Task, beside

from .rounds import Rounds, are_finite, row_bytes


class FedAvg(Rounds):
    """Federated averaging: in each round every agent takes the mean of its neighbours' weights and
    its own (McMahan et al. 2017).

    w_i <- w_i + sum_j a_ij (w_j - w_i) / (a_ii + sum_j a_ij), summed neighbour by neighbour, so
    that equal agents stay equal to the bit. Averaged are the parameters that the composition shares
    (`shared()`: the trainable ones without the head; of a modular network its modules) and the
    running statistics of the modules that these belong to. Heads, structures and the optimiser's
    moments are never averaged: Adam goes on with each agent's own. An agent that has stopped early
    or diverged, or whose weights are not finite, is not heard and keeps what it has; one that hears
    nobody keeps its weights, too.

    With `server_momentum` b (FedAvgM: Hsu et al. 2019) the change of a round adds up: v <- b v +
    (mean - w after the last round), w <- w after the last round + v. There is no server in a graph
    of neighbours: each agent has its own v. Running statistics are averaged without it.
    """

    paper = (
        "McMahan et al. 2017, Communication-efficient learning of deep networks from"
        " decentralized data,"
        " https://arxiv.org/abs/1602.05629"
    )
    name = "fedavg"

    # What the mean weighs agents by: all alike, or each by its training samples of the task.
    weighting: Literal["uniform", "samples"] = "uniform"
    # How much of a round's change goes on in the next one; 0 is plain averaging.
    server_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def setup(self) -> None:
        super().setup()
        self.aggregate: dict[str, Tensor] = {}  # parameters after the last round, where needed
        self.velocity: dict[str, Tensor] = {}

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        if self.is_apart:
            self._start_from_here()

    def _start_from_here(self) -> None:
        """Without a round so far, the parameters before the first stand for its outcome."""
        named = self.net.named_parameters()
        for name in self.shared():
            if self.keeps_aggregate() and name not in self.aggregate:
                self.aggregate[name] = named[name].detach().clone()
            if self.server_momentum and name not in self.velocity:
                self.velocity[name] = torch.zeros_like(named[name])

    def keeps_aggregate(self) -> bool:
        """Whether anything asks for the parameters after the last round."""
        return self.server_momentum > 0

    # ------------------------------------------------------------------ a round

    def exchange(self) -> None:
        parameters = self.shared_parameters()
        statistics = self.shared_statistics()
        sent = [*parameters.values(), *statistics.values()]
        if not sent:
            return
        # One agent that has diverged would make all that hear it NaN.
        links = self.links(self.active & are_finite(sent))
        self.count_bytes(links.sum(1) * row_bytes(sent))
        for name, value in parameters.items():
            # Each name by itself, for all agents at once: what is read is not yet written.
            self._move(name, value, self.mean_over(value, links), links.any(1))
        for value in statistics.values():
            value.copy_(self.mean_over(value, links))

    def shared_parameters(self) -> dict[str, Tensor]:
        """What is averaged of the parameters, by name."""
        named = self.net.named_parameters()
        return {name: named[name].detach() for name in self.shared()}

    def shared_statistics(self) -> dict[str, Tensor]:
        """Running statistics (buffers of floats) of the modules whose parameters are averaged."""
        modules = {_module_of(name) for name in self.shared()}
        return {
            name: value
            for name, value in self.net.named_buffers().items()
            if value.is_floating_point() and _module_of(name) in modules
        }

    def mean_over(self, value: Tensor, links: Tensor) -> Tensor:
        """`[R, ...]`: each member's mean over itself and those it hears, or its own rows alone."""
        # `[seeds, agents, ...]`.
        own, links = self.by_agent(value), self.by_agent(links)
        shares = self.by_agent(self._shares())
        change, weight = torch.zeros_like(own), shares.clone()
        for agent in range(self.scenario.agents):
            hears, share = links[:, :, agent], shares[:, agent : agent + 1]
            # a_ij (w_j - w_i) of one neighbour j for all i at once.
            difference = (own[:, agent : agent + 1] - own) * beside(share, own)
            # `where` and not a product: what is not heard may be NaN.
            change += torch.where(beside(hears, own), difference, 0.0)
            weight += torch.where(hears, share, 0.0)
        # Own weights plus a change, and not a weighted sum: equal agents change by exactly 0.
        mean = own + change / beside(torch.where(weight > 0, weight, 1.0), own)
        return mean.flatten(0, 1)

    def _shares(self) -> Tensor:
        """`[R]`: what each member counts in a mean."""
        if self.weighting == "uniform":
            return torch.ones(self.members, device=self.device)
        samples = self.task.size("train")
        return torch.tensor(samples, dtype=torch.float32, device=self.device)

    def _move(self, name: str, value: Tensor, mean: Tensor, moves: Tensor) -> None:
        """Take the mean over, and what momentum adds to it.

        w_last + b v + (mean - w_last) is mean + b v, which without momentum is the mean to the bit.
        """
        moves = beside(moves, value)
        if name in self.velocity:
            velocity, last = self.velocity[name], self.aggregate[name]
            mean = torch.where(moves, mean + self.server_momentum * velocity, value)
            velocity.copy_(torch.where(moves, mean - last, velocity))
        value.copy_(mean)
        if name in self.aggregate:
            last = self.aggregate[name]
            last.copy_(torch.where(moves, value, last))


def _module_of(name: str) -> str:
    """The module that a parameter or a buffer belongs to."""
    return name.rpartition(".")[0]
