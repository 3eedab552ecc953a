"""Comparisons over several scenarios, beside the example of Demsar."""

from __future__ import annotations

import numpy as np
import pytest

from tests.report.built import said

# Demsar (2006), table 6: a strategy a line, a data set a column.
TABLE = """
C4.5      .763 .599 .954 .628 .882 .936 .661 .583 .775 1.000 .940 .619 .972 .957
C4.5+m    .768 .591 .971 .661 .888 .931 .668 .583 .838 1.000 .962 .666 .981 .978
C4.5+cf   .771 .590 .968 .654 .886 .916 .609 .563 .866 1.000 .965 .614 .975 .946
C4.5+m+cf .798 .569 .967 .657 .898 .931 .685 .625 .875 1.000 .962 .669 .974 .970
"""
DEMSAR = {}
for line in TABLE.split("\n")[1:-1]:
    name, *values = line.split()
    DEMSAR[name] = list(map(float, values))


def test_demsars_example_as_a_record(made) -> None:
    cells = [
        made.cell(name, [values[k]], f"data{k}")
        for k in range(14)
        for name, values in DEMSAR.items()
    ]
    found = made.compared(*cells, tests="ranks").to_json()["overall"]
    ranks = {row["strategy"]: row["average_rank"] for row in found["ranks"]}
    assert ranks == pytest.approx(
        {"C4.5": 3.143, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5+m+cf": 1.964}, abs=5e-4
    )
    assert (found["test"], found["statistic"], found["f"]) == (
        "Friedman",
        pytest.approx(9.28, abs=5e-3),
        pytest.approx(3.69, abs=5e-3),
    )
    assert found["critical_difference"] == pytest.approx(1.25, abs=5e-3)
    assert {row["group"] for row in found["ranks"]} == {"a"}
    at_ten = made.compared(*cells, alpha=0.1, tests="ranks").to_json()["overall"]
    assert at_ten["critical_difference"] == pytest.approx(1.12, abs=5e-3)
    assert [
        (one["a"], one["b"]) for one in at_ten["pairs"] if one["verdict"].endswith("better")
    ] == [
        ("C4.5", "C4.5+m"),
        ("C4.5", "C4.5+m+cf"),
    ]


def test_two_strategies_over_scenarios_are_tested_by_wilcoxon(made) -> None:
    cells = [cell for k in range(6) for cell in made.three(f"s{k}", 4)[:2]]
    found = made.compared(*cells, tests="ranks")
    assert found.overall is not None
    assert (found.overall.test, found.overall.p) == ("Wilcoxon signed-rank, exact", 2 / 2**6)
    assert found.to_json()["overall"]["critical_difference"] is None
    assert "On scenarios like these 6: good is better than poor" in said(found)
    assert "6 scenarios, p = 0.0312" in said(found)
    low, high = found.overall.pairs[0].ci_low, found.overall.pairs[0].ci_high
    assert low < -0.4 < high < 0
    assert found.overall.pairs[0].effect == 0


def test_few_scenarios_are_said_to_be_too_few(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two"), tests="ranks")
    assert (
        "Over scenarios: 2 of them are too few for any difference between average ranks to be that "
        "large." in found.text
    )
    assert found.to_json()["omnibus"]["test"] == "Friedman"
    assert [one.scenario for one in found.omnibus] == ["one", "two", None]


def test_strategies_without_runs_somewhere_have_no_place_over_all(made) -> None:
    found = made.compared(*made.three("one"), *made.three("two")[:2], *made.three("three"))
    assert {rank.strategy for rank in found.overall.ranks} == {"poor", "good"}
    assert (
        "middle has runs on 2 of 3 scenarios only, and no place over all of them" in found.left_out
    )
    apart = made.compared(*made.three("one")[:1], *made.three("two")[1:])
    assert apart.overall is None
    assert apart.to_json()["overall"] is None


def test_failing_never_helps_over_scenarios(made) -> None:
    """A strategy that finishes only its best run ranks below those that finish all of theirs."""
    status = np.array(["done"] + ["diverged"] * 11, dtype=object)
    lucky = [
        made.cell("lucky", made.draw(0.95, 12, 6), name, member_status=status)
        for name in ("one", "two")
    ]
    found = made.compared(*made.three("one"), *made.three("two"), *lucky)
    assert (found.overall.ranks[-1].strategy, found.overall.ranks[-1].average_rank) == ("lucky", 4)
