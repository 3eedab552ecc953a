"""A bank of heads: which one is trained, which one a test set goes to, and what is kept of it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench import Task
from clbench.errors import SuiteError, UserError
from clbench.execution import open_suite
from clbench.metrics import RunView, Undefined
from clbench.records import CellRecord
from clbench.report.marks import marked_label
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, first_difference, rows
from clbench_plugins.accuracy_metrics import HeadChoiceAccuracy, OnlineAccuracy
from clbench_plugins.er import ER
from clbench_plugins.multihead_swap.choice import SCORES, decide, right_answers, votes
from clbench_plugins.multihead_swap.strategy import MultiheadSwap, running_mean
from clbench_plugins.naive import Naive
from clbench_plugins.softhebb import SoftHebb

RULES = ("vote", "sum_max", "sum_abs_max", "max_softmax", "entropy")
ADAM = {"adam": {"lr": 0.01}}


def scores_of(rule: str, logits: Tensor, outputs: Tensor, exists: Tensor, y: Tensor) -> Tensor:
    if rule == "oracle":
        return right_answers(logits, outputs, y)
    if rule == "vote":
        return votes(logits, outputs, exists)
    return SCORES[rule](logits, outputs)


# ------------------------------------------------------------------ by brute force


def score_by_hand(rule: str, heads: list[list[float]], head: int, label: int) -> float:
    """What one image adds to one head's score; `heads` are the logits of those that there are."""
    z = heads[head]
    if rule == "vote":
        tops = [max(other) for other in heads]
        return float(tops.index(max(tops)) == head)
    if rule == "sum_max":
        return max(z)
    if rule == "sum_abs_max":
        return max(abs(value) for value in z)
    if rule == "oracle":
        return float(z.index(max(z)) == label)
    total = sum(math.exp(value) for value in z)
    p = [math.exp(value) / total for value in z]
    if rule == "max_softmax":
        return max(p)
    return sum(share * math.log(share) for share in p)


def chosen_by_hand(rule: str, logits: Any, label: Any, valid: Any, together: int) -> list[int]:
    """Of one member: `logits [H][N][C]` of the heads that it has; an answer for each image that
    counts.
    """
    chosen: list[int] = []
    count = int(valid.sum())
    for start in range(0, count, together):
        group = range(start, min(start + together, count))
        totals = []
        for head in range(len(logits)):
            added = 0.0
            for image in group:
                heads = [other[image] for other in logits]
                added += score_by_hand(rule, heads, head, int(label[image]))
            totals.append(added)
        chosen += [totals.index(max(totals))] * len(group)
    return chosen


@pytest.mark.parametrize("together", [None, 4, 1])
@pytest.mark.parametrize("rule", [*RULES, "oracle"])
def test_heads_are_chosen_as_by_brute_force(rule: str, together: int | None) -> None:
    draw = torch.Generator().manual_seed(3)
    members, heads, images, classes = 3, 4, 11, 3
    logits = torch.randn(members, heads, images, classes, generator=draw)
    y = torch.randint(classes, (members, images), generator=draw)
    has = [4, 1, 3]  # heads
    exists = torch.arange(heads) < torch.tensor(has)[:, None]
    valid = torch.arange(images) < torch.tensor([11, 9, 6])[:, None]
    outputs = torch.ones(members, heads, 1, classes, dtype=torch.bool)
    found = decide(scores_of(rule, logits, outputs, exists, y), valid, exists, together)
    for member in range(members):
        mine = logits[member, : has[member]].tolist()
        by_hand = chosen_by_hand(rule, mine, y[member], valid[member], together or images)
        assert found[member][valid[member]].tolist() == by_hand


@pytest.mark.parametrize("rule", [*RULES, "oracle"])
def test_outputs_that_a_head_was_not_trained_on_do_not_count(rule: str) -> None:
    draw = torch.Generator().manual_seed(5)
    logits = torch.randn(1, 2, 6, 4, generator=draw)
    outputs = torch.tensor([[True, True, False, False], [False, True, True, True]])
    outputs = outputs[None, :, None]
    y = torch.ones(1, 6, dtype=torch.int64)
    exists = torch.ones(1, 2, dtype=torch.bool)
    found = scores_of(rule, logits, outputs, exists, y)
    loud = logits.masked_fill(~outputs, -50.0)
    assert torch.equal(scores_of(rule, loud, outputs, exists, y), found)
    cut = [logits[0, 0, :, :2].tolist(), logits[0, 1, :, 1:].tolist()]
    for image, head in itertools.product(range(6), range(2)):
        label = 1 - head  # where the label stands among the head's own outputs
        by_hand = score_by_hand(rule, [cut[0][image], cut[1][image]], head, label)
        assert float(found[0, head, image]) == pytest.approx(by_hand, rel=1e-5)


