"""Which head answers in tests, unequal banks, and what makes no sense."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from clbench.errors import SuiteError, UserError
from clbench.execution import open_suite
from clbench.metrics import RunView, Undefined
from clbench.records import CellRecord
from clbench.report.marks import marked_label
from clbench.suite.choice import Choice
from clbench.testing.bench import Bench, first_difference, rows
from clbench_plugins.accuracy_metrics import HeadChoiceAccuracy, OnlineAccuracy
from clbench_plugins.er import ER
from clbench_plugins.multihead_swap.strategy import MultiheadSwap
from clbench_plugins.naive import Naive

from .head_choice import RULES, chosen_by_hand, trained

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
