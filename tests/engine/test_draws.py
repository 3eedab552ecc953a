"""Draws from global generators, where no member's seed governs them, are noticed in a run and
named.
"""

from __future__ import annotations

import functools
import importlib
import random
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import ProbeMetric, SoloStrategy, Strategy, Task
from clbench.errors import GlobalDraw
from clbench.stack.generators import Snapshot
from clbench_plugins.er import ER
from clbench_plugins.naive import Naive

CPU = torch.device("cpu")
DRAWS = {
    "torch's": functools.partial(torch.rand, 1),
    "NumPy's": np.random.rand,
    "Python's": random.random,
}


class Drawing(Strategy):
    """Draws in one of its hooks, from one of the generators, from some task on."""

    where: str = "task_loss"
    whose: str = "torch's"
    since: int = 0

    def draw(self, where: str) -> None:
        """If it is time."""
        task = self.session.task
        if where == self.where and (task is None or task.index >= self.since):
            DRAWS[self.whose]()

    def setup(self) -> None:
        super().setup()
        self.draw("setup")

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        self.draw("begin_task")

    def phases(self, task: Task) -> Any:
        self.draw("phases")
        return super().phases(task)

    def begin_epoch(self, phase: Any, epoch: int) -> None:
        super().begin_epoch(phase, epoch)
        self.draw("begin_epoch")

    def end_epoch(self, phase: Any, epoch: int) -> None:
        super().end_epoch(phase, epoch)
        self.draw("end_epoch")

    def task_loss(self, batch: Any) -> Tensor:
        loss = super().task_loss(batch)
        self.draw("task_loss")
        return loss

    def after_step(self, batch: Any) -> None:
        super().after_step(batch)
        self.draw("after_step")
        if int(self.session.measurements.steps[0]) == 5:
            self.draw("a later step")

    def end_task(self, task: Task) -> None:
        super().end_task(task)
        self.draw("end_task")

    def predict(self, x: Tensor, task: Task | None = None) -> Tensor:
        self.draw("predict")
        return super().predict(x, task)


HOOKS = ["setup", "begin_task", "phases", "begin_epoch", "task_loss", "after_step", "end_epoch"]
HOOKS += ["end_task", "predict"]


@pytest.mark.parametrize("where", HOOKS)
@pytest.mark.parametrize("whose", DRAWS)
def test_a_stacked_strategy_that_draws_is_named_with_its_line(
    make_bench: Any, where: str, whose: str
) -> None:
    before = Snapshot(CPU)
    with pytest.raises(GlobalDraw) as error:
        make_bench(Drawing(where=where, whose=whose)).run(0, 1)
    said = str(error.value)
    assert said.startswith(
        f"drawing drew from {whose} global generator in Drawing.draw (test_draws.py, "
    )
    assert "draw from self.rng(name)" in said
    assert before.moved() == []
    assert sys.getprofile() is None


def test_in_a_composition_the_part_is_named(make_bench: Any) -> None:
    with pytest.raises(GlobalDraw, match=r"er\+drawing drew .* in Drawing.draw \(test_draws.py"):
        make_bench([ER(memory=9), Drawing]).run(0, 1)


@pytest.mark.parametrize("whose", DRAWS)
def test_a_draw_in_a_later_step_is_noticed_at_the_tasks_end(make_bench: Any, whose: str) -> None:
    sentence = f"drawing drew from {whose} global generator in a later step.* of task 1: "
    with pytest.raises(GlobalDraw, match=sentence):
        make_bench(Drawing(where="a later step", whose=whose)).run(0)


def test_a_draw_that_begins_in_the_second_task_is_named_with_its_line(make_bench: Any) -> None:
    """As that of a method that replays from the second task on."""
    with pytest.raises(GlobalDraw, match=r"in Drawing.draw \(test_draws.py"):
        make_bench(Drawing(since=1)).run(0)


def test_a_module_of_ones_own_in_a_stacked_strategy_is_named(make_bench: Any) -> None:
    class Builds(Strategy):
        """Takes a plain module where a stack is wanted."""

        def setup(self) -> None:
            super().setup()
            self.extra = nn.Linear(3, 2)

    with pytest.raises(GlobalDraw, match=r"in .*Builds.setup .*self.stack\(factory, name\)"):
        make_bench(Builds).run(0)


def test_another_stack_is_no_draw(make_bench: Any) -> None:
    class Stacks(Strategy):
        """Builds a second network as it should, and draws as it should."""

        def setup(self) -> None:
            super().setup()
            self.extra = self.stack(lambda: nn.Linear(3, 2), "extra")

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            self.rng("order").permutation(5)

    make_bench(Stacks).run(0)


def test_a_solo_strategy_may_draw(make_bench: Any) -> None:
    class Solo(SoloStrategy):
        """Draws in a step."""

        def after_step(self, batch: Any) -> None:
            torch.rand(1), np.random.rand(), random.random()

    make_bench(Solo).run(0)


def test_what_a_module_draws_while_it_is_imported_is_nobodys_fault(
    make_bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Imports(Strategy):
        """Imports something late."""

        def begin_task(self, task: Task) -> None:
            super().begin_task(task)
            importlib.import_module("draws_when_imported")

    (tmp_path / "draws_when_imported.py").write_text("import random\nNUMBER = random.random()\n")
    monkeypatch.syspath_prepend(tmp_path)
    make_bench(Imports).run(0)


# ---------------------------------------------------------------------------------------- probes


class NoisyProbe(ProbeMetric):
    """Looks at a few weights, chosen from a global generator."""

    when = "task_end"
    whose: ClassVar[str] = "torch's"

    def measure(self, probe: Any) -> Tensor:
        DRAWS[self.whose]()
        return torch.zeros(probe.net.members)


@pytest.mark.parametrize("strategy", [Naive, SoloStrategy])
@pytest.mark.parametrize("whose", DRAWS)
def test_a_probe_that_draws_is_named_and_left_out(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, whose: str, strategy: type
) -> None:
    monkeypatch.setattr(NoisyProbe, "whose", whose)
    before = Snapshot(CPU)
    record = make_bench(strategy, metrics=[NoisyProbe]).run(0, 1)
    (said,) = record.errors
    assert f"'noisy_probe' drew from {whose} global generator in NoisyProbe.measure (test_d" in said
    assert said.endswith("draws from probe.rng(name)")
    assert np.isnan(record.metrics["noisy_probe"]).all()
    assert before.moved() == []
    plain = make_bench(strategy).run(0, 1)
    np.testing.assert_array_equal(plain.accuracy, record.accuracy)