# ------------------------------------------------------------------ what has to hold


def set_apart(rule: str, heads: Tensor, features: Tensor, y: Tensor) -> list[int]:
    """The heads `[H, C, F]` of one member that the images `[N, F]` go to."""
    logits = torch.einsum("hcf,nf->hnc", heads, features)[None]
    exists = torch.ones(1, len(heads), dtype=torch.bool)
    outputs = torch.ones(1, len(heads), 1, heads.shape[1], dtype=torch.bool)
    valid = torch.ones(1, len(features), dtype=torch.bool)
    found = decide(scores_of(rule, logits, outputs, exists, y[None]), valid, exists, None)
    return sorted(set(found[0].tolist()))


@pytest.mark.parametrize("rule", [*RULES, "oracle"])
def test_one_head_many_times_larger_wins_but_where_labels_are_read(rule: str) -> None:
    draw = torch.Generator().manual_seed(1)
    features = torch.randn(20, 8, generator=draw)
    heads = torch.randn(3, 4, 8, generator=draw)
    y = (features @ heads[0].T).argmax(1)  # the first head is always right
    assert set_apart(rule, heads[:1], features, y) == [0]
    heads[2] *= 10.0
    assert set_apart(rule, heads, features, y) == ([0] if rule == "oracle" else [2])
    same = heads[1].expand(3, -1, -1)
    assert set_apart(rule, same, features, y) == [0]


def test_the_running_threshold_by_hand() -> None:
    theta = torch.tensor([0.87, 0.87], dtype=torch.float64)
    for number, accuracies, wanted in [
        (1, [0.855, 0.89], [0.8625, 0.88]),
        (2, [0.69, 0.91], [0.805, 0.89]),
        (3, [0.945, 0.85], [0.84, 0.88]),
    ]:
        accuracy = torch.tensor(accuracies, dtype=torch.float64)
        theta = running_mean(theta, torch.tensor([number, number]), accuracy)
        torch.testing.assert_close(theta, torch.tensor(wanted, dtype=torch.float64))


# ------------------------------------------------------------------ in training


def trained(bench: Any, *seeds: int, tasks: int = 5) -> tuple[Any, Any]:
    """The swap after so many tasks, and its loop."""
    running, loop = bench.start(*seeds)
    for task in running.session.streams.tasks[:tasks]:
        loop.task(task)
    return running.part("multihead_swap"), loop


class Noted(MultiheadSwap):
    """Keeps the head that each task begins with, and the optimiser's largest moments of it."""

    name = "multihead_swap"

    def setup(self) -> None:
        super().setup()
        self.begun: list[Tensor] = []
        self.moments: list[Tensor] = []

    def begin_task(self, task: Task) -> None:
        super().begin_task(task)
        weight = self.net.named_parameters()["head.weight"]
        held = zip(self.optimizer.params, self.optimizer.slots.values(), strict=True)
        moments = next(slot.moments for param, slot in held if param is weight)
        self.begun.append(weight.detach().clone())
        self.moments += [moment.clone() for moment in moments[:1]]


def test_each_task_trains_a_fresh_head_without_moments(on_digits: Any) -> None:
    bench = on_digits([Naive, Noted()], tasks=3, setting="domain", optimizer=ADAM)
    swap, _ = trained(bench, 0, 1, tasks=3)
    assert swap.bank.count.tolist() == [3, 3]
    assert swap.head_of_task.tolist() == [[0, 1, 2]] * 2
    for one, other in itertools.combinations(range(3), 2):
        kept = swap.bank.params["weight"]
        assert not torch.equal(kept[:, one], kept[:, other])
        assert (swap.begun[one] != swap.begun[other]).all()
    assert all(0.9 < begun.abs().max() * 32**0.5 <= 1 for begun in swap.begun)
    assert len(swap.moments) == 3
    assert not any(moments.any() for moments in swap.moments)
    live = swap.net.named_parameters()["head.weight"]
    assert torch.equal(swap.bank.params["weight"][:, 2], live)


