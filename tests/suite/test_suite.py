"""How results are compared, as a suite says it, and how many runs there are."""

from __future__ import annotations

from typing import Any

import pydantic
import pytest

from clbench.suite.adaptive import Adaptive
from clbench.suite.cell import Cell
from clbench.suite.choice import Choice
from clbench.suite.protocol import Protocol
from clbench.suite.suite import Compare, Suite, contradiction, runs_in_words

# ---------------------------------------------------------------------- comparisons


def test_without_a_word_everything_is_as_usual() -> None:
    compare = Compare()
    assert (compare.metric, compare.alpha, compare.baseline) == ("average_accuracy", 0.05, None)
    assert compare.family_where_seeds_are_added == "pairs"


@pytest.mark.parametrize(
    ("asked", "family"),
    [
        ({"baseline": "er"}, "baseline"),
        ({"baseline": "er", "family": "pairs"}, "pairs"),
        ({"family": "baseline"}, "baseline"),
        ({"baseline": "er", "tests": "ranks"}, "pairs"),  # they know no such family
        ({"baseline": "er", "correction": "holm"}, "pairs"),
        ({"baseline": "er", "tests": "by_design"}, "baseline"),
        ({}, "pairs"),
    ],
)
def test_a_baseline_alone_decides_where_one_is_named(asked: dict[str, Any], family: str) -> None:
    compare = Compare(**asked)
    assert compare.family_where_seeds_are_added == family
    expected = asked.get("baseline") if family == "baseline" else None
    assert compare.baseline_where_seeds_are_added == expected


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"tests": "by_design", "correction": "holm"}, "`correction` belongs to `tests: ranks`"),
        ({"tests": "by_design", "unpaired": True}, "`unpaired` belongs to `tests: ranks`"),
        ({"tests": "ranks", "family": "baseline"}, "`tests: ranks` tests every pair"),
        ({"correction": "holm", "family": "baseline"}, "`correction` tests every pair"),
        ({"unpaired": True, "family": "baseline"}, "`unpaired` tests every pair"),
    ],
)
def test_what_cannot_be_asked_for_at_once_is_said(asked: dict[str, Any], said: str) -> None:
    found = contradiction(asked)
    assert found is not None
    assert found.startswith(said)
    with pytest.raises(pydantic.ValidationError):
        Compare(**asked)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"tests": "by_design", "family": "baseline"},
        {"tests": "ranks", "correction": "none", "unpaired": True},
        {"correction": "holm", "family": "pairs"},
        {"tests": "by_design", "unpaired": False, "correction": None},
    ],
)
def test_what_goes_together_is_no_contradiction(asked: dict[str, Any]) -> None:
    assert contradiction(asked) is None
    Compare(**asked)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0},
        {"alpha": 1},
        {"alpha": float("nan")},
        {"rope": -0.1},
        {"tests": "all"},
        {"choose_on": 0},
        {"choose_on": [1, 1]},
        {"metrics": "x"},
    ],
)
def test_values_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        Compare(**wrong)


# ---------------------------------------------------------------------- runs in words


def suite(cells: int, seeds: int, adaptive: Adaptive | None = None) -> Suite:
    numbers = tuple(range(seeds))
    one = Cell(Choice("split", {}), "split", (Choice("er", {}),), "er", Protocol(), (), numbers)
    return Suite("demo", "demo.yaml", "", numbers, (), Compare(), (one,) * cells, adaptive=adaptive)


@pytest.mark.parametrize(
    ("looks", "words"), [(None, "60"), ((6, 9, 20), "18 to 60"), ((20,), "60")]
)
def test_runs_are_counted_over_all_cells(looks: tuple[int, ...] | None, words: str) -> None:
    adaptive = None if looks is None else Adaptive(looks, 0.05, None, "declared looks")
    assert runs_in_words(suite(3, 20, adaptive)) == words


def test_without_cells_nothing_runs() -> None:
    assert runs_in_words(suite(0, 20)) == "0"
