"""What holds the weights that were generated for old tasks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clbench import Stack, Stateful

from .generator import Generator


class OldTasks(Stateful):
    """The earlier tasks: their embeddings, and what was generated for each when this one began.

    Tasks are taken one by one: so no more than one task's weights are at hand at a time, and theta
    that has not moved generates its targets to the last bit.
    """

    def __init__(self, generator: Generator, embeddings: Tensor, online: bool) -> None:
        """`embeddings [R, T, E]` is the table of all tasks' embeddings, those to come included."""
        self.generator, self.embeddings, self.online = generator, embeddings, online
        self.count = 0
        # [R, n, N], where they are stored.
        self.targets = embeddings.new_zeros(len(embeddings), 0, 0)
        self.theta: list[Tensor] = []  # theta*, where they are not
        self.outputs: list[Tensor] = []  # of each task so far, [R, C], where others are let go
        self.head: list[tuple[int, int, int]] = []  # where weights of outputs begin, end, how many

    @torch.no_grad()
    def begin_task(self, count: int) -> None:
        """Another task begins, and there are so many before it."""
        self.count = count
        if count and self.online:
            self.theta = [value.detach().clone() for value in self.generator.parameters()]
        elif count:
            # h(e_t; theta*), with the theta that the last task left.
            every = [self.generator.flat(self.embeddings[:, task]) for task in range(count)]
            self.targets = torch.stack(every, dim=1)

    def add_outputs(self, classes: Tensor, net: Stack) -> None:
        """A task ends, to which these outputs `[R, own]` belong: of the head only they are held."""
        own = torch.zeros(net.members, net_outputs(net), dtype=torch.bool, device=classes.device)
        self.outputs.append(own.scatter_(1, classes, True))
        self.head = head_spans(net)

    def add_gradients(self, theta: Sequence[Tensor], beta: float, drawn: Tensor | None) -> None:
        """Add the regulariser's gradient at this theta to its `grad`.

        The regulariser is beta/n times the sum of ||h(e_t; theta*) - h(e_t; theta)||^2 over n old
        tasks: all of them, or those `drawn [R, n]` for each member.
        """
        chosen: Sequence[int | Tensor] = range(self.count)
        if drawn is not None:
            chosen = drawn.unbind(1)
        leaves = list(theta)
        # One backward a task: memory for one set of generated weights at a time.
        for task in chosen:
            made = self.generator.flat(row_of(self.embeddings, task), theta)
            # d/dh of beta/n ||h - h*||^2 is 2 beta/n (h - h*).
            slope = self._drift(made.detach(), task).mul_(2 * beta / len(chosen))
            torch.autograd.backward([made], [slope], inputs=leaves)

    @torch.no_grad()
    def _drift(self, made: Tensor, task: int | Tensor) -> Tensor:
        """`[R, N]`: how far the weights generated for a task are from where they are held."""
        drift = made - self._target(task)
        if not self.outputs:
            return drift
        # `[R, C]`: outputs that do not belong to this task.
        others = ~row_of(torch.stack(self.outputs, dim=1), task)
        for begin, end, outputs in self.head:
            rows = drift[:, begin:end].view(len(drift), outputs, -1)
            rows.masked_fill_(others[..., None], 0.0)
        return drift

    def _target(self, task: int | Tensor) -> Tensor:
        if self.online:
            return self.generator.flat(row_of(self.embeddings, task), self.theta)
        return row_of(self.targets, task)


def row_of(table: Tensor, which: int | Tensor) -> Tensor:
    """`[R, n, ...]` -> `[R, ...]`: one row, the same for all members or another one for each."""
    if isinstance(which, int):
        return table[:, which]
    return table[torch.arange(len(table), device=table.device), which]


def net_outputs(net: Stack) -> int:
    """How many outputs the network has."""
    return net.part("head").parameters()[0].shape[1]


def head_spans(net: Stack) -> list[tuple[int, int, int]]:
    """Where the head's parameters begin and end in the row of all weights; how many outputs."""
    names, spans, begin = net.part("head").names, [], 0
    for name, value in net.named_parameters().items():
        end = begin + value[0].numel()
        if name in names:
            spans.append((begin, end, value.shape[1]))
        begin = end
    return spans
