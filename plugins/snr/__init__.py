"""Self-normalised resets: units that are silent for longer than they used to be start anew."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt, PositiveInt

from clbench import (
    Batch,
    Layer,
    Phase,
    Strategy,
    Task,
    expect_restarts,
    hookimpl,
    layers_to_restart,
    restart_units,
)

from .silence import Geometric, Histogram, Silence, fires


class SNR(Strategy):
    """Self-normalised resets (Farias & Jozefiak 2025): reset unit i when P(A_i >= a_i) <= eta.

    A unit fires in a step where its activation is above 0 for some sample of the batch, at some
    position of a filter, in either half of a crelu unit. a_i is its silence: the samples seen since
    it last fired; A_i are the silences that it used to have. Either P(A >= a) = (1 - count/sum)^a
    (`geometric`: sum and number of its silences, both from 1), or the share of its silences that
    were as long, (1 + as long) / (1 + all) (`histogram`). A unit that is reset gets weights in as
    the model begins, a bias and weights out of 0, and nothing is remembered of it. Meant for units
    that are silent at 0: relu and crelu.
    """

    paper = (
        "Farias & Jozefiak 2025, Self-normalized resets for plasticity in continual learning,"
        " https://arxiv.org/abs/2410.20098"
    )
    name = "snr"
    eta: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.02  # how unlikely a silence has to be
    estimate: Literal["geometric", "histogram"] = "geometric"  # how its probability is found
    # Samples that a unit has to be silent for at least. Before it has fired a few times little is
    # known of it, and each silence looks unlikely to the geometric estimate.
    minimum: NonNegativeInt = 100
    # Samples after which a silent unit is reset in any case, with `histogram`.
    maximum: PositiveInt = 20_000
    # Steps of a member from one look at its units to the next. On a GPU those between are cheaper.
    every: PositiveInt = 1

    def setup(self) -> None:
        super().setup()
        self.net.keep_hidden = True
        layers = layers_to_restart(self.net, self.name)
        self.silence = {layer.name: self._silence(layer) for layer in layers}
        self.resets = torch.zeros(self.members, dtype=torch.int64, device=self.device)

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        expect_restarts(self.net, self.optimizer)

    def eager_step(self) -> bool:
        return super().eager_step() or bool(self.completing(self.every))

    @torch.no_grad()
    def after_step(self, batch: Batch) -> None:
        super().after_step(batch)
        for name, silence in self.silence.items():
            # Where replay joins samples of its own, those of the batch come first.
            silence.note(fires(self.net.hidden[name][:, : batch.size]), batch.size)
        if members := self.completing(self.every):
            self._reset_silent(members)

    def end_epoch(self, phase: Phase, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.log("reset_units", self.resets)
        self.resets.masked_fill_(self.active, 0)

    def _silence(self, layer: Layer) -> Silence:
        """What is kept of a layer's units."""
        weight = self.net.named_parameters()[layer.weight]
        members, units = weight.shape[:2]
        if self.estimate == "geometric":
            return Geometric(members, units, self.device)
        return Histogram(members, units, self.device, self.protocol.batch_size, self.maximum)

    def _reset_silent(self, members: list[int]) -> None:
        """Give the units of these members whose silence is unlikely a new start."""
        chosen = torch.zeros(self.members, 1, dtype=torch.bool, device=self.device)
        chosen[members] = True
        # The last layer first: a weight from a unit that is reset to another one ends at 0.
        for layer in reversed(self.net.layers()):
            silence = self.silence[layer.name]
            # A unit that fired in this very step has the silence 0, which is never unlikely.
            candidates = chosen & (silence.age > 0) & (silence.age >= self.minimum)
            if not candidates.any():
                continue
            due = silence.unlikely(candidates, self.eta)
            if not due.any():
                continue
            restart_units(self.net, layer, due, optimizer=self.optimizer, zero_bias=True)
            silence.forget(due)
            self.resets += due.sum(1)


@hookimpl
def clbench_strategies() -> list[type]:
    return [SNR]
