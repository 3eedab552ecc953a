"""Continual back-propagation: when units are replaced, how many, and how."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from clbench_plugins.cbp import CBP
from clbench_plugins.cbp.schedule import NEVER, Schedule

from ..engine.test_graphs import rehearsed
from .cbp_kit import started, take_step

# ------------------------------------------------------------------------------- when, and how many


def schedule(units: int, rate: float, maturity: int = 100, **options: Any) -> Schedule:
    return Schedule([(0, 0)], [units], rate=rate, maturity=maturity, **options)


def replacements(made: Schedule, steps: int) -> dict[int, int]:
    """How many units of the first layer are replaced, by step."""
    found = {}
    for step in range(1, steps + 1):
        now = np.array([step])
        if made.due(now).any():
            found[step] = int(made.settle(now)[0, 0])
    return found


@pytest.mark.parametrize(("rate", "every"), [(1e-4, 5), (1e-6, 500)])
def test_of_2000_eligible_units_one_is_replaced_every_so_many_steps(rate, every) -> None:
    found = replacements(schedule(2000, rate, maturity=0), 4 * every)
    assert found == {k * every: 1 for k in range(1, 5)}


def test_the_first_replacement_waits_for_the_maturity_and_the_next_for_fewer_eligible_units() -> (
    None
):
    found = replacements(schedule(2000, 1e-4, maturity=100), 112)
    assert found == {105: 1, 111: 1}, "1999 units make less than a unit in five steps"


def test_no_unit_is_replaced_before_it_is_older_than_the_maturity() -> None:
    assert replacements(schedule(4, 1.0, maturity=10), 33) == {11: 4, 22: 4, 33: 4}


def by_counting(
    units: int, rate: str, maturity: int, steps: int, count_all=False
) -> dict[int, int]:
    """The rule of the fractional counter, step by step, with exact fractions."""
    ages, counter, found = [0] * units, Fraction(0), {}
    for step in range(1, steps + 1):
        ages = [age + 1 for age in ages]
        eligible = sum(age > maturity for age in ages)
        if not eligible:
            continue
        counter += Fraction(rate) * (units if count_all else eligible)
        number = min(int(counter), eligible)
        counter -= int(counter)
        ages = sorted(ages)
        if number:
            found[step] = number
            ages[len(ages) - number :] = [0] * number
    return found


@pytest.mark.parametrize("count_all", [False, True])
@pytest.mark.parametrize(
    ("units", "rate", "maturity"),
    [
        (7, "0.01", 5),
        (100, "0.29", 3),
        (13, "0.9", 0),
        (5, "1", 2),
        (64, "0.0003", 40),
        (9, "0.07", 20),
    ],
)
def test_the_next_replacement_is_found_as_by_counting_step_by_step(
    units, rate, maturity, count_all
) -> None:
    made = schedule(units, float(rate), maturity, count_all=count_all)
    steps = 2000
    found = {step: count for step, count in replacements(made, steps).items() if count}
    assert found == by_counting(units, rate, maturity, steps, count_all)


def test_without_accumulation_a_share_of_a_unit_is_a_probability() -> None:
    counts: Counter[int] = Counter()
    steps, seeds = 400, 200
    made = Schedule(
        [(seed, 0) for seed in range(seeds)], [10], rate=0.005, maturity=20, accumulate=False
    )
    for step in range(1, steps + 1):
        now = np.full(seeds, step)
        if made.due(now).any():
            counts.update(made.settle(now)[:, 0].tolist())
    assert set(counts) == {0, 1}, "one at a time"
    # The rule by simulation with torch-free random numbers of its own.
    rng, wanted = np.random.default_rng(0), 0
    for _ in range(seeds):
        born = np.zeros(10)
        for step in range(1, steps + 1):
            eligible = (step - born > 20).sum()
            if rng.random() < 0.005 * eligible:
                born[np.argmax(step - born)] = step
                wanted += 1
    assert counts[1] == pytest.approx(wanted, rel=0.06)


def test_without_accumulation_more_than_a_unit_is_cut_to_whole_ones() -> None:
    found = replacements(schedule(10, 0.25, maturity=3, accumulate=False), 4)
    assert found == {4: 2}


def test_at_a_rate_of_zero_nothing_is_ever_replaced() -> None:
    assert int(schedule(10, 0.0).arrays["following"][0, 0]) == NEVER


# ------------------------------------------------------------------------------- one replacement


def first_replacement(options: dict[str, Any], **protocol: Any) -> tuple[Any, Any, Any, int]:
    """A strategy just before the step in which units are first replaced, and that step's number."""
    strategy, loop = started(CBP(**options), 0, 1, **protocol)
    step = 0
    while not strategy.eager_step():
        take_step(strategy, loop, step)
        step += 1
    return strategy, loop, step


