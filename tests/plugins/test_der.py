from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from clbench import Batch
from clbench_plugins.der import DER, DERpp
from clbench_plugins.er import ER
from clbench_plugins.ewc import EWC
from clbench_plugins.naive import Naive
from tests.plugins.replayed import Weights, assert_same_end, follow, forward

RATE = 0.1


class ByHand:
    """The loss of DER (and of DER++ where there is a second draw), with the logits that it saw
    itself.
    """

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha, self.beta = alpha, beta
        self.logits: dict[int, Tensor] = {}  # of each sample, when it came

    def __call__(self, weights: Weights, batch: Batch, drawn: list[Batch], row: int) -> Tensor:
        logits = forward(weights, batch.x)
        loss = F.cross_entropy(logits, batch.y)
        if drawn:
            kept = torch.stack([self.logits[number] for number in drawn[0].index.tolist()])
            loss = loss + self.alpha * F.mse_loss(forward(weights, drawn[0].x), kept)
        if len(drawn) > 1:
            second = F.cross_entropy(forward(weights, drawn[1].x), drawn[1].y)
            loss = loss + self.beta * second
        self.logits |= dict(zip(batch.index.tolist(), logits.detach(), strict=True))
        return loss


def test_der_in_a_stack_is_der_of_one_network(on_digits: Any) -> None:
    run = follow(on_digits(DER(memory=30, alpha=0.7)), 0, 1, tasks=3)
    assert {len(step.drawn) for step in run.steps} == {1}
    assert_same_end(run, lambda: ByHand(0.7, 0.0), RATE)


def test_derpp_in_a_stack_is_derpp_of_one_network(on_digits: Any) -> None:
    run = follow(on_digits(DERpp(memory=30, alpha=0.4, beta=0.8, replay_batch=5)), 2, 5, tasks=3)
    assert {part.size for step in run.steps for part in step.drawn} == {5}
    assert_same_end(run, lambda: ByHand(0.4, 0.8), RATE)


def test_the_two_draws_of_derpp_are_independent(on_digits: Any) -> None:
    run = follow(on_digits(DERpp(memory=30)), 0, tasks=2)
    assert {len(step.drawn) for step in run.steps} == {2}
    late = [step.drawn for step in run.steps[5:]]
    assert not any(torch.equal(first.index, second.index) for first, second in late)


@pytest.mark.parametrize("parts", [[DER, ER], [ER, DER]], ids=["der+er", "er+der"])
def test_logits_are_those_of_the_batch_where_replay_joins_samples_to_it(
    on_digits: Any, parts: Any
) -> None:
    strategy, loop = on_digits(parts).start(0, 1)
    der = strategy.part("der")
    seen: list[Tensor] = []
    after = der.buffer.add

    def check(batch: Batch, logits: Tensor) -> None:
        assert logits.shape == (2, batch.size, 10)
        seen.append(logits.detach())
        after(batch, logits=logits)

    der.buffer.add = check
    before = [value.detach().clone() for value in strategy.net.parameters()]
    task = strategy.session.streams.tasks[0]
    loop.task(task)
    assert all(bool(logits.isfinite().all()) for logits in seen)
    first = der.buffer.index[:, :16]
    x = strategy.session.streams.fetch(first, torch.zeros_like(first), task).x
    for row in range(2):
        wanted = forward([value[row] for value in before], x[row])
        torch.testing.assert_close(seen[0][row], wanted, atol=1e-5, rtol=1e-5)


def test_kept_logits_are_of_the_augmented_view_and_images_are_not(on_digits: Any) -> None:
    strategy, loop = on_digits(DER(memory=500), augment="crop_flip").start(0)
    shown: list[Tensor] = []
    observe = strategy.observe

    def noted(batch: Batch) -> Any:
        shown.append(forward([p[0].detach() for p in strategy.net.parameters()], batch.x[0]))
        return observe(batch)

    strategy.observe = noted
    loop.task(strategy.session.streams.tasks[0])
    wanted = torch.cat(shown)
    count = int(strategy.buffer.filled[0])
    assert count == len(wanted)
    torch.testing.assert_close(strategy.buffer.extra["logits"][0, :count], wanted)


@pytest.mark.parametrize("setting", ["task", "domain", "class"])
def test_all_outputs_are_kept_and_finite_in_every_setting(on_digits: Any, setting: str) -> None:
    strategy, loop = on_digits(DERpp(memory=30), setting=setting, logits="current").start(0, 1)
    for task in strategy.session.streams.tasks[:2]:
        loop.task(task)
    logits = strategy.buffer.extra["logits"]
    assert logits.shape[2] == strategy.scenario.classes
    assert bool(logits.isfinite().all())
    assert bool((logits[:, :30] != 0).all())


def test_logits_are_part_of_what_der_carries(on_digits: Any) -> None:
    image, label, logits = 64, 1, 4 * 10
    carried = {
        kind: on_digits(kind(memory=50)).run(0).cost["state_bytes"].tolist() for kind in (ER, DER)
    }
    assert carried == {ER: [50 * (image + label)], DER: [50 * (image + label + logits)]}
    within = on_digits(DER(memory="10kB")).run(0).cost["state_bytes"]
    assert within.tolist() == [10_000 // 105 * 105]


def test_der_composes_with_ewc(on_digits: Any) -> None:
    bench = on_digits([DER(memory=40), EWC(strength=3.0, samples=32)], tasks=2)
    together, alone = bench.run(0, 1), bench.run(1)
    assert np.array_equal(together.accuracy[1], alone.accuracy[0])
    costs = together.cost["state_bytes"]
    parameters = 64 * 32 + 32 + 32 * 10 + 10
    assert costs.tolist() == [40 * 105 + 2 * 4 * parameters + 4] * 2


@pytest.mark.parametrize("kind", [DER, DERpp])
def test_dark_replay_forgets_less_than_naive_with_classes(on_digits: Any, kind: Any) -> None:
    options = {"epochs": 3, "optimizer": {"sgd": {"lr": 0.1}}}
    dark, naive = (
        on_digits(strategy, **options).run(0, 1, 2).accuracy[:, -1].mean(1)
        for strategy in (kind(memory=200), Naive)
    )
    assert (naive < 0.3).all()
    assert np.mean(dark - naive) > 0.2
