"""What a hypernetwork generates for each task, what it costs, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import errors
from clbench.engine.compose import check_composition
from clbench.host import Host
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench
from clbench_plugins.hypernetwork import Hypernetwork
from clbench_plugins.hypernetwork.inference import entropy, surest

from .hypernetworks import ADAM, SMALL, begin, generated, second_task

# ------------------------------------------------------------------ what is generated


@pytest.mark.parametrize(
    ("cut", "chunks", "size"),
    [({"num_chunks": 7}, 7, 345), ({"chunk_size": 1000}, 3, 1000), ({}, 10, 241)],
)
def test_weights_are_cut_into_chunks(on_digits: Any, cut: Any, chunks: int, size: int) -> None:
    """64-32-10 has 2,410 weights and biases."""
    strategy, _ = on_digits(Hypernetwork(hidden=[6], **cut)).start(0, 1)
    assert strategy.generator.chunks.shape == (2, chunks, 32)
    assert strategy.generator.network.named_parameters()["last.weight"].shape == (2, size, 6)
    weights = strategy.generator.weights(strategy.embedding)
    for made, value in zip(weights, strategy.net.parameters(), strict=True):
        assert made.shape == value.shape
    theta = [value[1] for value in strategy.generator.parameters()]
    wanted = generated(theta, strategy.embedding[1], 2410)
    got = torch.cat([one[1].flatten() for one in weights])
    torch.testing.assert_close(got, wanted)


def test_s002_begins_as_it_did(on_digits: Any) -> None:
    kind = Hypernetwork(
        embedding_deviation=0.1, chunk_deviation=0.0, output="tanh", embedding_size=200
    )
    strategy, _ = on_digits(kind).start(0, 1)
    assert strategy.embeddings.std().item() == pytest.approx(0.1, rel=0.1)
    assert not strategy.generator.chunks.any()
    with torch.no_grad():
        strategy.generator.network.named_parameters()["last.bias"].fill_(100.0)
    assert strategy.generator.flat(strategy.embedding).max().item() <= 1.0


def test_logits_below_zero_are_zero(on_digits: Any) -> None:
    strategy, _ = on_digits(Hypernetwork(relu_logits=True)).start(0)
    x = torch.randn(1, 200, 1, 8, 8)
    assert strategy.predict(x).min().item() == 0.0


def test_the_first_task_is_trained_longer(on_digits: Any) -> None:
    strategy, loop = on_digits(Hypernetwork(first_task_factor=2, **SMALL), steps=3).start(0)
    steps = []
    for task in strategy.session.streams.tasks[:3]:
        loop.task(task)
        steps.append(int(loop.measurements.steps[0]))
    assert steps == [6, 9, 12]


# ------------------------------------------------------------------ tasks


def test_an_old_embedding_stands_still(on_digits: Any) -> None:
    strategy, batch = second_task(on_digits(Hypernetwork(**SMALL), steps=3, optimizer=ADAM), 0, 1)
    first, second = strategy.embeddings[:, 0].clone(), strategy.embeddings[:, 1].clone()
    strategy.observe(batch)
    strategy.end_task(strategy.task)
    assert torch.equal(strategy.embeddings[:, 0], first)
    assert strategy.embeddings[:, 1].ne(second).all()
    begin(strategy, 2)
    kept = [
        moment
        for optimizer in (strategy.optimizer, strategy.embedding_optimizer)
        for slot in optimizer.slots.values()
        for moment in slot.moments
    ]
    assert not any(moment.any() for moment in kept)


class TwoWeights(nn.Module):
    """Its first logit is w . x, its second 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        first = x.flatten(1)[:, :2] @ self.weight
        return torch.stack([first, torch.zeros_like(first)], dim=1)


def test_the_network_that_is_surest_of_a_sample_answers() -> None:
    """Of the task's two networks one looks at the first pixel, the other, with a minus, at the
    second.
    """
    bench = Bench(
        Hypernetwork(hidden=[], chunk_size=2, embedding_size=2, chunk_deviation=0.0),
        Host.load(),
        Choice("split", {"dataset": "digits", "tasks": 5, "setting": "domain"}),
        {"model": "two_weights", "batch_size": 16},
        own={("model", "two_weights"): lambda input_shape, classes: TwoWeights()},
    )
    strategy, _ = bench.start(0, 1)
    for index in (0, 1):
        begin(strategy, index)
        strategy.end_task(strategy.task)
    with torch.no_grad():
        last = strategy.generator.network.named_parameters()["last.weight"]
        last.zero_()
        last[:, 0, 0], last[:, 1, 1] = 5.0, -5.0
        strategy.embeddings[:, :2] = torch.eye(2)
        strategy.embedding.copy_(strategy.embeddings[:, 1])
    x = torch.zeros(2, 2, 1, 8, 8)
    x[:, 0, 0, 0, 0] = x[:, 1, 0, 0, 1] = 1.0
    for member in strategy.predict(x).tolist():
        assert member == [[5.0, 0.0], [-5.0, 0.0]]
    newest = strategy._logits_of(x, 1)
    assert newest[0].tolist() == [[0.0, 0.0], [-5.0, 0.0]]


