"""Kernel plasticity: kernels that matter learn more slowly where they change too much."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor

from clbench import Batch, Phase, Strategy, Task, hookimpl

from . import changes, ranking
from .changes import DeltaStat, Threshold
from .memory import KernelMemory

Ranking = Literal["activation", "counts", "kse"]


class KernelPlasticity(Strategy):
    """Keeps important kernels from changing more than usual in later tasks, and frees the others.

    Works on the Hebbian layers of `softhebb`: `softhebb+kernel_plasticity`. At the end of a task
    each layer remembers how much every kernel changes on average, d, divided by the layer's
    largest, and which kernels are its most important ones. From then on a kernel's Hebbian rate is
    multiplied by 1 + high_lr where it is none of these, and by 1 - low_lr where it is one and its
    step, measured as d is, goes beyond d (S000).
    """

    needs_parts = ("softhebb",)

    # The share of a layer's kernels that is important.
    top_k: Annotated[float, Field(gt=0, le=1)] = 0.15
    high_lr: NonNegativeFloat = 0.15  # how much is added to the rate of the others, relative to it
    # How much is taken off the rate of important kernels that change too much; 1: they stand still.
    low_lr: Annotated[float, Field(ge=0, le=1)] = 1.0
    topk_lock: bool = False  # all important kernels are held back, however much they change
    # How much change is too much: more than the mean of what was sampled in the task, than its
    # median, than the mean and a standard deviation, or than the last sample.
    threshold: Threshold = "mean"
    # What makes kernels important. `activation`: the size of what they give out, summed over the
    # task; `counts`: in how many steps they were among the first by that; `kse`: sparsity and
    # entropy of the next layer's weights (Li et al. 2019), and activation in the last layer.
    ranking: Ranking = "activation"
    # How a change is measured: the sum over the cells of a kernel, that of absolute values, or the
    # standard deviation. S000 began with `signed`.
    delta_stat: DeltaStat = "absolute"
    delta_w_interval: PositiveInt = 30  # steps from one sample of the weights to the next
    # The next task's statistics take the place of those before, or are added: scores are summed up,
    # and the change that is within bounds is averaged over tasks.
    carry: Literal["overwrite", "accumulate"] = "overwrite"
    # The published code keeps a kernel more than the share says.
    one_more_kernel: bool = False
    # The published code takes a sample after the first step, and then after every interval.
    sample_first_batch: bool = False
    # The published code's `kse` ranks by entropy alone, the lowest first.
    entropy_alone: bool = False
    # The published code divides by the largest change also where that is negative or 0.
    unguarded_maximum: bool = False

    def setup(self) -> None:
        super().setup()
        self.part("softhebb").keep_u = True
        self.weight_names = {layer.name: layer.weight for layer in self.net.layers()}
        self.layers = {
            name: KernelMemory(self.members, self._weight(name).shape[1], self.device)
            for name in self.weight_names
        }
        self.steps_before_task = self.steps_taken
        self.steps_before_phase = self.steps_taken
        self.in_step: list[str] = []  # the layers that the step under way changes

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.steps_before_task = self.steps_taken
        for name, memory in self.layers.items():
            memory.begin(self._weight(name))

    def begin_phase(self, phase: Phase) -> None:
        super().begin_phase(phase)
        self.steps_before_phase = self.steps_taken

    def eager_step(self) -> bool:
        return super().eager_step() or bool(self._due())

    @torch.no_grad()
    def adjust_gradients(self, batch: Batch) -> None:
        super().adjust_gradients(batch)
        for name, step in self.part("softhebb").steps.items():
            if name not in self.layers:
                continue  # a Hebbian head
            memory = self.layers[name]
            memory.is_trained = True
            self.in_step.append(name)
            if self._counts_activity(name):
                memory.importance += self._importance_of_step(step.u, batch.valid)
            if self.task.index > 0:
                # In the first task there is nothing to protect.
                step.modulate(self.multiplier(memory, step.delta))

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        due = self._due()
        for name in self.in_step if due else ():
            self.layers[name].sample(self._weight(name), due, self.delta_stat)
        self.in_step = []

    @torch.no_grad()
    def end_task(self, task: Task) -> None:
        super().end_task(task)
        # Members that sat out all of the task learnt nothing in it.
        stepped = torch.from_numpy(self.steps_taken > self.steps_before_task).to(self.device)
        for name, memory in self.layers.items():
            learnt = stepped & memory.is_trained
            if memory.is_trained:
                self._finish(name, memory, learnt)
            self.log(f"kernel_change_{name}", memory.average_change(learnt))
            self.log(f"top_kernels_{name}", memory.important.float())
            memory.end()

    # ------------------------------------------------------------------ while a task is trained

    def multiplier(self, memory: KernelMemory, delta: Tensor) -> Tensor:
        """`[R, K]`: what a layer's rates are multiplied by in a step `delta [R, K, ...]`."""
        found = changes.multipliers(
            memory.important,
            self._breaks_threshold(memory, delta),
            high_lr=self.high_lr,
            low_lr=self.low_lr,
        )
        return torch.where(memory.tasks[:, None] > 0, found, 1.0)

    def _breaks_threshold(self, memory: KernelMemory, delta: Tensor) -> Tensor:
        """`[R, K]`: which kernels would change by more than what is within bounds."""
        if self.topk_lock:
            return torch.ones_like(memory.important)
        sizes = changes.size_of_change(delta, self.delta_stat)
        share = changes.divided_by_largest(sizes, of=sizes, unguarded=self.unguarded_maximum)
        return share > memory.allowed

    def _importance_of_step(self, u: Tensor, valid: Tensor | None) -> Tensor:
        """`[R, K]`: what a step adds to the kernels' importance."""
        activity = ranking.activity(u, valid)
        if self.ranking != "counts":
            return activity
        return ranking.largest(activity, self._number_of_important(activity.shape[1])).double()

    def _due(self) -> list[int]:
        """The members that take a sample after the step under way."""
        # With the step under way.
        steps = self.steps_taken - self.steps_before_phase + 1
        offset = 1 if self.sample_first_batch else 0
        is_due = (steps - offset) % self.delta_w_interval == 0
        # All that take part: every step is a multiple of 1.
        taking_part = self.completing(1)
        return [member for member in taking_part if is_due[member]]

    # ------------------------------------------------------------------ at the end of a task

    def _finish(self, name: str, memory: KernelMemory, learnt: Tensor) -> None:
        """Remember what the task says of a layer that was trained."""
        # A task shorter than the interval gives a single sample, over all of it.
        memory.sample(self._weight(name), memory.unsampled(), self.delta_stat)
        allowed = changes.allowed_change(
            memory.samples, self.threshold, unguarded=self.unguarded_maximum
        )
        scores = self._scores(name, memory)
        memory.remember(allowed, scores, learnt, accumulate=self.carry == "accumulate")
        memory.choose(self._number_of_important(memory.kernels), learnt)

    def _scores(self, name: str, memory: KernelMemory) -> Tensor:
        """`[R, K]`: how important the kernels were in the task, 1 the most."""
        above = self._layer_above(name)
        if self.ranking == "kse" and above is not None:
            return ranking.kse(
                self._weight(above), memory.kernels, entropy_alone=self.entropy_alone
            )
        return changes.divided_by_largest(memory.importance, of=memory.importance)

    def _counts_activity(self, name: str) -> bool:
        return self.ranking != "kse" or self._layer_above(name) is None

    def _layer_above(self, name: str) -> str | None:
        """The next Hebbian layer; None of the last."""
        names = list(self.layers)
        following = names.index(name) + 1
        return names[following] if following < len(names) else None

    def _number_of_important(self, kernels: int) -> int:
        return ranking.number_of(kernels, self.top_k, one_more=self.one_more_kernel)

    def _weight(self, name: str) -> Tensor:
        named: dict[str, Tensor] = self.net.named_parameters()
        return named[self.weight_names[name]]


@hookimpl
def clbench_strategies() -> list[type]:
    return [KernelPlasticity]
