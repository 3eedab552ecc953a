"""The table of `clbench show` before it is drawn: its title, its columns, what stands below."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from clbench.host import Host
from clbench.records import CellRecord, RecordFile, Results
from clbench.report.terminal import COSTS, Summary, summary_of


def summary(made, *cells: CellRecord, text: str = "", **record: Any) -> Summary:
    """Of a record that asks for these metrics, if any."""
    asked = tuple((name, {}) for name in record.pop("metrics", ()))
    held = RecordFile(1, "demo", text, {}, list(cells), metrics=asked)
    return summary_of(Results(held, made.host), **record)


def cells_of(found: Summary, header: str) -> tuple[str, ...]:
    """The cells of the column whose header begins so."""
    (column,) = [one for one in found.columns if one.header.startswith(header)]
    return column.cells


def headers(found: Summary) -> list[str]:
    return [column.header for column in found.columns]


# ---------------------------------------------------------------------- the title


@pytest.mark.parametrize(
    ("labels", "scenarios", "title"),
    [
        (["a"], ["split"], "demo: 1 strategy on split"),
        (["a", "b"], ["split"], "demo: 2 strategies on split"),
        (["a"], ["one", "two"], "demo: 1 strategy on 2 scenarios"),
        (["a, agent 0", "a, agent 1"], ["split"], "demo: 1 strategy on split, agent by agent"),
        ([], [], "demo: 0 strategies on no scenario"),
    ],
)
def test_the_title_counts_strategies_and_scenarios(
    made, labels: list[str], scenarios: list[str], title: str
) -> None:
    cells = []
    for scenario in scenarios:
        cells += made.cells({label: [0.5, 0.6] for label in labels}, scenario)
    assert summary(made, *cells).title == title


# ---------------------------------------------------------------------- columns


def test_columns_are_strategy_metrics_and_seeds(made) -> None:
    found = summary(made, *made.three(seeds=3), metrics=["forgetting", "average_accuracy"])
    assert headers(found) == ["strategy", "forgetting\n% ↓", "average_accuracy\n% ↑", "seeds"]
    assert cells_of(found, "strategy") == ("poor", "good", "middle")


def test_metrics_that_are_asked_for_by_name_replace_those_of_the_suite(made) -> None:
    cells = made.three(seeds=3)
    found = summary(made, *cells, metrics=["average_accuracy"])
    chosen = summary_of(made.results(*cells), ["forgetting"])
    assert "forgetting\n% ↓" not in headers(found)
    assert headers(chosen) == ["strategy", "forgetting\n% ↓", "seeds"]


def test_a_record_that_asks_for_nothing_shows_the_usual_and_what_it_stored(made) -> None:
    cell = made.cell("a", [0.5, 0.6], metrics={"weight_magnitude": np.ones((2, 3))})
    names = [header.partition("\n")[0] for header in headers(summary(made, cell))]
    assert names == [
        "strategy",
        *("average_accuracy", "forgetting", "learning_accuracy", "weight_magnitude"),
        "seeds",
    ]


def test_scenarios_are_named_beside_the_first_of_their_rows(made) -> None:
    one, two = made.three("one", seeds=2), made.three("two", seeds=2)
    found = summary(made, *one, *two)
    assert cells_of(found, "scenario") == ("one", "", "", "two", "", "")
    assert found.sections == frozenset({3})
    alone = summary(made, *one)
    assert "scenario" not in headers(alone)
    assert alone.sections == frozenset()


def test_a_scenario_that_comes_again_is_named_again(made) -> None:
    one, two = made.cells({"a": [0.5], "b": [0.5]}, "one")
    other = made.cell("a", [0.5], "two")
    found = summary(made, one, other, two)
    assert cells_of(found, "scenario") == ("one", "two", "one")
    assert found.sections == frozenset({1, 2})


def test_marks_stand_behind_names(made) -> None:
    found = summary(made, made.cell("a", [0.5], declared=("oracle",)))
    assert cells_of(found, "strategy") == ("a (oracle)",)
    assert any(line.startswith("(oracle) a: ") for line in found.legend)


def test_seeds_that_the_suite_asks_for_are_missing(made) -> None:
    cell = made.cell("a", [0.5, 0.6])
    assert cells_of(summary(made, cell, text="seeds: 5"), "seeds") == ("2 of 5 (3 not run)",)
    assert cells_of(summary(made, cell), "seeds") == ("2",)


# ---------------------------------------------------------------------- below the table


def test_a_record_without_cells_has_no_columns(made) -> None:
    found = summary(made)
    assert (found.columns, found.legend) == ((), ("the record holds no cells yet",))


def test_cells_without_a_number_are_named_together_by_the_reason(made) -> None:
    seen = np.array([[np.nan] * 2, [0.9, np.nan], [0.6, 0.8]])
    untested = np.array([[np.nan] * 2, [np.nan] * 2, [0.6, 0.8]])
    cells = []
    for name, matrix in (("a", untested), ("b", seen), ("c", untested)):
        cells.append(made.cell(name, [0.5] * 3, accuracy=np.stack([matrix] * 3)))
    lines = summary(made, *cells, metrics=["forgetting"]).legend
    assert [line for line in lines if line.startswith("- ")] == [
        "- forgetting of a, c: task 1 was not evaluated after task 1"
    ]


def test_a_metric_that_nobody_offers_is_no_column(made) -> None:
    found = summary(made, *made.three(seeds=2), metrics=["average_accuracy", "spread"])
    assert "spread" not in "".join(headers(found))
    assert any(
        line.startswith("- spread: no plugin here offers this metric") for line in found.legend
    )


def test_how_to_read_the_table_stands_first(made) -> None:
    first, second, *_ = summary(made, *made.three(seeds=2)).legend
    assert first.startswith("mean ± half width of the 95 % t interval over seeds")
    assert second == "`clbench describe NAME` explains a metric or a strategy"


def test_the_costs_are_metrics_that_are_offered() -> None:
    assert set(COSTS) <= set(Host.load(only="metric").names("metric"))