def test_entropy_of_outputs_that_count() -> None:
    inf = torch.inf
    two = torch.tensor([[0.0, 0.0, -inf], [0.0, -inf, -inf]])
    assert entropy(two).tolist() == pytest.approx([np.log(2), 0.0])
    one, other = torch.tensor([[[1.0, 1.0, -inf]]]), torch.tensor([[[-inf, 0.0, 3.0]]])
    assert surest([one, other]).tolist() == [[[-1e9, 0.0, 3.0]]]
    assert surest([one, one + 7.0]).tolist() == [[[1.0, 1.0, -1e9]]]


def test_whose_task_it_is_decides_among_the_outputs(on_digits: Any) -> None:
    """In the class setting a task's own outputs compete in training, and in its entropy."""
    bench = on_digits(
        Hypernetwork(**SMALL),
        tasks=3,
        steps=60,
        optimizer={"adam": {"lr": 0.01}},
        logits={"train": "current"},
    )
    strategy, loop = bench.start(0, 1)
    tasks = strategy.session.streams.tasks
    for task in tasks:
        loop.task(task)
    x = torch.cat([next(task.batches("train", 16)).x for task in tasks], dim=1)
    got = strategy.predict(x).argmax(2)
    for member in (0, 1):
        each = []
        for task in tasks:
            own = strategy._logits_of(x, task.index)[member][:, task.classes[member]]
            p = own.softmax(1)
            best = task.classes[member][own.argmax(1)]
            each.append((-(p * p.log()).sum(1), best))
        chosen = torch.stack([h for h, _ in each]).argmin(0)
        wanted = torch.stack([best for _, best in each]).gather(0, chosen[None])[0]
        assert torch.equal(got[member], wanted)
        assert len(chosen.unique()) > 1


def test_statistics_of_batch_norm_are_the_tasks_own(on_digits: Any) -> None:
    bench = on_digits(
        Hypernetwork(**SMALL),
        setting="task",
        steps=5,
        model={"mlp": {"hidden": [8], "norm": "batch", "dropout": 0.1}},
    )
    strategy, loop = bench.start(0, 1)
    first = strategy.session.streams.tasks[0]
    loop.task(first)
    left = {name: value.clone() for name, value in strategy.net.named_buffers().items()}
    x = next(first.batches("train", 16)).x
    strategy.net.eval()
    before = strategy.predict(x, first)
    begin(strategy, 1)
    names = ["norm1.running_mean", "norm1.running_var", "norm1.num_batches_tracked"]
    begun = strategy.net.named_buffers()
    assert not begun[names[0]].any()
    assert begun[names[1]].eq(1).all()
    assert not begun[names[2]].any()
    assert begun["drop1.count"].eq(5).all()  # dropout's noise goes on
    assert torch.equal(strategy.predict(x, first), before)
    assert list(strategy.statistics[0]) == names
    assert all(torch.equal(strategy.statistics[0][name], left[name]) for name in names)
    assert not torch.equal(strategy._logits(x, strategy.embeddings[:, 0]), before)


def test_a_task_to_come_is_met_by_the_newest_network(on_digits: Any) -> None:
    strategy, _ = second_task(on_digits(Hypernetwork(**SMALL), setting="task", steps=2), 0)
    tasks = strategy.session.streams.tasks
    x = torch.randn(1, 8, 1, 8, 8)
    assert torch.equal(strategy.predict(x, tasks[4]), strategy.predict(x, tasks[1]))
    assert not torch.equal(strategy.predict(x, tasks[4]), strategy.predict(x, tasks[0]))


# ------------------------------------------------------------------ costs, and what is refused


@pytest.mark.parametrize("targets", ["stored", "online"])
def test_what_it_trains_and_what_it_carries(on_digits: Any, targets: str) -> None:
    bench = on_digits(Hypernetwork(targets=targets, **SMALL), tasks=3, steps=2, optimizer=ADAM)
    record = bench.run(0, 1)
    theta = (7 * 6 + 6) + (6 * 482 + 482) + 5 * 3  # 2,410 weights in five chunks
    assert record.cost["parameters"].tolist() == [theta + 3 * 4] * 2
    embeddings = 3 * 4
    kept = 2 * 2410 if targets == "stored" else theta
    assert record.cost["state_bytes"].tolist() == [4 * (kept + embeddings)] * 2


def test_chunks_are_cut_in_one_way() -> None:
    with pytest.raises(errors.OptionError, match="num_chunks: chunk_size is given, too"):
        Hypernetwork(chunk_size=10, num_chunks=3)


@pytest.mark.parametrize(
    "given", [{"restore": "best", "validation": 0.2, "epochs": 1}, {"head_reset": "zero"}]
)
def test_what_would_have_no_effect_is_refused(on_digits: Any, given: Any) -> None:
    with pytest.raises(errors.UserError, match=f"`{next(iter(given))}` would have no effect"):
        on_digits(Hypernetwork(**SMALL), **given).start(0)


@pytest.mark.parametrize(
    "other", ["ewc", "online_ewc", "si", "mas", "l2", "lwf", "der", "ogd", "cbp"]
)
def test_what_looks_at_weights_that_nobody_uses_is_refused_beside_it(other: str) -> None:
    host = Host.load()
    kinds = [host.get("strategy", name) for name in (other, "hypernetwork")]
    said = f"hypernetwork generates the weights that are trained and tested, and {other} would look"
    with pytest.raises(errors.UserError, match=said):
        check_composition(kinds)
    with pytest.raises(errors.UserError, match=said):
        check_composition(kinds[::-1])


def test_what_leaves_the_weights_alone_composes_with_it() -> None:
    check_composition([Host.load().get("strategy", "er"), Hypernetwork])