def test_the_mean_input_of_the_next_layer_is_kept_and_new_units_have_no_effect() -> None:
    # By `adaptation`: the units of least contribution are often dead, and leave no mean to be kept.
    options = {"replacement_rate": 0.01, "maturity": 9, "decay": 0.0, "utility": "adaptation"}
    strategy, loop, step = first_replacement(options)
    replace, kept, biases = strategy._replace, [], []

    def watched(now: Any) -> None:
        net = strategy.net
        hidden = net.hidden["hidden1"].detach()
        after = "linear2"
        for when in (0, 1):
            weight, bias = (net.named_parameters()[f"{after}.{k}"] for k in ("weight", "bias"))
            kept.append((hidden @ weight.transpose(1, 2) + bias[:, None]).mean(1).detach())
            biases.append(bias.detach().clone())
            if when == 0:
                replace(now)

    strategy._replace = watched
    take_step(strategy, loop, step)
    chosen = strategy.born == step + 1
    assert chosen[:, :12].any(1).all(), "a unit of each member's first layer was replaced"
    torch.testing.assert_close(kept[1], kept[0], rtol=0, atol=1e-6)
    assert ((biases[1] - biases[0]).abs().amax(1) > 1e-3).all(), "the bias took over a mean"
    out = strategy.net.named_parameters()["linear2.weight"]
    assert torch.equal((out == 0).all(1), chosen[:, :12])


@pytest.mark.parametrize("correction", ["none", "zeroed"])
def test_the_published_code_adds_nothing_to_the_next_bias(correction) -> None:
    def biases(kind: str) -> Any:
        options = {"replacement_rate": 0.01, "maturity": 9, "utility": "adaptation"}
        strategy, loop, step = first_replacement({**options, "bias_correction": kind})
        take_step(strategy, loop, step)
        return strategy.net.named_parameters()["linear2.bias"].detach()

    assert not torch.equal(biases(correction), biases("mean"))
    assert torch.equal(biases(correction), biases("none"))


def test_moments_and_counts_of_steps_of_single_entries_are_zero() -> None:
    options = {"replacement_rate": 0.01, "maturity": 9}
    strategy, loop, step = first_replacement(options, optimizer={"adam": {"lr": 0.01}})
    take_step(strategy, loop, step)
    chosen = (strategy.born == step + 1)[:, :12]
    slots = {id(slot.param): slot for slot in strategy.optimizer.slots.values()}
    named = strategy.net.named_parameters()
    masks = {
        "linear1.weight": chosen[:, :, None].expand_as(named["linear1.weight"]),
        "linear1.bias": chosen,
        "linear2.weight": chosen[:, None].expand_as(named["linear2.weight"]),
    }
    for name, mask in masks.items():
        slot = slots[id(named[name])]
        for moment in slot.moments:
            assert (moment[mask] == 0).all()
        youngest = torch.stack([age.expand(*mask.shape, 2) for age in slot.ages]).amax(0)
        assert (youngest[mask] == 1).all(), "beta^0"
        assert name == "linear2.weight" or (youngest[~mask] < 1).all()
    assert (named["linear1.bias"][chosen] == 0).all()
    assert strategy.worth[strategy.born == step + 1].eq(0).all()
    assert strategy.mean[strategy.born == step + 1].eq(0).all()


def test_momentum_of_the_weights_in_stays_as_in_the_published_convolutional_code() -> None:
    options = {"replacement_rate": 0.01, "maturity": 9, "utility": "adaptation"}
    strategy, loop, step = first_replacement(
        {**options, "keep_first_moment": True}, optimizer={"adam": {"lr": 0.01}}
    )
    take_step(strategy, loop, step)
    chosen = (strategy.born == step + 1)[:, :12]
    weight = strategy.net.named_parameters()["linear1.weight"]
    (slot,) = [slot for slot in strategy.optimizer.slots.values() if slot.param is weight]
    assert (slot.moments[0][chosen] != 0).any(1).all()
    assert (slot.moments[1][chosen] == 0).all()


def test_a_new_unit_is_left_alone_while_it_is_young() -> None:
    strategy, loop = started(CBP(replacement_rate=0.05, maturity=12), 0, 1)
    born = strategy.born.clone()
    lives = []
    for step in range(60):
        take_step(strategy, loop, step)
        moved = strategy.born != born
        lives += (strategy.born - born)[moved].tolist()
        born = strategy.born.clone()
    assert len(lives) > 40
    assert min(lives) == 13


def test_what_was_replaced_is_in_the_record(on_digits) -> None:
    bench = on_digits(CBP(replacement_rate=0.01, maturity=5))
    record = bench.run(3, 4)
    totals = record.cost["replaced_units"]
    assert (totals > 0).all()
    curve = record.curves["replaced_units"]
    assert np.array_equal(np.asarray(curve)[:, -1].reshape(2, -1).sum(1), totals.reshape(2))


def test_steps_between_replacements_are_replayed_and_numbers_stay(on_digits) -> None:
    adam = {"adam": {"lr": 0.01}}
    bench = on_digits(CBP(replacement_rate=0.004, maturity=5), epochs=3, optimizer=adam)
    plain, loop = bench.start(0, 1)
    played, loop_played = bench.start(0, 1)
    steps = rehearsed(loop_played)
    for run in (loop, loop_played):
        run.task(run.streams.tasks[0])
    assert steps.why is None, "what a step does between replacements can be captured"
    assert steps.replayed > 5
    assert (plain.schedule.arrays["replaced"] > 0).any()
    for one, other in zip(plain.net.parameters(), played.net.parameters(), strict=True):
        assert torch.equal(one, other)
