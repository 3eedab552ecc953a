"""Numbers with their nouns."""

from __future__ import annotations

import pytest

from clbench.words import counted, plural


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (0, "cell", "0 cells"),
        (1, "cell", "1 cell"),
        (2, "cell", "2 cells"),
        (31, "seed", "31 seeds"),
        (1, "strategy", "1 strategy"),
        (2, "strategy", "2 strategies"),
        (-1, "run", "-1 runs"),
    ],
)
def test_one_is_singular_and_everything_else_is_not(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said
    assert plural(number, noun) == said.split()[1]
