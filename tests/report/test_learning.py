"""A scenario in which nobody left chance is said to have learnt nothing, and no other is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.records import CellRecord
from clbench.report.learning import NothingLearnt, at_chance, nothing_learnt, sentence
from tests.cli.test_commands import PLUGIN

CHANCE = {"task": 0.5, "all": 0.1}  # of five tasks of two classes
RAW = {
    "normalise": "none",
    "optimizer": {"sgd": {"lr": 0.1}},
    "epochs": 10,
    "steps": None,
}


def noise(size: int, seed: int, spread: float = 0.01) -> Any:
    return np.random.default_rng(seed).normal(0, spread, size)


def cell(made, label: str, learnt: Any, final: Any, **changes: Any) -> CellRecord:
    """Runs with these mean accuracies just after each of five tasks, and on all of them at the
    end.
    """
    learnt, final = np.asarray(learnt, float), np.asarray(final, float)
    accuracy = np.full((len(final), 6, 5), np.nan)
    accuracy[:, np.arange(1, 6), np.arange(5)] = learnt[:, None]
    if np.isnan(learnt).all():
        accuracy[:, 5] = final[:, None]
    else:
        accuracy[:, 5, :4] = ((5 * final - learnt) / 4)[:, None]
    known: dict[str, Any] = {"accuracy": np.clip(accuracy, 0, 1), "protocol": RAW, "chance": CHANCE}
    return made.cell(label, final, **(known | changes))


def untrained(made, **changes: Any) -> list[CellRecord]:
    """Nobody knows more than which classes the last task had; joint training not even that."""
    nothing = np.full(5, np.nan)
    return [
        cell(made, "naive", 0.49 + noise(5, 1), 0.1 + noise(5, 2, 0.001), **changes),
        cell(made, "joint", nothing, 0.098 + noise(5, 3, 0.004), **changes),
    ]


def test_a_scenario_in_which_nobody_left_chance_has_learnt_nothing(made) -> None:
    results = made.results(*untrained(made))
    (found,) = nothing_learnt(results)
    assert (found.scenario, found.bounds) == ("split", ("joint",))
    assert found.chance == 0.1
    told = sentence(found)
    assert told == (
        "split: nothing was learnt here: no strategy, joint included, left chance (the best mean"
        f" accuracy at the end is {100 * found.best:.1f} %, without a look at the images 10.0 % can"
        " be had). Likely causes, in this order: pixels of 0 to 255 (`normalise: none`) at this "
        "rate"
        " (sgd, lr 0.1); the learning rate (sgd, lr 0.1); too few steps (10 epochs a task)."
    )
    assert told in made.compared(*untrained(made)).text


@pytest.mark.parametrize("bound", ["joint", "cumulative"])
def test_an_upper_bound_that_learnt_something_is_enough(made, bound: str) -> None:
    cells = untrained(made)[:1]
    cells.append(cell(made, bound, np.full(5, np.nan), 0.3 + noise(5, 4)))
    assert nothing_learnt(made.results(*cells)) == []


def test_what_was_learnt_and_forgotten_was_learnt(made) -> None:
    """At the end naive training is at chance on most tasks, but it knew each."""
    forgetful = cell(made, "naive", 0.95 + noise(5, 1), 0.19 + noise(5, 2, 0.001))
    assert nothing_learnt(made.results(forgetful)) == []


def test_one_run_that_learns_is_enough(made) -> None:
    lucky = 0.1 + noise(5, 2, 0.001)
    lucky[3] = 0.6
    cells = [*untrained(made), cell(made, "er", 0.5 + noise(5, 6), lucky)]
    assert nothing_learnt(made.results(*cells)) == []


def test_the_other_scenario_is_judged_by_itself(made) -> None:
    fine = cell(made, "naive", 0.95 + noise(5, 1), 0.19 + noise(5, 2), scenario="fine")
    (found,) = nothing_learnt(made.results(*untrained(made), fine))
    assert found.scenario == "split"


def test_nothing_is_said_where_chance_is_not_known_or_nobody_finished(made) -> None:
    assert nothing_learnt(made.results(*untrained(made, chance={}))) == []
    assert nothing_learnt(made.results(*untrained(made, chance={"task": 0.5}))) == []
    ended = np.array(["diverged"] * 5, dtype=object)
    assert nothing_learnt(made.results(*untrained(made, member_status=ended))) == []
    assert nothing_learnt(made.results()) == []


def test_nothing_is_said_of_a_smoke_run(made) -> None:
    assert nothing_learnt(made.results(*untrained(made), suite="demo-smoke")) == []


def test_diverged_runs_are_no_sign_of_learning(made) -> None:
    ended = np.array(["diverged"] * 5, dtype=object)
    lost = cell(made, "ewc", 0.9 + noise(5, 1), 0.5 + noise(5, 2), member_status=ended)
    assert len(nothing_learnt(made.results(*untrained(made), lost))) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, 0.1, 0.1], True),
        ([0.102, 0.101, 0.097, 0.1], True),
        ([0.14, 0.15, 0.14, 0.15], False),  # little, but surely
        ([0.1, 0.1, 0.3], False),  # one run did
        ([0.12], True),
        ([0.25], False),
        ([0.05, 0.06, 0.05], True),
    ],
)
def test_runs_are_at_chance_where_it_explains_them(values: list[float], expected: bool) -> None:
    assert at_chance(np.array(values), 0.1) is expected


def test_chance_is_in_the_record_and_survives_merging(made, tmp_path: Path) -> None:
    from clbench.records import merge_cells, read_record

    path = made.save(tmp_path / "r.h5", *untrained(made))
    assert [one.chance for one in read_record(path).cells] == [CHANCE, CHANCE]
    old = made.cell("naive", [0.1] * 3, seed=np.arange(3))
    new = made.cell("naive", [0.1] * 3, seed=np.arange(3, 6), chance=CHANCE)
    assert merge_cells([old, new])[0].chance == CHANCE


RAW_SUITE = """
    name: raw
    scenarios:
      - split: {dataset: digits, tasks: 5, label: class}
      - split: {dataset: digits, tasks: 5, setting: task, label: task}
    protocol: {model: {mlp: {hidden: [20]}}, epochs: 1, normalise: none, optimizer: {sgd: {lr: LR}}}
    seeds: 3
    strategies: [naive, joint]
    metrics: [average_accuracy]
