"""What a leaderboard consists of."""

from __future__ import annotations

from pathlib import Path

from clbench.report.reproduction import SAME, Repeat
from clbench.report.sections import Section, Source

METRICS = ("forgetting", "average_accuracy")


def test_the_first_of_its_comparisons_leads(made) -> None:
    results = made.results(*made.three(seeds=3))
    found = {metric: made.compared(*results.cells, metric=metric) for metric in METRICS}
    source = Source(results.record, Path("demo.h5"), "records/demo.h5")
    section = Section("demo", (source,), found, {}, results)
    assert section.main is found["forgetting"]
    turned = dict(reversed(found.items()))
    assert Section("demo", (source,), turned, {}, results).main is found["average_accuracy"]


def test_repeats_are_those_of_the_cell(made) -> None:
    one, other = made.cells({"a": [0.5, 0.6], "b": [0.5, 0.6]})
    again = Repeat(SAME, 2, False, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0, 1.0)
    section = Section("demo", (), {}, {one.key: (again,)}, made.results(one, other))
    assert section.repeats_of(one) == (again,)
    assert section.repeats_of(other) == ()
