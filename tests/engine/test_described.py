"""What a record says of a strategy: what it does, its papers, and the defaults of its options."""

from __future__ import annotations

import clbench
from clbench.engine.described import described


class Paper(clbench.Strategy):
    """Does what a paper says.

    And more.
    """

    paper = "Somebody 2020, A method, https://example.org"
    strength: float = 2.0
    sizes: tuple[int, ...] = (1, 2)


class Derived(Paper):
    """Does something else."""

    rate: float = 0.5


def test_a_strategy_is_described_with_its_paper_and_its_defaults() -> None:
    found = described([Paper])
    assert found.about == "Does what a paper says."
    assert found.papers == {"paper": Paper.paper}
    assert found.defaults == {"strength": 2.0, "sizes": [1, 2]}


def test_a_paper_is_not_inherited() -> None:
    assert described([Derived]).papers == {}


def test_the_parts_of_a_composition_are_told_apart() -> None:
    found = described([Paper, Derived])
    assert found.about == "paper: Does what a paper says. derived: Does something else."
    assert found.papers == {"paper": Paper.paper}
    assert found.defaults["paper"] == {"strength": 2.0, "sizes": [1, 2]}
    assert found.defaults["derived"] == {"strength": 2.0, "sizes": [1, 2], "rate": 0.5}
