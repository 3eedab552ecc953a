"""What is said of cells that were measured more than once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clbench.report.repeat_words import NOT_YET, repeat_mark, repeat_sentence
from clbench.report.reproduction import (
    EQUAL,
    FEWEST_SEEDS,
    NOT_SHOWN,
    SAME,
    TOO_FEW,
    Repeat,
)
from tests.report.built import repeat_of

OTHER = repeat_of()
COPY = replace(OTHER, verdict=SAME, again=0.8, difference=0.0, low=0.0, high=0.0, largest=0.0)


# ---------------------------------------------------------------------- marks


def test_a_cell_that_was_measured_once_is_not_confirmed_yet() -> None:
    assert repeat_mark([]) == NOT_YET


@pytest.mark.parametrize(
    ("repeat", "mark"),
    [
        (COPY, "✓ same numbers"),
        (replace(COPY, verdict=EQUAL), "✓ equal"),
        (OTHER, "✗ differs, +2.5 points"),
        (replace(OTHER, difference=-0.025), "✗ differs, -2.5 points"),
        (replace(OTHER, verdict=NOT_SHOWN), "no difference shown, +2.5 points"),
        (replace(OTHER, verdict=TOO_FEW, seeds=4), "too few seeds, +2.5 points"),
    ],
)
def test_the_mark_of_one_repeat(repeat: Repeat, mark: str) -> None:
    assert repeat_mark([repeat]) == mark


def test_few_seeds_get_neither_tick_nor_cross() -> None:
    few = replace(COPY, seeds=FEWEST_SEEDS - 1)
    assert repeat_mark([few]) == "same numbers"
    assert repeat_mark([replace(few, seeds=FEWEST_SEEDS)]) == "✓ same numbers"


def test_the_worst_of_several_repeats_is_the_mark() -> None:
    unclear = replace(OTHER, verdict=NOT_SHOWN, difference=0.01)
    for order in ([COPY, unclear, OTHER], [OTHER, unclear, COPY]):
        assert repeat_mark(order) == "✗ differs, +2.5 points"
    assert repeat_mark([COPY, unclear]) == "no difference shown, +1.0 points"


def test_one_repeat_elsewhere_is_enough_to_say_so() -> None:
    assert repeat_mark([COPY, replace(COPY, elsewhere=True)]) == "✓ same numbers, elsewhere"


# ---------------------------------------------------------------------- sentences


def test_numbers_of_a_repeat_that_differs() -> None:
    assert repeat_sentence(OTHER) == (
        "10 seeds measured again in the same environment: mean final accuracy 82.5 % instead of"
        " 80.0 %, seed by seed 2.5 [1.0, 4.0] points, no seed farther than 5.0 points;"
        " the two differ (p = 0.0125)."
    )


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"p": 0.00001}, "; the two differ (p < 0.0001)."),
        ({"low": 0.025, "high": 0.025}, "; the two differ, by the same in every seed."),
        ({"verdict": NOT_SHOWN, "p": 0.4}, "; no difference is shown (p = 0.4)."),
        (
            {"verdict": TOO_FEW, "p": np.nan},
            f"; too few seeds to tell ({FEWEST_SEEDS} are needed).",
        ),
    ],
)
def test_what_is_concluded(changes: dict, end: str) -> None:
    assert repeat_sentence(replace(OTHER, **changes)).endswith(end)


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        (SAME, "the same to the last bit"),
        (EQUAL, "the final accuracies are equal, though not every number is"),
    ],
)
def test_equal_numbers_are_not_repeated(verdict: str, found: str) -> None:
    sentence = repeat_sentence(replace(COPY, verdict=verdict))
    assert sentence == f"10 seeds measured again in the same environment: {found}."


def test_one_seed_elsewhere() -> None:
    sentence = repeat_sentence(replace(COPY, seeds=1, elsewhere=True))
    assert sentence.startswith("1 seed measured again in another environment: ")


def test_where_no_seed_finished_twice_there_are_no_numbers() -> None:
    nothing = replace(OTHER, verdict=TOO_FEW, difference=np.nan, unlike=2, seeds=2)
    assert repeat_sentence(nothing) == (
        "2 seeds measured again in the same environment: no seed finished both times;"
        " 2 seeds failed one time and finished the other."
    )


def test_a_seed_that_failed_once_is_told() -> None:
    sentence = repeat_sentence(replace(OTHER, unlike=1))
    assert sentence.endswith("; 1 seed failed one time and finished the other.")
