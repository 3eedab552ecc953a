"""Continual learning with a hypernetwork."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import torch
from pydantic import AfterValidator, NonNegativeFloat, PositiveFloat, PositiveInt, ValidationInfo
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from clbench import Batch, Phase, Stack, Strategy, Task, hookimpl

from .generator import Generator, Table, chunk_size_of, dense_network
from .inference import surest
from .protection import OldTasks


def _alone(value: int | None, info: ValidationInfo) -> int | None:
    if value is not None and info.data.get("chunk_size") is not None:
        raise ValueError("chunk_size is given, too; one of the two says how weights are cut")
    return value


class Hypernetwork(Strategy):
    """A hypernetwork generates the weights from a task's embedding (von Oswald et al. 2020).

    Trained are theta, the hypernetwork with its chunk embeddings, and the embedding of the task at
    hand. What theta generates for n old tasks is held where it was when the task began, theta*:
    loss + beta/n * sum over old tasks t of ||h(e_t; theta*) - h(e_t; theta + step)||^2, summed over
    weights, `step` being what the optimiser would do for the loss alone. Where the setting does not
    tell the task, each sample is given to the embedding whose network is surest of it (HNET+ENT).
    """

    paper = (
        "von Oswald et al. 2020, Continual learning with hypernetworks,"
        " https://arxiv.org/abs/1906.00695"
    )
    name = "hypernetwork"
    foreseeable = True
    generates_weights = True
    replaces = frozenset({"task_loss", "predict"})

    beta: NonNegativeFloat = 0.01  # how hard old tasks' weights are held
    # Where they are held. `lookahead`: at theta + step, which is a constant, as published.
    # `direct`: at theta, which protects nothing in the first step of a task. `sequential`: first a
    # step for the loss, then one for the regulariser at the theta moved so, by the same optimiser.
    scheme: Literal["lookahead", "direct", "sequential"] = "lookahead"
    # Old tasks held in a step, drawn anew for each without replacement; by default all.
    reg_batch: PositiveInt | None = None
    # Weights of old tasks when the task began: kept, or computed anew in every step from a copy of
    # theta*.
    targets: Literal["stored", "online"] = "stored"
    # What is held of an old task's weights: all, or all but the outputs of other tasks.
    hold: Literal["all", "own_outputs"] = "all"
    embedding_size: PositiveInt = 32  # numbers in a task's embedding
    chunk_embedding_size: PositiveInt = 32  # numbers in a chunk's embedding
    hidden: tuple[PositiveInt, ...] = (10, 10)  # units of the hypernetwork's hidden layers
    # Of these units.
    activation: Literal["relu", "elu", "sigmoid", "tanh"] = "relu"
    # What the last layer gives: any weights, or with `tanh` weights within (-1, 1).
    output: Literal["linear", "tanh"] = "linear"
    # Weights generated at once, the outputs of the hypernetwork.
    chunk_size: PositiveInt | None = None
    # In how many chunks all weights are cut, in place of `chunk_size`; 10 where neither is given.
    num_chunks: Annotated[PositiveInt | None, AfterValidator(_alone)] = None
    embedding_deviation: NonNegativeFloat = (
        1.0  # of the numbers that a task's embedding starts with
    )
    chunk_deviation: NonNegativeFloat = 1.0  # of those of chunk embeddings; 0 lets them start at 0
    # The learning rate of task embeddings; by default that of the protocol.
    embedding_lr: PositiveFloat | None = None
    # Adds this times the sum of squares of the last layer's weights (without biases) to the loss.
    output_l2: NonNegativeFloat = 0.0
    first_task_factor: PositiveInt = 1  # the first task is trained so many times as long
    relu_logits: bool = False  # logits below 0 are 0, in training and in tests

    # ------------------------------------------------------------------ what there is

    def refusal(self, setting: str, protocol: Mapping[str, Any]) -> str | None:
        for key in ("restore", "head_reset"):
            if protocol[key] != "never":
                return (
                    f"the network's weights are generated, so `{key}` would have no effect; leave"
                    f" it out for this method: {{hypernetwork: {{protocol: {{{key}: never}}}}}}"
                )
        return super().refusal(setting, protocol)

    def setup(self) -> None:
        super().setup()
        self.generator = self._make_generator()
        self.optimizer = self.make_optimizer(self.generator.parameters())
        tasks = self.scenario.tasks
        table = self._table(tasks, self.embedding_size, self.embedding_deviation, "embeddings")
        self.embeddings = table.detach()  # [R, T, E]: of tasks to come as they will start
        self.embedding = self.embeddings[:, 0].clone().requires_grad_()  # of the task at hand
        self.embedding_optimizer = self.make_optimizer([self.embedding], lr=self.embedding_lr)
        online = self.targets == "online"
        self.old = OldTasks(self.generator, self.embeddings, online=online)
        self.begun = 0  # tasks so far, the one at hand included
        # Batch-norm begins each task anew, and is tested with the statistics of the task.
        self.first_statistics = self._statistics()
        self.statistics: list[dict[str, Tensor]] = []

    def _make_generator(self) -> Generator:
        shapes = [value.shape for value in self.net.parameters()]
        weights = sum(value[0].numel() for value in self.net.parameters())
        size = chunk_size_of(weights, self.chunk_size, self.num_chunks)
        # Rounded up; the last chunk may be larger than what is left.
        chunks = -(-weights // size)
        network = self.make_network(self.embedding_size + self.chunk_embedding_size, size)
        table = self._table(chunks, self.chunk_embedding_size, self.chunk_deviation, "chunks")
        return Generator(network, table, shapes)

    def make_network(self, inputs: int, outputs: int) -> Stack:
        """The hypernetwork, from a task's and a chunk's embedding to the weights of the chunk."""
        shape = self.hidden, outputs, self.activation, self.output
        return self.stack(partial(dense_network, inputs, *shape), "network")

    def _table(self, rows: int, width: int, deviation: float, name: str) -> Tensor:
        (values,) = self.stack(partial(Table, rows, width, deviation), name).parameters()
        return values

    def _statistics(self) -> dict[str, Tensor]:
        """The main network's running statistics as they are now."""
        modules = self.net.module.named_modules()
        norms = {path for path, module in modules if isinstance(module, _NormBase)}
        named = self.net.named_buffers()
        own = [name for name in named if name.rpartition(".")[0] in norms]
        return {name: named[name].clone() for name in own}

    # ------------------------------------------------------------------ tasks

    def phases(self, task: Task) -> Sequence[Phase]:
        phases = super().phases(task)
        if task.index > 0 or self.first_task_factor == 1:
            return phases
        return [self._longer(phase) for phase in phases]

    def _longer(self, phase: Phase) -> Phase:
        epochs, steps = phase.epochs, phase.steps
        if epochs is None and steps is None:
            epochs, steps = self.protocol.epochs, self.protocol.steps
        factor = self.first_task_factor
        return replace(
            phase,
            epochs=None if epochs is None else epochs * factor,
            steps=None if steps is None else steps * factor,
        )

    @torch.no_grad()
    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.old.begin_task(task.index)
        self.begun = task.index + 1
        self.embedding.copy_(self.embeddings[:, task.index])
        self.optimizer.reset()
        self.embedding_optimizer.reset()
        named = self.net.named_buffers()
        for name, value in self.first_statistics.items():
            named[name].copy_(value)

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.embeddings[:, task.index] = self.embedding
        self.statistics.append(self._statistics())
        if self.hold == "own_outputs":
            self.old.add_outputs(task.classes, self.net)
        theta = sum(value[0].numel() for value in self.generator.parameters())
        # Trained numbers: theta, and an embedding for each task so far.
        self.cost("parameters", theta + self.begun * self.embedding_size)

    # ------------------------------------------------------------------ a step

    def task_loss(self, batch: Batch) -> Tensor:
        return self.cross_entropy(self._logits(batch.x, self.embedding), batch)

    def penalty(self) -> Tensor:
        total = super().penalty()
        if not self.output_l2:
            return total
        last = self.generator.network.named_parameters()["last.weight"]
        return total + self.output_l2 * last.square().flatten(1).sum(1)

    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        if self.scheme == "sequential" or not self._holds():
            return
        theta = self.generator.parameters()
        if self.scheme == "direct":
            self.old.add_gradients(theta, self.beta, self._drawn())
            return
        # theta + step: the regulariser is taken where the step would lead, and its gradient applied
        # at theta (von Oswald et al. 2020, eq. 2).
        ahead = self._ahead()
        self.old.add_gradients(ahead, self.beta, self._drawn())
        for value, moved in zip(theta, ahead, strict=True):
            value.grad = moved.grad

    def after_step(self, batch: Batch) -> None:
        # The task's embedding takes its own step: it is no part of theta, and not held.
        self.embedding_optimizer.step()
        self.embedding_optimizer.zero_grad()
        if self.scheme == "sequential" and self._holds():
            self.optimizer.zero_grad()
            self.old.add_gradients(self.generator.parameters(), self.beta, self._drawn())
            self.optimizer.step()
        super().after_step(batch)

    def _holds(self) -> bool:
        """Whether there is anything to hold."""
        return self.beta > 0 and self.begun > 1

    def _ahead(self) -> list[Tensor]:
        """Theta where the next step would take it, with the gradients of theta where it is."""
        found = []
        steps = self.optimizer.direction()
        for value, step in zip(self.generator.parameters(), steps, strict=True):
            # A constant: how the step depends on theta is left out, as published.
            moved = value.detach() if step is None else value.detach() + step
            moved.requires_grad_()
            moved.grad = value.grad  # what a backward pass adds is added in place
            found.append(moved)
        return found

    def _drawn(self) -> Tensor | None:
        """`[R, n]`: the old tasks that are held in this step; None for all of them."""
        old = self.begun - 1
        if self.reg_batch is None or self.reg_batch >= old:
            return None
        # The first ones of a random order: drawn without replacement.
        return self.rng("old_tasks").permutation(old)[:, : self.reg_batch]

    # ------------------------------------------------------------------ what is predicted

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        newest = max(self.begun - 1, 0)
        if task is not None:
            return self._logits_of(x, min(task.index, newest))
        if newest == 0:
            return self._logits_of(x, 0)
        return surest(self._candidates(x, newest + 1))

    def _candidates(self, x: Tensor, tasks: int) -> Iterator[Tensor]:
        """Each task's logits, of the outputs that compete in its training."""
        for index in range(tasks):
            # Masked as if every sample came from that task.
            of_task = torch.full(x.shape[:2], index, device=self.device)
            yield self.masked(self._logits_of(x, index), of_task)

    def _logits_of(self, x: Tensor, index: int) -> Tensor:
        """What the network of a task gives, with that task's running statistics."""
        if index == max(self.begun - 1, 0):
            return self._logits(x, self.embedding)
        return self._logits(x, self.embeddings[:, index], self.statistics[index])

    def _logits(
        self, x: Tensor, embedding: Tensor, statistics: dict[str, Tensor] | None = None
    ) -> Tensor:
        logits: Tensor = self.net.call(self.generator.weights(embedding), x, buffers=statistics)
        return logits.relu() if self.relu_logits else logits

    @torch.no_grad()
    def shown_net(self) -> Stack:
        """The network that is generated for the task at hand."""
        shown = super().shown_net().spawn()
        weights = self.generator.weights(self.embedding)
        for value, made in zip(shown.parameters(), weights, strict=True):
            value.copy_(made)
        return shown


@hookimpl
def clbench_strategies() -> list[type]:
    return [Hypernetwork]
