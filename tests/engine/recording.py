"""A strategy that notes what it is trained on, and evaluations written out."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from clbench import Batch, Phase, ProbeMetric, Strategy, Task


class Recorder(Strategy):
    """Trains as `naive` does and notes what it sees, member by member."""

    seen: ClassVar[
        list[tuple[int, int, str, list[int], list[int]]]
    ]  # member, task, phase, samples, their tasks
    weights: ClassVar[list[list[dict[str, Tensor]]]]  # after each task
    rates: ClassVar[list[list[float]]]
    epochs: ClassVar[list[tuple[int, list[int]]]]

    def setup(self) -> None:
        super().setup()
        for name in ("seen", "weights", "rates", "epochs"):
            setattr(Recorder, name, [])
        self._keep()

    def of_member(self, r: int) -> dict[str, Tensor]:
        """A copy of its parameters."""
        return {name: value[r].detach().clone() for name, value in self.net.params.items()}

    def _keep(self) -> None:
        self.weights.append([self.of_member(r) for r in range(self.members)])

    def observe(self, batch: Batch) -> Tensor | None:
        for r in self.session.active:
            self.seen.append(
                (
                    r,
                    self.task.index,
                    self.phase.name,
                    batch.index[r].tolist(),
                    batch.tasks[r].tolist(),
                )
            )
        self.rates.append(self.optimizer.lr.tolist())
        return super().observe(batch)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.epochs.append((epoch, list(self.session.active)))

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self._keep()


def batches(member: int, task: int, phase: str = "train") -> list[list[int]]:
    """The samples of each of a member's steps."""
    return [
        index for r, t, name, index, _ in Recorder.seen if (r, t, name) == (member, task, phase)
    ]


def specs(bench: Any, seed: int, validation: float = 0.0) -> Any:
    """A seed's tasks as the scenario makes them."""
    return (
        bench.host.get("scenario", "split")(**bench.cell.scenario.options)
        .stream(bench.arrays, seed, 0, validation)
        .tasks
    )


class OnlineAccuracy(ProbeMetric):
    """Asks the engine for online accuracy."""

    needs = ("online_accuracy",)
    when = "run_end"

    def measure(self, probe: Any) -> Tensor:
        return torch.zeros(probe.strategy.members)
