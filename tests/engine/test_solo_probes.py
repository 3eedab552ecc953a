"""What is recorded of single members, and what probes may do to them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import Batch, ProbeMetric, SoloStrategy, Strategy, Task
from clbench.errors import StrategyError
from clbench.stack import Stack


class SoloPlain(SoloStrategy):
    """Plain training, for one member."""


class Teacher(SoloStrategy):
    """Carries an old model, a buffer in NumPy and one in torch."""

    def setup(self) -> None:
        super().setup()
        self.teacher = copy.deepcopy(self.net)
        self.images = np.zeros((5, 4), dtype=np.uint8)
        self.kept = [torch.zeros(3, dtype=torch.int64)]

    def begin_task(self, task: Task) -> None:
        self.rng("chosen").uniform(1)


class Parts(SoloStrategy):
    """Has no `net`, but two modules with an optimiser each; the second has no more than a bias to
    train.
    """

    def setup(self) -> None:
        self.body, self.head = nn.Linear(16, 7), nn.Linear(7, 6)
        self.optimizers = [
            torch.optim.SGD(self.body.parameters(), lr=0.1),
            torch.optim.SGD([self.head.bias], lr=0.1),
        ]

    def observe(self, batch: Batch) -> None:
        pass

    def predict(self, x: Tensor, task: Task | None = None) -> Any:
        return self.head(self.body(x.flatten(1)))


def test_parameters_and_state_of_a_solo_strategy_are_recorded(make_bench: Any) -> None:
    network = 16 * 12 + 12 + 12 * 6 + 6
    plain, stacked = (make_bench(kind).run(0, 1) for kind in (SoloPlain, Strategy))
    for name in ("parameters", "state_bytes"):
        np.testing.assert_array_equal(plain.cost[name], stacked.cost[name])
    teacher = make_bench(Teacher).run(0, 1)
    assert teacher.cost["parameters"].tolist() == [network] * 2
    assert teacher.cost["state_bytes"].tolist() == [4 * network + 5 * 4 + 3 * 8] * 2
    parts = make_bench(Parts).run(0)
    assert parts.cost["parameters"].tolist() == [16 * 7 + 7 + 6]
    assert parts.cost["state_bytes"].tolist() == [4 * 7 * 6]  # a frozen part of the head


class Meddling(ProbeMetric):
    """Writes where it should only look."""

    when = "task_end"
    where: str = "net"

    def measure(self, probe: Any) -> Tensor:
        solo = probe.strategy.solos[0]
        if self.where == "buffer":
            solo.kept[0].add_(1)
        elif self.where == "noise":
            solo.rng("chosen").uniform(1)
        else:
            with torch.no_grad():
                next(solo.net.parameters()).mul_(0.9)
        return torch.zeros(probe.net.members)


@pytest.mark.parametrize("where", ["net", "buffer", "noise"])
def test_a_probe_that_writes_to_a_solo_strategy_is_noticed(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Meddling, "where", where)
    with pytest.raises(StrategyError, match="metric 'meddling' wrote to the tensors"):
        make_bench(Teacher, metrics=[Meddling]).run(0, 1)


def test_a_probe_that_writes_to_the_network_it_is_shown_is_noticed(make_bench: Any) -> None:
    """A solo strategy's is a copy; but the next metric looks at the same."""

    class Scribbling(ProbeMetric):
        """Zeroes the network."""

        when = "task_end"

        def measure(self, probe: Any) -> Tensor:
            with torch.no_grad():
                probe.net.parameters()[0].zero_()
            return torch.zeros(probe.net.members)

    with pytest.raises(StrategyError, match="metric 'scribbling' wrote to the tensors"):
        make_bench(SoloPlain, metrics=[Scribbling]).run(0)


def test_the_networks_of_a_solo_strategy_are_copied_once_a_measurement(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Norm(ProbeMetric):
        """The length of the first parameter."""

        when = "task_end"

        def measure(self, probe: Any) -> Tensor:
            return probe.net.parameters()[0].flatten(1).norm(dim=1)  # type: ignore[no-any-return]

    class Again(Norm):
        """The same once more."""

    made: list[int] = []
    of_modules = Stack.of_modules

    def counted(modules: Any, seeds: Any) -> Stack:
        made.append(len(modules))
        return of_modules(modules, seeds)

    monkeypatch.setattr(Stack, "of_modules", counted)
    record = make_bench(SoloPlain, metrics=[Norm, Again]).run(0, 1)
    assert record.errors == ()
    assert made == [2] * 3  # one stack a task, for both
