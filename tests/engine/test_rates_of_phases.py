"""Rates and schedules of phases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from clbench import Batch, Phase, SoloStrategy, Task
from clbench.engine.rates import schedule_factor

from .asking import Phased, phased


def test_the_rate_of_a_phase_reaches_every_optimiser_and_ends_with_it(make_bench: Any) -> None:
    asked = Phase("own", epochs=2, lr=0.007), Phase("usual", epochs=1)
    make_bench(phased(*asked), tasks=2, batch_size=200).run(0, 1)
    for name, network, second in Phased.rates:
        wanted = 0.007 if name == "own" else 0.1
        assert network == second == [wanted, wanted]


def test_the_rate_of_the_last_phase_is_given_back_before_the_task_ends(make_bench: Any) -> None:
    class Ending(Phased):
        """Notes its rate at the end of a task."""

        def end_task(self, task: Task) -> None:
            super().end_task(task)
            self.log("rate", self.optimizer.lr)

    phased(Phase("own", epochs=1, lr=0.007))
    record = make_bench(Ending, tasks=2, batch_size=200).run(0, 1)
    assert (record.curves["rate"] == 0.1).all()


def test_a_second_optimiser_follows_the_schedule_from_its_own_rate(make_bench: Any) -> None:
    class Slower(Phased):
        """Its second optimiser has a tenth of the rate."""

        def setup(self) -> None:
            super().setup()
            self.second = self.make_optimizer([self.extra], lr=0.01)

    phased(Phase("one", epochs=4), Phase("two", epochs=2, lr=0.5, schedule="none"))
    make_bench(Slower, tasks=1, batch_size=200, schedule="cosine").run(0)
    one = [(network[0], second[0]) for name, network, second in Phased.rates if name == "one"]
    factors = [schedule_factor("cosine", step / 4) for step in range(4)]
    for (network, second), factor in zip(one, factors, strict=True):
        assert network == pytest.approx(0.1 * factor)
        assert second == pytest.approx(0.01 * factor)
    two = [(network, second) for name, network, second in Phased.rates if name == "two"]
    assert two == [([0.5], [0.5])] * 2


def test_a_phase_has_a_schedule_of_its_own_rate(make_bench: Any) -> None:
    schedule = {"milestones": {"at": [0.5], "factor": 0.1}}
    asked = Phase("one", epochs=2), Phase("two", epochs=4, lr=0.2, schedule=schedule)
    make_bench(phased(*asked, Phase("three", epochs=1)), tasks=1, batch_size=200).run(0)
    found = [network[0] for _, network, _ in Phased.rates]
    assert found == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.02, 0.02, 0.1])


def test_a_rate_is_halved_at_seven_fractions_of_a_phase(make_bench: Any) -> None:
    marks = [0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9]
    schedule = {"milestones": {"at": marks, "factor": 0.5}}
    steps = Phase("head", steps=20, batch_size=4, lr=0.256, schedule=schedule)
    make_bench(phased(steps, Phase("after", steps=1)), tasks=1).run(0)
    rates = [network[0] for _, network, _ in Phased.rates]
    lengths = [4, 3, 3, 2, 2, 2, 2, 2]  # steps from mark to mark, of 20
    by_hand = [0.256, 0.128, 0.064, 0.032, 0.016, 0.008, 0.004, 0.002]
    wanted = [rate for rate, length in zip(by_hand, lengths, strict=True) for _ in range(length)]
    assert rates == pytest.approx([*wanted, 0.1])


@pytest.mark.parametrize("total", [20, 100, 1_000, 39_100])
def test_a_milestone_is_passed_with_the_very_step_that_it_names(total: int) -> None:
    for percent in (20, 35, 50, 60, 70, 80, 90):
        schedule = {"milestones": {"at": [percent / 100], "factor": 0.5}}
        step = total * percent // 100
        before, then = (schedule_factor(schedule, k / total) for k in (step - 1, step))
        assert (before, then) == (1.0, 0.5)


def test_what_a_method_sets_stands_where_no_phase_says_anything(make_bench: Any) -> None:
    class Sets(Phased):
        """A rate set by hand."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            self.second.set_lr(0.03)

    phased(Phase("one", epochs=1), Phase("two", epochs=1))
    make_bench(Sets, tasks=2, batch_size=200).run(0)
    assert all(second == [0.03] for _, _, second in Phased.rates)


class TwoRates(SoloStrategy):
    """A solo strategy with a second optimiser."""

    rates: ClassVar[list[tuple[float, float]]] = []

    def setup(self) -> None:
        super().setup()
        self.extra = torch.zeros(1, requires_grad=True)
        self.others = {"second": [self.make_optimizer([self.extra])]}

    def phases(self, task: Task) -> Sequence[Phase]:
        return [Phase("own", epochs=1, lr=0.02), Phase("usual", epochs=2, schedule="cosine")]

    def observe(self, batch: Batch) -> Tensor | None:
        both = self.optimizer, self.others["second"][0]
        one, two = (optimizer.param_groups[0]["lr"] for optimizer in both)
        self.rates.append((one, two))
        return super().observe(batch)


def test_both_optimisers_of_a_solo_strategy_follow(make_bench: Any) -> None:
    TwoRates.rates.clear()
    make_bench(TwoRates, tasks=1, batch_size=200).run(0)
    assert [one for one, _ in TwoRates.rates] == pytest.approx([0.02, 0.1, 0.05])
    assert all(one == two for one, two in TwoRates.rates)