def test_a_fresh_head_of_a_hebbian_classifier_begins_as_the_first(on_digits: Any) -> None:
    softhebb = SoftHebb(classifier="hebbian", classifier_radius=5.0)
    model = {"softhebb_mnist": {"width": 50}}
    bench = on_digits([softhebb, Noted()], tasks=2, setting="domain", model=model)
    swap, _ = trained(bench, 0, tasks=2)
    for begun in swap.begun:
        assert (begun > 0).all()
        norms = begun.norm(dim=2)
        assert ((norms > 4.0) & (norms < 6.0)).all()
    assert not torch.equal(*swap.begun)


@pytest.mark.parametrize(
    ("threshold", "measured_on", "heads"),
    [(0.0, "train", 1), (1.0, "train", 3), (0.0, "validation", 1), (0.0, "test_oracle", 1)],
)
def test_a_head_above_the_threshold_is_trained_on(
    on_digits: Any, threshold: float, measured_on: Any, heads: int
) -> None:
    swap = Noted(heads="reuse", threshold=threshold, measured_on=measured_on)
    held_out = 0.2 if measured_on == "validation" else 0.0
    bench = on_digits([Naive, swap], tasks=3, setting="domain", validation=held_out, optimizer=ADAM)
    found, loop = trained(bench, 0, 1, tasks=3)
    assert found.bank.count.tolist() == [heads, heads]
    assert found.bank.width == heads
    if heads == 1:  # the only one there is, and it goes on from where it was
        assert not found.head_of_task.any()
        assert not torch.equal(found.begun[1], found.begun[2])
    assert loop.measurements.curves["trained_head"].lengths.tolist() == [3, 3]


def test_the_best_head_is_found_on_the_tasks_own_data(on_digits: Any) -> None:
    """Against an evaluation of the network with each head in turn."""
    bench = on_digits([Naive, MultiheadSwap()], tasks=5, setting="domain")
    swap, _ = trained(bench, 0, 1, tasks=3)
    task = swap.session.streams.tasks[3]
    found = swap._accuracies(task)
    for number in range(3):

        def predict(x: Tensor, _: Any, number: int = number) -> Tensor:
            kept = {f"head.{name}": p[:, number] for name, p in swap.bank.params.items()}
            return swap.net.call({**swap.net.named_parameters(), **kept}, x)

        torch.testing.assert_close(found[:, number], swap.accuracy(task, "train", predict))


def test_the_running_threshold_follows_the_accuracy_of_trained_heads(on_digits: Any) -> None:
    swap = MultiheadSwap(heads="reuse_running", threshold=0.87)
    bench = on_digits([Naive, swap], tasks=3, setting="domain", epochs=3)
    running, loop = bench.start(0, 1)
    part = running.part("multihead_swap")
    theta = np.full(2, 0.87)
    for task in running.session.streams.tasks:
        stored = part.bank.count.numpy().copy()
        loop.task(task)

        def predict(x: Tensor, _: Any) -> Tensor:
            return part.net(x)

        if task.index:
            own = part.accuracy(task, "train", predict).numpy()
            theta = (theta * stored + own) / (stored + 1)
        np.testing.assert_allclose(part.theta.numpy(), theta)
    assert (theta > 0.87).all()


# ------------------------------------------------------------------ in tests


def test_identical_heads_leave_the_choice_to_the_first(on_digits: Any) -> None:
    bench = on_digits([Naive, MultiheadSwap()], tasks=2, setting="domain")
    for rule in RULES:
        swap, _ = trained(bench, 0, tasks=2)
        vars(swap)["score"] = rule
        with torch.no_grad():
            for name, value in swap.net.part("head").named_parameters().items():
                value.copy_(swap.bank.params[name][:, 0])
        swap.accuracy(swap.session.streams.tasks[0], "train")
        assert not swap.choices.any()