"""


@pytest.mark.parametrize(("rate", "learns"), [("30.0", False), ("0.003", True)])
def test_run_show_and_compare_end_with_it(project, rate: str, learns: bool) -> None:
    project.write("raw.yaml", RAW_SUITE.replace("LR", rate))
    project.write("inline.py", PLUGIN)
    how = ("--plugin", "inline.py", "--launcher", "inline", "--quiet")
    answers = [project.clbench("run", "raw.yaml", *how)]
    assert answers[0].code == 0, answers[0].stderr
    answers.append(project.clbench("show", "results/raw/raw.h5"))
    answers.append(project.clbench("compare", "results/raw/raw.h5"))
    for answer in answers:
        told = " ".join(answer.stdout.split())
        for scenario in ("class", "task"):
            words = f"{scenario}: nothing was learnt here: no strategy, joint included, left chance"
            assert (words in told) is not learns, told


# ---------------------------------------------------------------------- likely causes


def causes(*protocols: dict[str, Any], **changes: Any) -> str:
    known: dict[str, Any] = {"best": 0.123, "chance": 0.1, "bounds": ()}
    found = NothingLearnt("split", protocols=protocols, **(known | changes))
    return sentence(found).partition("in this order: ")[2]


@pytest.mark.parametrize(
    ("protocol", "rate"),
    [
        ({"optimizer": {"sgd": {"lr": 0.1}}}, "sgd, lr 0.1"),
        ({"optimizer": {"adam": {}}}, "adam"),
        ({"optimizer": {"adam": None}}, "adam"),
        ({"optimizer": {"sgd": {"lr": None}}}, "sgd"),
        ({"optimizer": {}}, "which the record does not tell"),
        ({"optimizer": {"a": {}, "b": {}}}, "which the record does not tell"),
        ({"optimizer": "sgd"}, "which the record does not tell"),
        ({}, "which the record does not tell"),
    ],
)
def test_the_rate_is_told_as_far_as_the_record_knows_it(
    protocol: dict[str, Any], rate: str
) -> None:
    assert causes(protocol).startswith(f"the learning rate ({rate}); too few steps")


@pytest.mark.parametrize(
    ("protocol", "length"),
    [
        ({"epochs": 1}, "1 epoch a task"),
        ({"epochs": 5, "steps": None}, "5 epochs a task"),
        ({"epochs": None, "steps": 1}, "1 step a task"),
        ({"steps": 200}, "200 steps a task"),
        ({"epochs": 3, "steps": 200}, "3 epochs a task"),
        ({}, "the record does not tell how many"),
    ],
)
def test_the_length_of_a_task_is_in_epochs_or_in_steps(
    protocol: dict[str, Any], length: str
) -> None:
    assert causes(protocol).endswith(f"too few steps ({length}).")


def test_raw_pixels_are_the_first_cause_and_of_those_that_have_them() -> None:
    raw = {"normalise": "none", "optimizer": {"sgd": {"lr": 1.0}}, "epochs": 1}
    fine = {"normalise": "scale", "optimizer": {"adam": {"lr": 0.1}}, "epochs": 1}
    told = causes(raw, fine)
    assert told == (
        "pixels of 0 to 255 (`normalise: none`) at this rate (sgd, lr 1.0); the learning rate (sgd,"
        " lr 1.0 and adam, lr 0.1); too few steps (1 epoch a task)."
    )
    assert causes(fine).startswith("the learning rate (adam, lr 0.1)")


@pytest.mark.parametrize(
    ("bounds", "words"),
    [((), "no strategy left chance"), (("joint", "all"), "no strategy, joint and all included,")],
)
def test_bounds_are_named_where_they_learnt_nothing_either(
    bounds: tuple[str, ...], words: str
) -> None:
    found = NothingLearnt("split", 0.123, 0.1, bounds, ({},))
    told = sentence(found)
    assert words in told
    assert "at the end is 12.3 %, without a look at the images 10.0 % can be had" in told
