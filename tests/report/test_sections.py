"""What a leaderboard consists of."""

from __future__ import annotations

from pathlib import Path

from clbench.report.sections import Section, Source


def test_the_first_of_its_comparisons_leads(made) -> None:
    results = made.results(*made.three(seeds=3))
    found = {metric: made.compared(*results.cells, metric=metric) for metric in METRICS}
    source = Source(results.record, Path("demo.h5"), "records/demo.h5")
    section = Section("demo", (source,), found, {}, results)
    assert section.main is found["forgetting"]
    turned = dict(reversed(found.items()))
    assert Section("demo", (source,), turned, {}, results).main is found["average_accuracy"]


METRICS = ("forgetting", "average_accuracy")