@pytest.mark.parametrize("normalise", [False, True])
def test_a_larger_head_takes_every_image_unless_heads_are_scaled(
    on_digits: Any, normalise: bool
) -> None:
    # A single image's logits may all be negative, and then a larger head is further away.
    granularity = "sample" if normalise else "dataset"
    swap = MultiheadSwap(granularity=granularity, normalise=normalise)  # type: ignore[arg-type]
    bench = on_digits([Naive, swap], tasks=3, setting="domain", epochs=3)
    part, _ = trained(bench, 0, 1, tasks=3)
    task = part.session.streams.tasks[0]
    part.accuracy(task, "train")
    before = part.choices
    for value in part.bank.params.values():
        value[:, 1] *= 10.0
    part.accuracy(task, "train")
    if normalise:
        assert torch.equal(part.choices, before)
        assert (before != 1).any()
    else:
        assert (part.choices == 1).all()


@pytest.mark.parametrize("score", ["vote", "entropy"])
def test_a_batch_as_large_as_the_test_set_is_the_test_set(
    on_digits: Any, monkeypatch: pytest.MonkeyPatch, score: Any
) -> None:
    monkeypatch.setattr("clbench.engine.streams.Streams.chunk", lambda self, split: 16)
    by_set = {"granularity": "dataset", "score": score}
    by_batch = {"granularity": "batch", "batch": 1000, "score": score}
    runs = []
    for options in (by_set, by_batch):
        swap = MultiheadSwap(**options)  # type: ignore[arg-type]
        runs.append(on_digits([Naive, swap], tasks=3, setting="domain").run(0, 1))
    assert first_difference(rows(runs[0], 1), rows(runs[1], 1)) is None


@pytest.mark.parametrize("granularity", ["dataset", "batch", "sample"])
def test_predictions_and_notes_are_those_of_the_heads_chosen(
    on_digits: Any, monkeypatch: pytest.MonkeyPatch, granularity: Any
) -> None:
    """A network with each head in turn, votes counted by hand, in groups that cross batches."""
    monkeypatch.setattr("clbench.engine.streams.Streams.chunk", lambda self, split: 32)
    swap = MultiheadSwap(granularity=granularity, batch=50)
    bench = on_digits([Naive, swap], tasks=3, setting="domain", epochs=2)
    part, loop = trained(bench, 0, 1, tasks=3)
    measurements, streams = loop.measurements, part.session.streams
    weights = part.net.named_parameters()
    for column, task in enumerate(streams.tasks):
        seen = list(streams.batches(task, "test", 32))
        x = torch.cat([batch.x for batch in seen], dim=1)
        y = torch.cat([batch.y for batch in seen], dim=1)
        valid = torch.cat([batch.valid for batch in seen], dim=1)
        logits = []
        for number in range(3):
            kept = {f"head.{name}": p[:, number] for name, p in part.bank.params.items()}
            with part.net.evaluation():
                logits.append(part.net.call({**weights, **kept}, x).detach())
        for member in range(2):
            counted = int(valid[member].sum())
            mine = [z[member, :counted] for z in logits]
            together = {"dataset": counted, "batch": 50, "sample": 1}[granularity]
            of_rows = [z.tolist() for z in mine]
            chosen = chosen_by_hand("vote", of_rows, y[member], valid[member], together)
            answers = torch.stack([mine[head][i] for i, head in enumerate(chosen)]).argmax(1)
            right = (answers == y[member, :counted]).double().mean()
            assert measurements.accuracy[member, 3, column] == pytest.approx(float(right))
            share = np.mean([head == column for head in chosen])
            noted = measurements.accuracies.at_of(measurements.notes["right_head"], 3, column)[
                member
            ]
            assert noted == pytest.approx(share)


def run_view(record: CellRecord, member: int = 0) -> RunView:
    return RunView(record, member)


def test_head_choice_accuracy_is_the_mean_over_tasks_so_far(on_digits: Any) -> None:
    bench = on_digits([Naive, MultiheadSwap()], tasks=3, setting="domain", metrics=[OnlineAccuracy])
    record = bench.run(0, 1)
    note = record.notes["right_head"]
    assert np.isnan(note[:, 0]).all()  # no head has been trained
    found = HeadChoiceAccuracy().value(run_view(record, 1))
    np.testing.assert_allclose(found, [note[1, i, :i].mean() for i in (1, 2, 3)])
    assert found[0] == 1.0  # of one head, always the right one
    plain = on_digits(Naive, tasks=2, setting="domain").run(0)
    missing = HeadChoiceAccuracy().value(run_view(plain))
    assert isinstance(missing, Undefined)
    assert "naive chooses among no heads" in str(missing)


