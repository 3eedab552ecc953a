"""Agents that ask their neighbours for samples, and train on what they are sent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from clbench import Batch, Phase, Reservoir, Task, beside

from .budget import draw_by_class, spread
from .nearest import Nearest, Score, cosines, difficulty
from .rounds import Neighbours, epochs_of
from .stored import ROWS, Stored

NEED_BYTES = 4  # of each class's need


@dataclass(frozen=True)
class Queries:
    """What each member asks for: its validation samples `[R, Q]`, labels, and which count."""

    index: Tensor
    y: Tensor
    valid: Tensor


class DataSharing(Neighbours):
    """Data on demand: agents send what they are bad at, and are sent its like (Le et al. 2024).

    Once a task, after `after` epochs of its first phase (or at its end, where it is shorter), each
    agent sends its `queries` worst validation samples of the task to its neighbours. For each query
    a neighbour returns the `neighbours` samples that are most like it, by the cosine of what goes
    into the neighbour's own head, of those it has: the training samples of the task under way, and
    `stored` of each task before it. With `variant: heuristic` an agent sends how much it needs each
    class of its task, one minus its validation accuracy; each neighbour spreads `budget` over those
    of the classes that it has, in proportion (rounded down, the rest to the largest remainders),
    and returns random samples of them with their labels.

    What is received goes to a reservoir of `memory` samples, which is emptied when the next task
    begins: to go on rehearsing is the business of replay. Until then every batch is joined by
    samples drawn from it. A sample is seen as the receiver's task sees it. Who does not take part
    (`self.active`) neither asks nor answers. `bytes_sent` counts images, a byte a pixel and
    channel, sent out as queries and sent back, and four bytes for each need.
    """

    name = "data_sharing"

    variant: Literal["queries", "heuristic"] = "queries"  # what agents send to be answered
    after: PositiveInt = 10  # epochs that an agent trains by itself before it asks
    queries: PositiveInt = 20  # validation samples that an agent sends to each neighbour
    # What makes a sample one of the worst: a high `cross_entropy` or `entropy`, a low `confidence`
    # (the largest probability) or `margin` (between the two largest logits); `random`: any are
    # sent.
    score: Score = "cross_entropy"
    neighbours: PositiveInt = 5  # samples that are returned for a query
    # What is left out before the nearest are looked for: nothing; tasks that have none of the
    # `filter_neighbours` nearest samples by raw pixels (`distance`); other classes (`oracle`).
    filter: Literal["none", "distance", "oracle"] = "none"
    filter_neighbours: PositiveInt = 5  # nearest samples by pixels, for `filter: distance`
    # Labels of what is received: those of the queries, or their own (other classes are dropped).
    labels: Literal["query", "own"] = "query"
    budget: PositiveInt = 20  # samples that each neighbour returns, for `variant: heuristic`
    memory: PositiveInt = 64  # received samples that an agent has room for
    # Samples of each finished task that an agent keeps, to answer from; `none`: all of them.
    stored: PositiveInt | None = 32
    # Received samples that join each batch; by default so many that each comes as often as one of
    # the task's own samples.
    received_batch: PositiveInt | None = None

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        if not protocol["validation"]:
            return (
                "what an agent asks for follows from validation data, and the protocol holds none"
                " out; write validation: 0.2, or the like"
            )
        return super().refusal(setting, protocol)

    def declares(self) -> frozenset[str]:
        keeps_all = {"bound"} if self.stored is None else set()
        return super().declares() | keeps_all

    def setup(self) -> None:
        super().setup()
        self.received = Reservoir(self, self.memory, {"label": ()}, name="received")
        self.offered = Stored(self, self.stored)
        self.phases_begun = 0
        self.joins = False

    # ------------------------------------------------------------------ when

    # Whether batches are joined follows from task, phase and epoch alone: that nobody of a seed was
    # left to ask, since all stopped early, must not make its later steps other ones.

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.offered.begin_task(task)
        self.phases_begun = 0
        self.received.seen.zero_()
        self.own_samples = torch.tensor(task.size("train"), device=self.device).clamp(min=1)
        self.joins = False

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        if epochs_of(phase, self.protocol):
            self.phases_begun += 1
        if self.is_apart and self.phases_begun > 1:
            self.joins = True

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        last = min(self.after, epochs_of(phase, self.protocol))
        if self.is_apart and self.phases_begun == 1 and epoch + 1 == last:
            with torch.no_grad(), self.net.evaluation():
                self.exchange()
            self.joins = True

    def exchange(self) -> None:
        """Ask and answer once, all at the same time."""
        if self.variant == "queries":
            self._exchange_for_queries()
        else:
            self._exchange_by_need()

    # ------------------------------------------------------------------ training

    def task_loss(self, batch: Batch) -> Tensor:
        return super().task_loss(batch.join(self.drawn(batch)) if self.joins else batch)

    def drawn(self, batch: Batch) -> Batch:
        """Received samples to join a batch; a member that has none sees its own batch again, in
        rows that do not count.
        """
        size = self.received_batch or self.protocol.batch_size
        drawn, kept = self.received.sample_with(size)
        received = replace(drawn, y=kept["label"].long())
        has = drawn.weights & self._counts(batch, size)
        own = torch.arange(size, device=self.device) % batch.size

        def filled(name: str) -> Tensor:
            new, old = getattr(received, name), getattr(batch, name)
            return torch.where(beside(has, new), new, old[:, own])

        return replace(
            received,
            x=filled("x"),
            y=filled("y"),
            index=filled("index"),
            tasks=filled("tasks"),
            valid=has,
        )

    def _counts(self, batch: Batch, size: int) -> Tensor:
        """`[R, size]`: which rows of received samples count, by their share of all samples."""
        if self.received_batch is not None:
            return torch.ones(self.members, size, dtype=torch.bool, device=self.device)
        rows = torch.arange(size, device=self.device)
        wanted = batch.size * self.received.filled / self.own_samples
        return rows < wanted.round()[:, None]

    # ------------------------------------------------------------------ queries and answers

    def _exchange_for_queries(self) -> None:
        links = self.links(self.active)
        queries = self.worst()
        self.count_bytes(queries.valid.sum(1) * links.sum(1) * self._image_bytes)
        index, valid = self._answers(queries)
        asked = self.of_agents(queries.valid)
        valid = valid & asked[..., None] & links[..., None, None]
        self.count_bytes(valid.flatten(1).sum(1) * self._image_bytes)
        self._keep_answers(queries, self.swapped(index), self.swapped(valid))

    def _keep_answers(self, queries: Queries, index: Tensor, valid: Tensor) -> None:
        """Take in what each agent sent, `[R, agents, Q, neighbours]`."""
        of_query = queries.y[..., None].expand(-1, -1, self.neighbours).flatten(1)
        indices, valids = index.flatten(2), valid.flatten(2)
        for agent in range(self.scenario.agents):
            sent = indices[:, agent]
            label = self._labels(sent) if self.labels == "own" else of_query
            self._keep(sent, valids[:, agent], label)

    def worst(self) -> Queries:
        """The validation samples of the task that each member is worst at."""
        batches = list(self.task.batches("validation", ROWS))
        index, y, valid = (_joined(batches, name) for name in ("index", "y", "valid"))
        hard = torch.where(valid, self._difficulty(batches), -torch.inf)
        order = hard.argsort(dim=1, descending=True, stable=True)[:, : self.queries]
        return Queries(*(table.gather(1, order) for table in (index, y, valid)))

    def _difficulty(self, batches: Sequence[Batch]) -> Tensor:
        """`[R, B]`: how hard each sample of all these batches is."""
        if self.score == "random":  # one draw, however many batches the longest set has
            return self.rng("queries").uniform(sum(batch.size for batch in batches))
        found = [difficulty(self.score, self._logits(batch), batch.y) for batch in batches]
        return torch.cat(found, dim=1)

    def _logits(self, batch: Batch) -> Tensor:
        """What the network says of a batch, among the outputs that count in evaluations."""
        out = self._predict(batch.x, self.task)
        return self.masked(out, batch.tasks, using=self.protocol.logits["evaluate"])

    def _predict(self, x: Tensor, task: Task) -> Tensor:
        """What the whole composition predicts; it is told the task where the setting tells it."""
        return self.predict(x, task if self.scenario.setting == "task" else None)

    def _answers(self, queries: Queries) -> tuple[Tensor, Tensor]:
        """What each member has for each agent's queries: indices and whether there is one, `[R,
        agents, Q, neighbours]`.
        """
        asked = self.of_agents(queries.index).flatten(1)
        near = self._near_tasks(queries) if self.filter == "distance" else None
        nearest = Nearest(asked, self.neighbours)
        for task in self.offered.tasks:
            near_task = None if near is None else near == task.index
            self._show_samples(nearest, queries, task, near_task)
        shape = (self.scenario.agents, -1)
        index, found = (self._padded(table) for table in (nearest.label, nearest.found))
        return index.unflatten(1, shape), found.unflatten(1, shape)

    def _show_samples(
        self, nearest: Nearest, queries: Queries, task: Task, near: Tensor | None
    ) -> None:
        """All that the members have of a task."""
        seen = [self.embed(images, task) for images in self._images(queries)]
        embedded = torch.cat(seen, dim=1)
        for batch in self.offered.of_task(task):
            similarity = cosines(embedded, self.embed(batch.x, task))
            fits = self._fits(batch, queries, near)
            nearest.show(torch.where(fits, similarity, -torch.inf), batch.index)

    def _fits(self, batch: Batch, queries: Queries, near: Tensor | None) -> Tensor:
        """`[R, agents x Q or 1, B]`: which samples may answer which query; `near` says which of
        its nearest tasks are that of the batch.
        """
        fits = batch.weights[:, None]
        if near is not None:
            fits = fits & near.any(2, keepdim=True)
        if self.filter == "oracle":
            fits = fits & self._same_class(batch, queries)
        return fits

    def _padded(self, table: Tensor) -> Tensor:
        """`[..., neighbours]`, where members have fewer samples than that in all."""
        return nn.functional.pad(table, (0, self.neighbours - table.shape[-1]))

    def _images(self, queries: Queries) -> Iterator[Tensor]:
        """The queries of each agent in turn, `[R, Q, ...]`, as all agents of its seed see them."""
        x = self._fetched(queries.index, queries.valid).x
        for images in self.by_agent(x).unbind(1):
            yield images.repeat_interleave(self.scenario.agents, dim=0)

    def embed(self, x: Tensor, task: Task) -> Tensor:
        """`[R, B, F]`: what goes into the head where images are taken for those of a task."""
        with self.net.inputs_of("head") as inputs:
            self._predict(x, task)
        return inputs["head"].flatten(2)

    def _near_tasks(self, queries: Queries) -> Tensor:
        """`[R, agents x Q, n]`: the tasks of each member's samples that are nearest to each query
        by pixels, -1 for none.
        """
        pixels = torch.cat([images.flatten(2) for images in self._images(queries)], dim=1)
        nearest = Nearest(pixels, self.filter_neighbours)
        for batch in self.offered.batches():
            similarity = cosines(pixels, batch.x.flatten(2))
            fits = batch.weights[:, None]
            nearest.show(torch.where(fits, similarity, -torch.inf), batch.tasks)
        return torch.where(nearest.found, nearest.label, -1)

    def _same_class(self, batch: Batch, queries: Queries) -> Tensor:
        """`[R, agents x Q, B]`: whether a member's sample is of the class of an agent's query."""
        labels = self._as_heard(batch)
        same = labels[:, :, None] == queries.y[:, None, :, None]
        return self.swapped(same).flatten(1, 2)

    # ------------------------------------------------------------------ needs and answers

    def _exchange_by_need(self) -> None:
        links = self.links(self.active)
        need = self.need()
        self.count_bytes((need >= 0).sum(1) * links.sum(1) * NEED_BYTES)
        classes, index = self._stock()
        for agent in range(self.scenario.agents):
            drawn, valid = self._by_need(need, classes[:, agent], index[:, agent])
            valid = valid & links[:, agent : agent + 1]
            self._count_answers(agent, valid)
            self._keep(drawn, valid, self._labels(drawn))

    def need(self) -> Tensor:
        """`[R, C]`: one minus the validation accuracy of the task's classes; -1 of all others."""
        right = torch.zeros(self.members, self.scenario.classes, device=self.device)
        total = torch.zeros_like(right)
        for batch in self.task.batches("validation", ROWS):
            hits = self._logits(batch).argmax(2) == batch.y
            total.scatter_add_(1, batch.y, batch.weights.float())
            right.scatter_add_(1, batch.y, (hits & batch.weights).float())
        return torch.where(total > 0, 1 - right / total.clamp(min=1), -1.0)

    def _stock(self) -> tuple[Tensor, Tensor]:
        """All that each member's neighbours have, `[R, agents, P]`: the class in the member's task
        (-1: another one), and the index.
        """
        classes, indices = [], []
        for batch in self.offered.batches():
            heard = self.of_agents(torch.where(batch.weights, batch.index, -1))
            labels = self._as_heard(batch)
            classes.append(torch.where(heard >= 0, labels, -1))
            indices.append(heard)
        return torch.cat(classes, dim=2), torch.cat(indices, dim=2)

    def _by_need(self, need: Tensor, classes: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """What one neighbour of each member returns, `[R, budget]`: indices, and which count."""
        quota = spread(self.budget, self._need_of(need, classes))
        # By its number among those that are there: what fills a table up depends on the stack.
        drawn = self.rng("samples").uniform(classes.shape[1])
        number = ((index >= 0).cumsum(1) - 1).clamp(min=0)
        places = draw_by_class(classes, quota, drawn.gather(1, number), self.budget)
        valid = places < classes.shape[1]
        return index.gather(1, torch.where(valid, places, 0)).clamp(min=0), valid

    def _need_of(self, need: Tensor, classes: Tensor) -> Tensor:
        """`[R, C]`: of the classes that are among these `[R, P]`; 0 of all others."""
        kinds = torch.arange(self.scenario.classes, device=self.device)
        has = (classes[..., None] == kinds).any(1)
        return torch.where(has, need, 0.0).clamp(min=0)

    def _count_answers(self, agent: int, valid: Tensor) -> None:
        """Add what this agent of each seed sent to all others."""
        images = torch.zeros(self.members, dtype=torch.int64, device=self.device)
        self.by_agent(images)[:, agent] = self.by_agent(valid.sum(1)).sum(1)
        self.count_bytes(images * self._image_bytes)

    # ------------------------------------------------------------------ what is received

    def _keep(self, index: Tensor, valid: Tensor, label: Tensor) -> None:
        """Show the buffer what a neighbour sent, `[R, n]`, but for labels the task has not."""
        valid = valid & (label >= 0)
        self.received.add(self._fetched(index, valid), label=label.float())

    def _fetched(self, index: Tensor, valid: Tensor) -> Batch:
        """Samples as the task under way sees them."""
        return self.fetch(index, torch.full_like(index, self.task.index), valid=valid)

    def _labels(self, index: Tensor) -> Tensor:
        """The labels of samples in the task under way, -1 of other classes."""
        return self.labels_of(index, torch.full_like(index, self.task.index))

    def _as_heard(self, batch: Batch) -> Tensor:
        """`[R, agents, B]`: the labels that a member's task gives to its agents' samples."""
        heard = self.of_agents(batch.index)
        return self._labels(heard.flatten(1)).view_as(heard)

    @property
    def _image_bytes(self) -> int:
        """A byte a pixel and channel."""
        return math.prod(self.scenario.input_shape)


def _joined(batches: Sequence[Batch], name: str) -> Tensor:
    """One of the tensors of batches, `[R, B, ...]` each, along the samples."""
    return torch.cat([getattr(batch, name) for batch in batches], dim=1)
