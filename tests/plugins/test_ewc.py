from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from clbench import Task
from clbench_plugins.ewc import EWC, OnlineEWC
from clbench_plugins.importance_penalties import MAS
from clbench_plugins.naive import Naive


def forward(weights: list[Tensor], x: Tensor) -> Tensor:
    return torch.relu(x.flatten(1) @ weights[0].T + weights[1]) @ weights[2].T + weights[3]


def fisher_by_hand(
    strategy: Any, row: int, task: Task, labels: str, samples: int | None
) -> list[Tensor]:
    """One backward pass a sample and label, in double precision."""
    weights = [p[row].detach().double().requires_grad_() for p in strategy.net.parameters()]
    total = [torch.zeros_like(w) for w in weights]
    outputs = (
        task.classes[row].tolist()
        if strategy.scenario.setting == "task"
        else list(range(strategy.scenario.classes))
    )
    count = 0
    for batch in task.batches("train", 64, samples):
        for b in range(64):
            if not batch.valid[row, b]:
                continue
            count += 1
            log_p = forward(weights, batch.x[row, b : b + 1].double())[0, outputs].log_softmax(0)
            p = log_p.detach().exp()
            if labels == "true":
                p = torch.zeros_like(p).scatter(
                    0, torch.tensor(outputs.index(int(batch.y[row, b]))), 1.0
                )
            elif labels == "predicted":
                p = torch.zeros_like(p).scatter(0, p.argmax(), 1.0)
            for k in range(len(outputs)):
                for sum_, g in zip(
                    total, torch.autograd.grad(log_p[k], weights, retain_graph=True), strict=True
                ):
                    sum_ += p[k] * g.square()
    return [value / count for value in total]


class Noted(EWC):
    """Keeps what the penalty and its gradient are at every step of the second task."""

    found: ClassVar[list[Any]] = []
    terms: ClassVar[list[Any]] = []  # (Fisher information, parameters) at the end of each task

    def measure_fisher(self, task: Any) -> Any:
        fisher = super().measure_fisher(task)
        self.terms.append((fisher, [p.detach().clone() for p in self.net.parameters()]))
        return fisher

    def adjust_gradients(self, batch: Any) -> None:
        super().adjust_gradients(batch)
        if self.task.index == 2:
            self.found.append(
                ([p.detach().clone() for p in self.net.parameters()], self.penalty().detach())
            )


def trained(bench: Any, tasks: int = 2) -> Any:
    strategy, loop = bench.start(0, 1)
    for task in strategy.session.streams.tasks[:tasks]:
        loop.task(task)
    return strategy


@pytest.mark.parametrize("setting", ["task", "class"])
@pytest.mark.parametrize("labels", ["exact", "true", "predicted"])
def test_fisher_by_hand(on_digits: Any, setting: str, labels: str) -> None:
    """Per example, in evaluation mode, on the outputs that the setting leaves; on the very samples
    the strategy took.
    """
    bench = on_digits(
        EWC(fisher=labels, samples=20), tasks=2, setting=setting, model={"mlp": {"hidden": [8]}}
    )
    strategy = trained(bench, tasks=1)
    task = strategy.session.streams.tasks[0]
    for row in (0, 1):
        for got, wanted in zip(
            strategy.fisher_sum, fisher_by_hand(strategy, row, task, labels, 20), strict=True
        ):
            torch.testing.assert_close(got[row].double(), wanted, rtol=2e-4, atol=1e-8)


def test_sampled_labels_give_the_exact_fisher_on_average(on_digits: Any) -> None:
    exact, sampled = (
        trained(on_digits(EWC(samples=None, fisher=labels), tasks=1, setting="task"))
        for labels in ("exact", "sampled")
    )
    task = sampled.session.streams.tasks[0]
    drawn = [sampled.measure_fisher(task) for _ in range(40)]
    for place, wanted in enumerate(exact.fisher_sum):
        mean = torch.stack([values[place] for values in drawn]).mean(0)
        assert (mean.sum() / wanted.sum()).item() == pytest.approx(1.0, abs=0.1)
    assert not torch.equal(drawn[0][0], drawn[1][0])


def test_all_samples_are_taken_where_there_is_no_limit(on_digits: Any) -> None:
    strategy = trained(
        on_digits(
            EWC(samples=None, fisher="true"),
            tasks=1,
            setting="task",
            model={"mlp": {"hidden": [4]}},
        ),
        tasks=1,
    )
    task = strategy.session.streams.tasks[0]
    for got, wanted in zip(
        strategy.fisher_sum, fisher_by_hand(strategy, 1, task, "true", None), strict=True
    ):
        torch.testing.assert_close(got[1].double(), wanted, rtol=5e-4, atol=1e-8)


def test_the_penalty_and_its_gradient_by_hand(on_digits: Any) -> None:
    """One term a task, as the formula has it; the strategy keeps their sum."""
    Noted.found.clear()
    Noted.terms.clear()
    strategy = trained(on_digits(Noted(strength=30.0), tasks=3), tasks=3)
    fishers, anchors = zip(*Noted.terms, strict=True)
    assert len(fishers) == 3
    weights, penalty = Noted.found[-1]
    wanted = sum(
        15.0 * (f * (w - a).square()).flatten(1).sum(1)
        for fisher, anchor in zip(fishers[:2], anchors[:2], strict=True)
        for f, w, a in zip(fisher, weights, anchor, strict=True)
    )
    torch.testing.assert_close(penalty, wanted, rtol=1e-4, atol=1e-7)
    assert (penalty > 0).all()
    strategy.optimizer.zero_grad()
    strategy.penalty().sum().backward()
    for place, p in enumerate(strategy.net.parameters()):
        by_hand = sum(
            30.0 * f[place] * (p.detach() - a[place]) for f, a in zip(fishers, anchors, strict=True)
        )
        torch.testing.assert_close(
            p.grad, by_hand, rtol=1e-4, atol=1e-5 * by_hand.abs().max().item()
        )


