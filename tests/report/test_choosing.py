"""The best of a grid is marked with its optimism, or chosen on seeds that are not reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clbench
from clbench.errors import UserError
from clbench.report.choosing import with_choices
from clbench.report.compared import Comparison
from clbench.report.findings import BestConfigurations, ChosenConfiguration
from clbench.report.leaderboard import leaderboard
from clbench.report.page_data import page_data
from clbench.report.pool import Pool
from clbench.report.publishing import write
from clbench.report.sentences import sentence
from clbench.stats.selection import selection_optimism

SEEDS = 10
# `er` of the built-in plugins keeps 500 samples by default.
MEMORIES = (100, 500, 1000)


def accuracies(k: int) -> Any:
    """Of configurations that are equal but for their noise."""
    return np.round(np.random.default_rng(k).normal(0.8, 0.02, SEEDS), 4)


def grid(made: Any, scenario: str = "split", **changes: Any) -> list[Any]:
    cells = []
    for k, memory in enumerate(MEMORIES):
        options = {"memory": memory, "beta": 1.0}
        label = f"er(memory={memory})"
        cells.append(made.cell(label, accuracies(k), scenario, options=options, **changes))
    return cells


def naive(made: Any, scenario: str = "split", **changes: Any) -> Any:
    return made.cell("naive", np.linspace(0.5, 0.6, SEEDS), scenario, **changes)


def said(found: Comparison) -> str:
    return "\n".join(found.text)


# ---------------------------------------------------------------------- the best of a grid


def test_the_best_of_a_grid_is_marked_with_its_optimism(made: Any) -> None:
    found = made.compared(naive(made), *grid(made))
    table = np.stack([accuracies(k) for k in range(3)], axis=1)
    best = MEMORIES[int(table.mean(axis=0).argmax())]
    (row,) = (row for row in found.summary if row.best_of)
    assert (row.strategy, row.best_of) == (f"er(memory={best})", 3)
    assert row.optimism == pytest.approx(selection_optimism(table))
    assert 0.001 < row.optimism < 0.02
    assert (
        f"split: er(memory={best}) is the best of 3 configurations by the metric it is reported on:"
        f" its mean is optimistic by up to about {100 * row.optimism:.1f} points;"
    ) in said(found)
    assert f"er(memory={best}) (best of 3)" in shown(found)
    plain = {one["strategy"]: one for one in found.to_json()["summary"]}
    assert plain[row.strategy]["optimism"] == row.optimism
    assert (plain["naive"]["best_of"], plain["naive"]["optimism"]) == (0, None)


def shown(found: Comparison) -> str:
    from clbench.report.compare_tables import tables

    return "\n".join("  ".join(row) for table in tables(found) for row in table.rows)


def test_a_grid_with_one_seed_is_marked_without_a_size(made: Any) -> None:
    cells = [made.cell(f"er(memory={k})", [0.5 + k / 100]) for k in range(3)]
    found = made.compared(*cells)
    assert "er(memory=2) is the best of 3" in said(found)
    assert "its mean is optimistic by what so few common seeds do not say;" in said(found)


def test_several_grids_of_a_scenario_are_told_in_one_sentence(made: Any) -> None:
    others = [made.cell(f"ewc(strength={k})", accuracies(k + 5)) for k in range(2)]
    found = made.compared(*grid(made), *others)
    (line,) = (line for line in found.text if "optimistic" in line)
    assert line.startswith("split: each of these is the best of several configurations")
    assert "(best of 3) by up to about" in line
    assert "(best of 2) by up to about" in line


@pytest.mark.parametrize("labels", [("er", "ewc"), ("er (a=1)", "er (a=2)"), ("a(x=1)", "b(x=1)")])
def test_what_is_no_grid_is_not_marked(made: Any, labels: tuple[str, str]) -> None:
    found = made.compared(*(made.cell(label, accuracies(0)) for label in labels))
    assert not any(isinstance(one, BestConfigurations) for one in found.findings)


def test_who_fails_least_is_the_best(made: Any) -> None:
    cells = grid(made)
    best = next(row.strategy for row in made.compared(*cells).summary if row.best_of)
    bad = next(cell for cell in cells if cell.label == best)
    bad.member_status = np.array(["diverged", *["done"] * (SEEDS - 1)], dtype=object)
    assert next(row.strategy for row in made.compared(*cells).summary if row.best_of) != best


# ---------------------------------------------------------------------- chosen on other seeds


def chosen_by_hand(seeds: list[int]) -> int:
    return int(np.argmax([accuracies(k)[seeds].mean() for k in range(3)]))


@pytest.mark.parametrize("choose_on", ["0-3", 4, [0, 1, 2, 3]])
def test_a_configuration_is_reported_on_other_seeds_than_it_is_chosen_on(
    made: Any, choose_on: Any
) -> None:
    found = made.compared(naive(made), *grid(made), choose_on=choose_on)
    best = chosen_by_hand([0, 1, 2, 3])
    rows = {row.strategy: row for row in found.summary}
    assert set(rows) == {"naive", "er (tuned)", "er (default)"}
    assert rows["er (tuned)"].mean == pytest.approx(accuracies(best)[4:].mean())
    assert rows["er (default)"].mean == pytest.approx(accuracies(1)[4:].mean())
    assert {row.n for row in found.summary} == {6}
    assert {row.n_requested for row in found.summary} == {6}
    assert not any(row.best_of for row in found.summary)
    assert found.text[1] == (
        f"split: er (tuned) is er(memory={MEMORIES[best]}), the best of 3 configurations by"
        " average_accuracy on seeds 0-3, reported on seeds 4-9 alone; er (default) is"
        " er(memory=500)."
    )
    (choice,) = found.to_json()["choices"]
    assert (choice["tuned"], choice["default_row"]) == ("er (tuned)", "er (default)")
    assert choice["reported_on"] == (4, 5, 6, 7, 8, 9)


def test_the_tuned_one_may_be_the_default(made: Any) -> None:
    cells = grid(made)
    cells[1].accuracy[:] = 0.95
    found = made.compared(*cells, choose_on="0-3")
    assert [row.strategy for row in found.summary] == ["er (tuned)"]
    assert "; it is the default." in found.text[1]


def test_scenarios_choose_for_themselves_and_are_compared_together(made: Any) -> None:
    two = grid(made, "other")
    two[2].accuracy[:] = 0.99
    one = grid(made, "split")
    one[0].accuracy[:] = 0.99
    cells = [naive(made, "split"), *one, naive(made, "other"), *two]
    found = made.compared(*cells, choose_on="0-3")
    chosen = {choice.scenario: choice.chosen for choice in found.choices}
    assert chosen == {"split": "er(memory=100)", "other": "er(memory=1000)"}
    assert found.overall is not None
    ranked = {rank.strategy for rank in found.overall.ranks}
    assert ranked == {"naive", "er (tuned)", "er (default)"}


def test_a_grid_over_the_protocol_has_a_default_too(made: Any) -> None:
    cells = []
    for k, rate in enumerate((0.01, 0.1)):
        protocol = made.protocol | {"optimizer": {"sgd": {"lr": rate}}}
        label = f"naive(optimizer.lr={rate})"
        cells.append(made.cell(label, accuracies(k) - 0.3 * k, protocol=protocol))
    (choice,) = made.compared(*cells, choose_on="0-3").choices
    assert (choice.chosen, choice.default) == (
        "naive(optimizer.lr=0.01)",
        "naive(optimizer.lr=0.1)",
    )


def test_the_defaults_that_a_record_holds_go_first(made: Any) -> None:
    cells = [
        made.cell(
            f"mine(a={k})", accuracies(k), options={"a": k, "b": 3}, defaults={"a": 1, "b": 2}
        )
        for k in range(3)
    ]
    (choice,) = made.compared(*cells, choose_on="0-3").choices
    assert (choice.default, choice.default_known) == ("mine(a=1)", True)


def test_defaults_of_a_strategy_that_is_not_installed_are_not_known(made: Any) -> None:
    cells = [made.cell(f"mine(a={k})", accuracies(k), options={"a": k}) for k in range(2)]
    found = made.compared(*cells, choose_on="0-3")
    assert "which of them is the default is not known here" in found.text[1]


def test_who_has_no_other_seeds_is_left_out_and_named(made: Any) -> None:
    short = made.cell("short", [0.5, 0.5])
    found = made.compared(short, naive(made), *grid(made), choose_on="0-3")
    assert "short" not in {row.strategy for row in found.summary}
    assert any(line.startswith("split, short is left out: it has no") for line in found.left_out)


@pytest.mark.parametrize(
    ("choose_on", "message"),
    [
        ("0-3,77", "no run has seed 77, which the choice is to be made on; the runs have 0-9"),
        ("0-9", "made on all seeds that there are (0-9), and nothing is left to report it on"),
        ("a", "the seeds to choose on: 'a' names no seeds"),
        ([], "the seeds to choose on: must be a count"),
    ],
)
def test_seeds_that_cannot_choose_are_refused(made: Any, choose_on: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        made.compared(naive(made), *grid(made), choose_on=choose_on)
    assert message in str(caught.value)


def test_without_a_grid_there_is_nothing_to_choose(made: Any) -> None:
    with pytest.raises(UserError, match="nothing to choose: no strategy has several config"):
        made.compared(*made.three(), choose_on="0-3")


def test_the_best_one_needs_other_seeds(made: Any) -> None:
    cells = grid(made)
    cells[0] = made.cell("er(memory=100)", [0.99] * 4, options={"memory": 100, "beta": 1.0})
    with pytest.raises(UserError, match=r"er\(memory=100\) is the best on seeds 0-3, and has no"):
        made.compared(*cells, choose_on="0-3")


def test_a_suite_may_choose_and_a_choice_that_is_not_possible_is_said(made: Any) -> None:
    text = "seeds: 10\ncompare: {choose_on: [0, 1, 2, 3]}\n"
    found = made.compared(naive(made), *grid(made), text=text)
    assert len(found.choices) == 1
    assert not any("seeds are missing" in line for line in found.text)
    cut = made.compared(*made.three(), text=text)
    assert cut.left_out[0].startswith("choose_on, which the suite states, is not used: there is")
    wrong = made.compared(*made.three(), text="compare: {choose_on: [-1]}\n")
    assert "compare.choose_on" in wrong.left_out[0]


def test_a_board_shows_what_its_suite_chooses(made: Any, tmp_path: Path) -> None:
    text = "seeds: 10\nmetrics: [forgetting]\ncompare: {choose_on: 4}\n"
    record = made.save(tmp_path / "demo.h5", naive(made), *grid(made), text=text)
    sections = leaderboard([record], tmp_path / "board")
    write(sections, tmp_path / "board")
    (section,) = page_data(sections)["sections"]
    assert {entry["label"] for entry in section["entries"]} == {
        "naive",
        "er (tuned)",
        "er (default)",
    }
    assert section["rankings"][0]["choices"][0]["tuned"] == "er (tuned)"
    assert "er (tuned)" in (tmp_path / "board" / "leaderboard.md").read_text()


def test_compare_takes_the_seeds_on_the_command_line(made: Any, tmp_path: Path) -> None:
    record = made.save(tmp_path / "demo.h5", naive(made), *grid(made))
    command = [sys.executable, "-m", "clbench", "compare", str(record), "--format", "json"]
    done = subprocess.run([*command, "--choose-on", "0-3"], capture_output=True, text=True)
    assert json.loads(done.stdout)["choices"][0]["chosen_on"] == [0, 1, 2, 3]
    wrong = subprocess.run([*command, "--choose-on", "50-51"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "no run has seed 50-51" in wrong.stderr


def test_records_that_are_given_as_files_may_be_chosen_from(made: Any, tmp_path: Path) -> None:
    record = made.save(tmp_path / "demo.h5", *grid(made))
    (choice,) = clbench.compare(record, choose_on=4).choices
    assert isinstance(choice, ChosenConfiguration)
    assert sentence(choice).startswith("split: er (tuned) is er(memory=")


# ---------------------------------------------------------------------- pools by hand


def chosen(made: Any, *cells: Any, choose_on: Any = "0-3", **pooled: Any) -> Pool:
    return with_choices(Pool(made.results(*cells), (), **pooled), {"choose_on": choose_on})


def test_seeds_that_chose_are_asked_for_no_more(made: Any) -> None:
    asked = tuple(range(12))
    found = chosen(made, *grid(made), asked=asked, asked_of={"key": asked})
    assert found.asked == tuple(range(4, 12))
    assert found.asked_of == {"key": tuple(range(4, 12))}


def test_a_pool_that_was_chosen_from_is_left_alone(made: Any) -> None:
    found = chosen(made, *grid(made))
    assert with_choices(found, {"choose_on": "5-6"}) is found


@pytest.mark.parametrize("given", [{}, {"metric": "forgetting"}, {"choose_on": None}])
def test_without_a_wish_nothing_is_chosen(made: Any, given: dict[str, Any]) -> None:
    pool = Pool(made.results(*grid(made)), ())
    assert with_choices(pool, given) is pool


def test_only_the_tuned_and_the_default_are_shown_and_the_record_is_as_it_was(made: Any) -> None:
    cells = grid(made)
    before = [cell.label for cell in cells]
    found = chosen(made, naive(made), *cells)
    labels = [cell.label for cell in found.results.cells]
    assert sorted(labels) == ["er (default)", "er (tuned)", "naive"]
    assert {tuple(cell.seed.tolist()) for cell in found.results.cells} == {(4, 5, 6, 7, 8, 9)}
    assert [cell.label for cell in cells] == before
    assert {len(cell.seed) for cell in cells} == {SEEDS}


def test_a_choice_is_by_the_metric_that_is_asked_for(made: Any) -> None:
    cells = grid(made)
    for k, cell in enumerate(cells):
        cell.metrics["my_probe"] = np.full(SEEDS, float(k))
        cell.probes = {"my_probe": {"options": {}}}
    pool = Pool(made.results(*cells), ())
    found = with_choices(pool, {"choose_on": "0-3", "metric": "my_probe"})
    (choice,) = found.choices
    assert (choice.metric, choice.chosen) == ("my_probe", "er(memory=1000)")


def test_failed_runs_on_those_seeds_choose_nobody(made: Any) -> None:
    status = np.array(["failed"] * 4 + ["done"] * 6, dtype=object)
    cells = grid(made, member_status=status)
    message = r"split: no configuration of er has a finished run on the seeds to choose on \(0-3\)"
    with pytest.raises(UserError, match=message):
        chosen(made, *cells)


def test_two_suites_choose_for_themselves(made: Any) -> None:
    cells = grid(made)
    for k, cell in enumerate(grid(made)):
        cell.label += " [mine]"
        cell.key += "-mine"
        cell.accuracy[:] = 0.9 - k / 10
        cells.append(cell)
    found = chosen(made, *cells)
    assert [choice.tuned for choice in found.choices] == ["er (tuned)", "er (tuned) [mine]"]
    assert found.choices[1].chosen == "er(memory=100) [mine]"
