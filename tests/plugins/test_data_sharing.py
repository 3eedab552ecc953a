"""What agents ask for, what they are sent, and what they do with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clbench import Batch, Strategy
from clbench.errors import UserError
from clbench.testing.bench import first_difference, rows
from clbench.testing.by_hand import a_step, begin_phase, begin_task
from clbench.testing.watch import uncapturable
from clbench_plugins.naive import Naive
from clbench_plugins.sharing import DataSharing
from clbench_plugins.sharing.budget import draw_by_class, spread
from clbench_plugins.sharing.nearest import difficulty

from .sharing import Array, agents_on_digits, started

HELD_OUT = {"validation": 0.2}
IMAGE = 64  # bytes of a picture of 8 x 8


def begun(*, agents: int = 4, task: int = 0, scenario: Any = None, **options: Any) -> Any:
    """The method in this task, with untrained networks that differ between agents."""
    model = {"mlp": {"hidden": [24]}}
    given = {"agents": agents, "scenario": scenario, "model": model, **HELD_OUT}
    running = started(DataSharing(**options), **given)
    for index in range(1, task + 1):
        running.session.task = running.session.streams.tasks[index]
        running.begin_task(running.session.task)
    for value in running.net.parameters():
        noise = np.random.default_rng(0).standard_normal(tuple(value.shape))
        value.data += torch.from_numpy(noise).float()
    running.net.eval()
    return running


def exchange(running: Any) -> None:
    with torch.no_grad():
        running.exchange()


def received(running: Any, member: int) -> tuple[list[int], list[int]]:
    """Index and label of all that a member holds."""
    held = running.received.occupied[member]
    index = running.received.index[member, :-1][held].tolist()
    label = running.received.extra["label"][member, :-1][held].long().tolist()
    return index, label


def class_of(running: Any, index: list[int]) -> Array:
    """Which digit these samples really are."""
    return running.session.streams.labels["train"][index].numpy()  # type: ignore[no-any-return]


def stock(running: Any, member: int) -> tuple[Array, Array]:
    """The samples that a member offers, and the task of each."""
    pairs = [
        (batch.index[member][batch.weights[member]], batch.tasks[member][batch.weights[member]])
        for batch in running.offered.batches()
    ]
    index, tasks = zip(*pairs, strict=True)
    return torch.cat(index).numpy(), torch.cat(tasks).numpy()


def images(running: Any, index: Any) -> torch.Tensor:
    pixels = running.session.streams.pixels["train"][torch.as_tensor(index)]
    return pixels.view(len(pixels), 1, 8, 8)  # type: ignore[no-any-return]


def expected_answer(running: Any, asker: int, answerer: int, query: int, near: str) -> list[int]:
    """What a neighbour of the first seed returns for a query, by the definition."""
    queries = running.worst()
    index, tasks = stock(running, answerer)
    asked = images(running, queries.index[asker, query][None])

    def similarity(embed: Any) -> Array:
        own, others = (embed(x).detach().double().numpy() for x in (asked, images(running, index)))
        return (others @ own[0]) / (np.linalg.norm(others, axis=1) * np.linalg.norm(own))  # type: ignore[no-any-return]

    def embed(x: torch.Tensor) -> torch.Tensor:
        named = running.net.named_parameters()
        weight, bias = (named[name][answerer] for name in named if not name.startswith("head"))
        return F.relu(x.flatten(1) @ weight.T + bias)

    found = similarity(embed)
    if near == "distance":
        pixels = similarity(lambda x: x.flatten(1))
        tasks_near = set(tasks[np.argsort(-pixels, kind="stable")[:2]].tolist())
        found[[task not in tasks_near for task in tasks]] = -np.inf
    if near == "oracle":
        own_class = class_of(running, queries.index[asker, query : query + 1].tolist())
        found[class_of(running, index.tolist()) != own_class] = -np.inf
    order = np.argsort(-found, kind="stable")[: running.neighbours]
    return [int(index[place]) for place in order if found[place] > -np.inf]


# ------------------------------------------------------------------ what is asked for


def test_the_hardest_samples_are_those_of_each_score() -> None:
    chances = torch.tensor([[0.9, 0.08, 0.02], [0.45, 0.45, 0.1], [0.4, 0.3, 0.3]])
    logits, y = chances.log()[None], torch.tensor([[2, 0, 0]])
    loss = difficulty("cross_entropy", logits, y)
    np.testing.assert_allclose(loss.numpy(), [-np.log([0.02, 0.45, 0.4])], rtol=1e-5)
    unsure = difficulty("confidence", logits, y)
    np.testing.assert_allclose(unsure.numpy(), [[-0.9, -0.45, -0.4]], rtol=1e-5)
    margin = difficulty("margin", logits, y)
    np.testing.assert_allclose(margin.numpy(), [-np.log([0.9 / 0.08, 1, 4 / 3])], atol=1e-6)
    entropy = difficulty("entropy", logits, y)
    by_hand = -(chances * chances.log()).sum(1)
    np.testing.assert_allclose(entropy.numpy()[0], by_hand.numpy(), rtol=1e-5)
    left_out = F.pad(logits, (0, 2), value=-torch.inf)
    assert torch.equal(difficulty("entropy", left_out, y), entropy)


def test_an_agent_asks_for_what_it_is_worst_at() -> None:
    running = begun(queries=7)
    with torch.no_grad():
        asked = running.worst()
    for member in range(4):
        batch = next(running.task.batches("validation", 256))
        logits = running.masked(running.net(batch.x), batch.tasks)[member]
        loss = F.cross_entropy(logits, batch.y[member], reduction="none").detach()
        loss[~batch.weights[member]] = -1
        order = loss.argsort(descending=True, stable=True)[:7]
        assert asked.index[member].tolist() == batch.index[member][order].tolist()
        assert asked.y[member].tolist() == batch.y[member][order].tolist()
    assert asked.valid.all()


# ------------------------------------------------------------------ what is sent


@pytest.mark.parametrize("near", ["none", "distance", "oracle"])
def test_a_neighbour_returns_the_nearest_of_what_it_has(near: str) -> None:
    given = {"replacement": False} if near == "distance" else {"classes_per_task": 4}
    running = begun(
        task=1,
        scenario=given,
        topology="star",
        queries=3,
        neighbours=4,
        filter=near,
        filter_neighbours=2,
        memory=1000,
        stored=9,
    )
    exchange(running)
    for member, others in [(0, [1, 2, 3]), (1, [0]), (3, [0])]:
        expected = [
            sample
            for other in others
            for query in range(3)
            for sample in expected_answer(running, member, other, query, near)
        ]
        index, _ = received(running, member)
        assert index == expected
        if near == "none":
            assert len(index) == len(others) * 3 * 4


def test_what_is_received_has_the_label_of_the_query_or_its_own() -> None:
    given: dict[str, Any] = {"topology": "ring", "queries": 4, "neighbours": 3, "memory": 1000}
    running = begun(**given)
    exchange(running)
    asked = running.worst().y
    for member in range(4):
        _, label = received(running, member)
        assert label == [int(y) for _ in range(2) for y in asked[member] for _ in range(3)]
    true = begun(labels="own", **given)
    exchange(true)
    for member in range(4):
        kept, label = received(true, member)
        own = set(true.task.classes[member].tolist())
        sent, _ = received(running, member)
        assert kept == [sample for sample in sent if int(class_of(true, [sample])[0]) in own]
        assert label == class_of(true, kept).tolist()


def test_labels_are_those_of_the_receivers_task() -> None:
    running = begun(scenario={"labels": "mapped"}, variant="heuristic", memory=1000)
    exchange(running)
    for member in range(4):
        index, label = received(running, member)
        table = running.session.streams.label_table[member, 0]
        assert label == table[torch.as_tensor(class_of(running, index))].tolist()
        assert set(label) <= {0, 1}


def test_the_buffer_is_bounded_and_empty_when_a_task_begins() -> None:
    running = begun(queries=5, neighbours=5, memory=8)
    exchange(running)
    assert running.received.filled.tolist() == [8] * 4
    running.session.task = running.session.streams.tasks[1]
    running.begin_task(running.task)
    assert running.received.filled.tolist() == [0] * 4
    exchange(running)
    assert running.received.filled.tolist() == [8] * 4


def test_bytes_are_those_of_images_there_and_back() -> None:
    running = begun(topology="star", queries=3, neighbours=4)
    exchange(running)
    out = np.array([3, 1, 1, 1]) * 3 * IMAGE
    back = np.array([3, 1, 1, 1]) * 3 * 4 * IMAGE
    assert running.session.measurements.cost["bytes_sent"] == (out + back).tolist()


@pytest.mark.parametrize("variant", ["queries", "heuristic"])
def test_who_takes_no_part_neither_asks_nor_answers(variant: str) -> None:
    running = begun(agents=3, variant=variant, queries=3, neighbours=4, memory=1000)
    running.session.set_active([0, 2])
    exchange(running)
    offered = [set(stock(running, member)[0].tolist()) for member in range(3)]
    assert received(running, 1) == ([], [])
    assert set(received(running, 0)[0]) <= offered[2]
    assert set(received(running, 2)[0]) <= offered[0]
    assert len(received(running, 0)[0]) > 0
    assert np.isnan(running.session.measurements.cost["bytes_sent"][1])


def test_of_finished_tasks_an_agent_offers_what_it_has_kept() -> None:
    running = begun(task=1, stored=6)
    _, tasks = stock(running, 0)
    under_way = running.task.size("train")[0]
    assert tasks.tolist() == [0] * 6 + [1] * under_way
    everything = begun(task=1, stored=None)
    sizes = [task.size("train")[0] for task in everything.session.streams.tasks]
    assert len(stock(everything, 0)[0]) == sum(sizes)
    assert DataSharing(stored=None).declares() == {"bound"}
    assert DataSharing().declares() == frozenset()


# ------------------------------------------------------------------ by need


@pytest.mark.parametrize(
    ("budget", "need", "expected"),
    [
        (7, [0.5, 0.3, 0.2], [4, 2, 1]),  # 3.5, 2.1, 1.4
        (20, [0.1, 0.1, 0.0], [10, 10, 0]),
        (5, [0.25, 0.25, 0.25], [2, 2, 1]),  # of equal remainders the lower classes
        (2, [0.2, 0.0, 0.9], [0, 0, 2]),  # 0.36, 1.64
        (20, [0.0, 0.0, 0.0], [0, 0, 0]),
    ],
)
def test_a_budget_is_spread_by_need_with_the_rest_to_the_largest_remainders(
    budget: int, need: list[float], expected: list[int]
) -> None:
    assert spread(budget, torch.tensor([need])).tolist() == [expected]


def test_samples_are_drawn_by_class_and_priority() -> None:
    classes = torch.tensor([[1, 0, 1, -1, 1, 0]])
    priority = torch.tensor([[0.9, 0.2, 0.1, 0.0, 0.5, 0.1]])
    drawn = draw_by_class(classes, torch.tensor([[1, 2]]), priority, 4)
    assert drawn.tolist() == [[2, 4, 5, 6]]
    all_of_them = draw_by_class(classes, torch.tensor([[9, 0]]), priority, 3)
    assert all_of_them.tolist() == [[1, 5, 6]]


def test_need_is_the_validation_error_of_each_class() -> None:
    running = begun()
    with torch.no_grad():
        need = running.need()
        for member in range(4):
            batch = next(running.task.batches("validation", 256))
            chosen = running.masked(running.net(batch.x), batch.tasks).argmax(2)[member]
            for number in range(10):
                rows_of = batch.weights[member] & (batch.y[member] == number)
                if not rows_of.any():
                    assert need[member, number] == -1
                    continue
                wrong = (chosen != number)[rows_of].float().mean()
                assert need[member, number] == pytest.approx(float(wrong), abs=1e-6)


def test_neighbours_send_samples_of_the_needed_classes_that_they_have() -> None:
    running = begun(variant="heuristic", budget=9, memory=1000, scenario={"classes_per_task": 6})
    with torch.no_grad():
        need = running.need()
    exchange(running)
    for member in range(4):
        expected = np.zeros(10, dtype=int)
        for other in range(4):
            has = np.bincount(class_of(running, stock(running, other)[0].tolist()), minlength=10)
            wanted = np.where(has > 0, need[member].numpy().clip(min=0), 0)
            if other != member:
                expected += np.minimum(spread(9, torch.tensor(wanted)).numpy(), has)
        index, label = received(running, member)
        assert np.bincount(class_of(running, index), minlength=10).tolist() == expected.tolist()
        assert label == class_of(running, index).tolist()
        assert len(index) > 9
    counted = [6 * 4 * 3 for _ in range(4)]
    answered = sum(len(received(running, member)[0]) for member in range(4)) * IMAGE
    assert sum(running.session.measurements.cost["bytes_sent"]) == sum(counted) + answered


# ------------------------------------------------------------------ training


def test_batches_are_joined_from_the_exchange_on() -> None:
    seen: list[tuple[int, int]] = []

    class Spy(Strategy):
        """Notes the size of each batch that is learnt from."""

        name = "spy"

        def task_loss(self, batch: Batch) -> torch.Tensor:
            seen.append((self.task.index, batch.size))
            return super().task_loss(batch)

    sharing = DataSharing(after=2, received_batch=5)
    protocol = {"epochs": 3, "batch_size": 64, "scenario": {"tasks": 2, "shared_tasks": 1}}
    record = agents_on_digits([sharing, Spy], **protocol, **HELD_OUT).run(0)
    # One step an epoch; none is joined in the task that all agents share.
    assert [task for task, _ in seen] == [0, 0, 0, 1, 1, 1]
    alone = seen[0][1]
    assert [size for _, size in seen] == [alone] * 5 + [alone + 5]
    assert record.cost["bytes_sent"].min() > 0


def test_a_received_sample_comes_as_often_as_one_of_the_tasks_own() -> None:
    running = begun(memory=8)
    exchange(running)
    own = running.task.size("train")
    assert own == [40] * 4
    joined = running.drawn(next(running.task.batches("train", 17)))
    assert joined.weights.sum(1).tolist() == [3] * 4  # 17 x 8 / 40
    held = [set(received(running, member)[0]) for member in range(4)]
    for member in range(4):
        assert set(joined.index[member][joined.weights[member]].tolist()) <= held[member]
    running.received.seen[1] = 0
    assert running.drawn(next(running.task.batches("train", 17))).weights.sum(1)[1] == 0


def test_a_joined_step_can_be_captured_in_a_device_graph() -> None:
    running, loop = agents_on_digits(DataSharing(after=1), **HELD_OUT).start(0)
    first, second = running.session.streams.tasks[:2]
    loop.task(first)
    begin_task(running, second)
    phase = running.phases(second)[0]
    begin_phase(running, phase)
    running.end_epoch(phase, 0)
    assert running.joins
    samples = a_step(running, loop, phase)
    loop.training.training_step(samples)
    with uncapturable() as found:
        loop.training.training_step(samples)
    assert not found


def test_who_received_nothing_learns_as_if_nobody_shared() -> None:
    given = {"epochs": 4, **HELD_OUT}
    alone = agents_on_digits(Naive, **given).run(0)
    lonely = agents_on_digits(DataSharing(topology="self_loop", after=2), **given).run(0)
    np.testing.assert_allclose(lonely.accuracy, alone.accuracy, atol=0.011)
    shared = agents_on_digits([Naive, DataSharing(after=2, labels="own")], **given).run(0)
    assert first_difference(rows(alone, 0), rows(shared, 0)) is not None


def test_without_validation_data_there_is_nothing_to_ask_for() -> None:
    with pytest.raises(UserError, match=r"data_sharing: .* write validation: 0\.2"):
        agents_on_digits(DataSharing).start(0)