def test_the_first_task_is_trained_as_naive_trains_it(on_digits: Any) -> None:
    plain, ewc = (on_digits(strategy, tasks=2).run(0, 1) for strategy in (Naive, EWC(strength=5.0)))
    np.testing.assert_array_equal(plain.accuracy[:, :2], ewc.accuracy[:, :2])
    assert not np.array_equal(plain.accuracy[:, 2], ewc.accuracy[:, 2])


def test_a_strength_of_zero_is_naive(on_digits: Any) -> None:
    plain, ewc, online = (
        on_digits(strategy, tasks=3).run(0)
        for strategy in (Naive, EWC(strength=0.0), OnlineEWC(strength=0.0))
    )
    np.testing.assert_array_equal(plain.accuracy, ewc.accuracy)
    np.testing.assert_array_equal(plain.accuracy, online.accuracy)


class NotedOnline(OnlineEWC):
    """Keeps the Fisher of every task."""

    fresh: ClassVar[list[list[Tensor]]] = []

    def measure_fisher(self, task: Task) -> list[Tensor]:
        self.fresh.append(super().measure_fisher(task))
        return self.fresh[-1]


@pytest.mark.parametrize("decay", [1.0, 0.4])
def test_the_recursion_of_online_ewc(on_digits: Any, decay: float) -> None:
    NotedOnline.fresh.clear()
    strategy = trained(on_digits(NotedOnline(decay=decay, strength=20.0), tasks=3), tasks=3)
    first, second, third = NotedOnline.fresh
    for got, a, b, c in zip(strategy.fisher_sum, first, second, third, strict=True):
        torch.testing.assert_close(got, decay * (decay * a + b) + c)
    for anchor, p in zip(strategy.anchor, strategy.net.parameters(), strict=True):
        assert torch.equal(anchor, p.detach())
    assert not strategy.penalty().any()
    with torch.no_grad():
        for p in strategy.net.parameters():
            p.add_(0.01)
    wanted = 10.0 * decay * sum((f * 1e-4).flatten(1).sum(1) for f in strategy.fisher_sum)
    torch.testing.assert_close(strategy.penalty().detach(), wanted, rtol=1e-2, atol=0)


def test_ewc_does_not_help_with_classes(on_digits: Any) -> None:
    options = {"epochs": 4, "optimizer": {"adam": {"lr": 0.003}}}
    naive, ewc = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (Naive, EWC(strength=100.0))
    )
    assert max(naive.max(), ewc.max()) < 0.4
    assert abs(np.mean(ewc - naive)) < 0.1


def test_ewc_helps_where_the_task_is_known(on_digits: Any) -> None:
    options = {
        "epochs": 6,
        "optimizer": {"adam": {"lr": 0.01}},
        "model": {"mlp": {"hidden": [8]}},
        "setting": "task",
    }
    naive, ewc = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (Naive, EWC(strength=10.0))
    )
    assert (ewc > naive + 0.05).all()
    assert (ewc > 0.9).all()


def test_ewc_helps_where_the_domain_changes(on_digits: Any) -> None:
    options = {
        "epochs": 2,
        "optimizer": {"adam": {"lr": 0.003}},
        "model": {"mlp": {"hidden": [64]}},
        "scenario": "permuted",
        "tasks": 4,
    }
    naive, ewc = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (Naive, EWC(strength=10.0))
    )
    assert (ewc > naive + 0.05).all()


@pytest.mark.parametrize("optimizer", ["sgd", "torch.RMSprop"])
@pytest.mark.parametrize("kind", [EWC, OnlineEWC])
def test_the_outputs_of_finished_tasks_stand_still(
    on_digits: Any, kind: type[Any], optimizer: str
) -> None:
    """The penalty is at its minimum there, to the last bit: a gradient of rounding would set them
    going.
    """
    options = {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}
    bench = on_digits(kind(), setting="task", optimizer={optimizer: options})
    strategy, loop = bench.start(0, 1)
    heads, finished = [], torch.zeros(2, strategy.scenario.classes, dtype=torch.bool)
    for task in strategy.session.streams.tasks:
        before = {name: p.detach().clone() for name, p in _head(strategy).items()}
        loop.task(task)
        heads.append(
            all(torch.equal(p[finished], before[n][finished]) for n, p in _head(strategy).items())
        )
        finished.scatter_(1, task.classes, True)
    assert finished.all()
    assert heads == [True] * 5


def _head(strategy: Any) -> dict[str, Tensor]:
    return {n: p for n, p in strategy.net.named_parameters().items() if n.startswith("head")}


@pytest.mark.parametrize("method", [EWC, MAS], ids=["ewc", "mas"])
def test_a_part_with_a_mode_of_its_own_is_measured_in_evaluation_mode(
    on_digits: Any, method: Any
) -> None:
    """A part with a mode of its own, such as dropout that is always on, has it again afterwards."""
    strategy = trained(
        on_digits(method(), tasks=2, model={"mlp": {"hidden": [8], "dropout": 0.5}}), tasks=1
    )
    task, net = strategy.session.streams.tasks[0], strategy.net
    measure = strategy.measure_fisher if method is EWC else strategy.measure_importance
    quiet = measure(task)
    (name,) = (
        name for name, part in net.module.named_modules() if "Dropout" in type(part).__name__
    )
    net.set_part_mode(name, True)
    for found, wanted in zip(measure(task), quiet, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert net.part_modes == {name: True}
    assert net.training
