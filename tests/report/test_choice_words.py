"""What is said of configurations: the best of them, the chosen one, and the default."""

from __future__ import annotations

from typing import Any

import pytest

from clbench.report.choice_words import best_of, best_words, chosen_words, only_choosing_words
from clbench.report.findings import (
    BestConfiguration,
    BestConfigurations,
    ChosenConfiguration,
    OnlyChoosingSeeds,
)


def best(strategy: str, optimism: float, count: int = 3) -> BestConfiguration:
    return BestConfiguration("split", strategy, count, optimism, "fraction")


def test_the_best_row_has_a_mark() -> None:
    assert best_of(5) == "best of 5"


def test_one_that_is_the_best_is_optimistic_by_so_much() -> None:
    found = BestConfigurations("split", (best("er(memory=5)", 0.0123),))
    assert best_words(found) == (
        "split: er(memory=5) is the best of 3 configurations by the metric it is reported on: its"
        " mean is optimistic by up to about 1.2 points; --choose-on SEEDS avoids it."
    )


def test_of_few_seeds_nobody_knows_by_how_much() -> None:
    found = BestConfigurations("split", (best("er(memory=5)", float("nan")),))
    assert "optimistic by what so few common seeds do not say; --choose-on" in best_words(found)


def test_several_are_told_together() -> None:
    each = (best("er(m=1)", 0.02, 2), best("ewc(k=1)", 0.01, 4))
    assert best_words(BestConfigurations("split", each)) == (
        "split: each of these is the best of several configurations by the metric it is reported"
        " on, and its mean is optimistic: er(m=1) (best of 2) by up to about 2.0 points, ewc(k=1)"
        " (best of 4) by up to about 1.0 points; --choose-on SEEDS avoids it."
    )


def chosen(**changes: Any) -> str:
    known: dict[str, Any] = {
        "scenario": "split",
        "metric": "forgetting",
        "tuned": "er (tuned)",
        "chosen": "er(memory=5)",
        "count": 3,
        "chosen_on": (0, 1, 2),
        "reported_on": (3, 4, 7),
        "default": "er(memory=9)",
        "default_row": "er (default)",
        "default_known": True,
    }
    return chosen_words(ChosenConfiguration(**(known | changes)))


def test_what_was_chosen_and_on_which_seeds_it_is_reported() -> None:
    assert chosen() == (
        "split: er (tuned) is er(memory=5), the best of 3 configurations by forgetting on seeds"
        " 0-2, reported on seeds 3-4, 7 alone; er (default) is er(memory=9)."
    )


def test_a_single_seed_is_told_as_one() -> None:
    told = chosen(chosen_on=(4,), reported_on=(9,))
    assert "on seed 4, reported on seed 9 alone;" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"default_known": False}, "which of them is the default is not known here"),
        ({"default": None, "default_row": None}, "the default is not among them"),
        ({"default_row": "er (tuned)"}, "it is the default"),
    ],
)
def test_what_is_known_of_the_default(changes: dict[str, Any], words: str) -> None:
    assert chosen(**changes).endswith(f" alone; {words}.")


def test_who_ran_on_those_seeds_alone_is_left_out() -> None:
    assert only_choosing_words(OnlyChoosingSeeds("split", "er")) == (
        "split, er is left out: it has no runs but on the seeds on which configurations were chosen"
    )