def test_an_oracle_is_never_worse_and_says_that_it_is_one(on_digits: Any) -> None:
    runs = {}
    for score in ("vote", "oracle"):
        swap = MultiheadSwap(score=score)  # type: ignore[arg-type]
        # In training nobody has labels for it: it predicts with the head at hand.
        bench = on_digits([Naive, swap], tasks=3, setting="domain", metrics=[OnlineAccuracy])
        runs[score] = bench.run(0)
    assert (runs["oracle"].accuracy >= runs["vote"].accuracy).all()
    assert (runs["oracle"].curves["online_accuracy"] > 0.5).all()
    assert marked_label(runs["oracle"]).endswith("(oracle)")
    assert runs["vote"].declared == ()


def test_reading_test_data_to_choose_a_head_is_declared(on_digits: Any) -> None:
    swap = MultiheadSwap(heads="reuse", measured_on="test_oracle")
    record = on_digits([Naive, swap], tasks=2, setting="domain").run(0)
    assert record.declared == ("reads_test",)


# ------------------------------------------------------------------ unequal banks


def test_members_with_unequal_banks_are_as_alone_and_counted_for_themselves(on_digits: Any) -> None:
    swap = MultiheadSwap(heads="reuse", threshold=0.6, granularity="sample", score="max_softmax")
    bench = on_digits([Naive, swap], tasks=4, setting="domain")
    together = bench.run(0, 1, 2, 3)
    counts = [len(set(slots)) for slots in together.curves["trained_head"].tolist()]
    assert len(set(counts)) > 1  # else choose another threshold
    head = 32 * 2 + 2
    network = 64 * 32 + 32 + head
    assert together.cost["parameters"].tolist() == [network + (n - 1) * head for n in counts]
    # Beside heads: which outputs each was trained on, how many there are, the one at hand, how many
    # there were when the task began, theta, and the head of each task.
    beside = 8 + 8 + 8 + 8 + 8 * 4
    sizes = [4 * (n - 1) * head + 2 * n + beside for n in counts]
    assert together.cost["state_bytes"].tolist() == sizes
    fewest = int(np.argmin(counts))
    assert first_difference(rows(together, fewest), rows(bench.run(fewest), fewest)) is None


# ------------------------------------------------------------------ what makes no sense


def suite(scenario: dict[str, Any], options: dict[str, Any], **protocol: Any) -> dict[str, Any]:
    return {
        "name": "swaps",
        "scenarios": [{"split": {"dataset": "digits", "tasks": 5, **scenario}}],
        "protocol": protocol,
        "strategies": [{"naive+multihead_swap": {"multihead_swap": options}}],
        "seeds": 1,
    }


@pytest.mark.parametrize(
    ("scenario", "options", "protocol", "told"),
    [
        ({"setting": "task"}, {}, {}, "in the task setting each task has its outputs and is told"),
        ({"setting": "task"}, {}, {"head": "multi"}, "use setting: domain, or class"),
        ({}, {}, {"head_reset": "init"}, "`head_reset` would have no effect"),
        ({}, {"heads": "reuse", "measured_on": "validation"}, {}, "needs validation data"),
    ],
)
def test_what_makes_no_sense_is_said_when_a_suite_is_validated(
    scenario: Any, options: Any, protocol: Any, told: str
) -> None:
    with pytest.raises(SuiteError, match=rf"in 'split': multihead_swap: .*{told}"):
        open_suite(suite(scenario, options, **protocol))


def test_it_comes_last_in_a_composition(on_digits: Any) -> None:
    with pytest.raises(UserError, match=r"multihead_swap replaces predict.*must come last: er\+"):
        on_digits([MultiheadSwap(), ER()], setting="domain").start(0)


class Headless(nn.Module):
    """A head that has no weights of its own."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(inputs, classes)
        self.head = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.linear(self.flatten(x)))
        return found


def test_a_model_without_weights_in_its_head_is_refused(digits_host: Any) -> None:
    bench = Bench(
        MultiheadSwap,
        digits_host,
        Choice("split", {"dataset": "digits", "tasks": 5, "setting": "domain"}),
        {"model": "headless"},
        own={("model", "headless"): lambda shape, classes: Headless(math.prod(shape), classes)},
    )
    with pytest.raises(UserError, match=r"multihead_swap: .* Headless has no weights"):
        bench.start(0)
