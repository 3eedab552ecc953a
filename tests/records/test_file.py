"""A record in memory: what it knows of its metrics."""

from __future__ import annotations

import pytest

from clbench.records import SCHEMA_VERSION
from clbench.records.file import KNOWN_VERSIONS
from tests.records.cells import cell, record


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("late", "drift"),
        ("drift", "drift"),
        ("unit", "unit"),  # facts that name no metric
        ("odd", "odd"),
        ("unknown", "unknown"),
    ],
)
def test_a_label_is_the_metrics_name_unless_the_record_says_another(label: str, name: str) -> None:
    facts = {"late": {"metric": "drift"}, "unit": {"unit": "bytes"}, "odd": {"metric": 3}}
    assert record(metric_facts=facts).called(label) == name


def test_records_share_nothing_that_was_not_given() -> None:
    one, other = record(cell(0)), record(cell(0))
    one.apart.append(cell(1))
    assert other.apart == []


def test_what_is_written_can_be_read() -> None:
    assert SCHEMA_VERSION in KNOWN_VERSIONS
    assert max(KNOWN_VERSIONS) == SCHEMA_VERSION
