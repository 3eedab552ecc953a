"""Orthogonal gradient descent: training with gradients that lose what old outputs need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch

from clbench.errors import StrategyError
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench
from clbench_plugins.naive import Naive
from clbench_plugins.ogd import OGD

from .ogd_kit import MLP, flat, trained


def carried(strategy: Any) -> float:
    found: float = strategy.session.learner.carried_bytes()[0]
    return found


class Noted(OGD):
    """Keeps each step's gradient before and after, and by how much the parameters moved."""

    steps: ClassVar[list[Any]] = []

    def adjust_gradients(self, batch: Any) -> None:
        before = {name: p.grad.clone() for name, p in self.net.named_parameters().items()}
        super().adjust_gradients(batch)
        after = {name: p.grad.clone() for name, p in self.net.named_parameters().items()}
        start = {name: p.detach().clone() for name, p in self.net.named_parameters().items()}
        self.steps.append([self.task.index, before, after, start])

    def after_step(self, batch: Any) -> None:
        super().after_step(batch)
        index, before, after, start = self.steps[-1]
        params = self.net.named_parameters()
        moved = {name: params[name].detach() - value for name, value in start.items()}
        self.steps[-1] = [index, before, after, moved]


@pytest.mark.parametrize("project", ["gradient", "update"])
def test_what_is_projected_is_the_gradient_or_the_step(
    on_digits: Callable[..., Bench], project: str
) -> None:
    """Under Adam, whose step from a projected gradient is not orthogonal."""
    Noted.steps.clear()
    bench = on_digits(
        Noted(memory=10, project=project), model=MLP, optimizer={"adam": {"lr": 0.001}}
    )
    strategy = trained(bench, 2, 0)
    # The directions of the first task are those of the basis while the second is trained.
    first = trained(on_digits(OGD(memory=10), model=MLP, optimizer={"adam": {"lr": 0.001}}), 1, 0)
    vectors = first.basis.vectors(
        {name: p.detach() for name, p in first.net.named_parameters().items()}
    )[0]
    _, before, after, moved = [step for step in Noted.steps if step[0] == 1][5]
    changed = flat(after if project == "gradient" else moved)[0]
    plain = flat(before)[0]
    other = flat(moved if project == "gradient" else after)[0]
    assert (vectors @ changed).norm() < 1e-4 * changed.norm()
    assert (vectors @ plain).norm() > 0.05 * plain.norm()
    assert (vectors @ other).norm() > 0.01 * other.norm()
    assert strategy.members == 1


def test_in_the_task_setting_heads_are_left_alone(on_digits: Callable[..., Bench]) -> None:
    Noted.steps.clear()
    bench = on_digits(Noted(memory=10), setting="task", model=MLP)
    strategy = trained(bench, 2, 0)
    own = strategy.session.streams.tasks[1].classes[0]
    some = 0.0
    for index, before, after, moved in Noted.steps:
        assert torch.equal(before["head.weight"], after["head.weight"])
        if index == 1:
            others = [row for row in range(10) if row not in own.tolist()]
            assert not moved["head.weight"][0, others].any()
            some += float((before["linear1.weight"] - after["linear1.weight"]).abs().max())
    assert some > 0


def test_the_first_task_is_that_of_plain_training(on_digits: Callable[..., Bench]) -> None:
    one = trained(on_digits(OGD(project="update"), model=MLP), 1)
    other = trained(on_digits(Naive, model=MLP), 1)
    for value, wanted in zip(one.net.parameters(), other.net.parameters(), strict=True):
        assert torch.equal(value, wanted)


def linear_bench(store: str) -> Bench:
    """A linear model of 65 numbers an output, and 40 samples a task, all of which are
    remembered.
    """
    data = {"synthetic": {"classes": 4, "train": 40, "test": 40, "size": 8}}
    return Bench(
        OGD(variant="all", memory=4 * 40, store=store, tolerance=1e-4),
        Host.load(),
        Choice("permuted", {"dataset": data, "tasks": 2}),
        {
            "model": {"mlp": {"hidden": []}},
            "batch_size": 10,
            "epochs": 20,
            "normalise": "standard",
            "optimizer": {"sgd": {"lr": 0.01}},
        },
    )


@pytest.mark.parametrize("store", ["factors", "dense"])
def test_a_linear_model_keeps_its_outputs(store: str) -> None:
    """With the gradients of all outputs of all samples; the gradients of a linear model stay what
    they are.
    """
    strategy, loop = linear_bench(store).start(0, 1)
    first, second = strategy.session.streams.tasks
    loop.task(first)
    batch = next(first.batches("train", 40))
    newer = next(second.batches("train", 40))
    before = [strategy.net(b.x).detach() for b in (batch, newer)]
    loop.task(second)
    after = [strategy.net(b.x).detach() for b in (batch, newer)]
    torch.testing.assert_close(after[0], before[0], atol=2e-4, rtol=0)
    assert (after[1] - before[1]).abs().max() > 0.05


def test_later_tasks_have_a_rate_of_their_own(on_digits: Callable[..., Bench]) -> None:
    Noted.steps.clear()
    trained(on_digits(Noted(memory=5, later_rate=0.2), model=MLP), 2, 0)
    for index, _, after, moved in Noted.steps:
        rate = 0.1 if index == 0 else 0.02
        torch.testing.assert_close(flat(moved), -rate * flat(after), atol=1e-6, rtol=1e-3)


def test_factors_take_a_fraction_of_the_room(on_digits: Callable[..., Bench]) -> None:

    model = {"mlp": {"hidden": [100, 100]}}
    sizes = [
        carried(trained(on_digits(OGD(memory=40, store=store), model=model), 1))
        for store in ("auto", "dense")
    ]
    numbers = 64 * 100 + 100 + 100 * 100 + 100 + 100 * 10 + 10
    assert sizes[1] == 4 * 40 * numbers
    assert sizes[0] == 4 * 40 * (64 + 100 + 100 + 100 + 100 + 10 + 40)


def test_samples_that_are_kept_count_as_samples(on_digits: Callable[..., Bench]) -> None:

    sizes = [
        carried(trained(on_digits(OGD(memory=9, recompute=again), model=MLP), 2))
        for again in (False, True)
    ]
    assert sizes[1] - sizes[0] == 2 * 9 * (64 + 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"variant": "mean_loss", "recompute": True}, "recompute"),
        ({"variant": "mean_loss", "store": "factors"}, "store: factors"),
        ({"per_class": True}, "per_class"),
        ({"pca": 3, "store": "factors"}, "principal directions"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    on_digits: Callable[..., Bench], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(StrategyError, match=said):
        on_digits(OGD(**options)).start(0)
