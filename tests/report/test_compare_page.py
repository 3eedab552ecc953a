"""A comparison as a page of its own."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from clbench.report.compare_page import html
from clbench.report.compare_tables import tables
from clbench.report.compared import Comparison


@pytest.fixture(scope="module")
def comparison(made) -> Comparison:
    status = np.array(["done"] * 5 + ["diverged"], dtype=object)
    values = np.linspace(0.5, 0.6, 6)
    cells = [
        made.cell("a<b>&", values, member_status=status),
        made.cell("plain", values + 0.2),
    ]
    found: Comparison = made.compared(*cells)
    return found


def text_of(page: str) -> str:
    """What a reader sees."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_every_table_has_its_title_its_headers_and_its_rows(comparison) -> None:
    page = html(comparison)
    seen = text_of(page)
    for table in tables(comparison):
        assert table.title in seen
        assert all(" ".join(header.split()) in seen for header in table.headers)
    rows = sum(len(table.rows) for table in tables(comparison))
    assert page.count("<tr>") == rows + len(tables(comparison))  # and the headers


def test_what_is_said_and_left_out_stands_on_the_page(comparison) -> None:
    seen = text_of(html(comparison))
    assert "1 of 6 runs diverged" in seen
    assert all(" ".join(line.split()) in seen for line in comparison.text)


def test_names_are_text(comparison) -> None:
    page = html(comparison)
    assert "a<b>" not in page
    assert "a&lt;b&gt;&amp;" in page


def test_the_page_loads_and_runs_nothing(comparison) -> None:
    page = html(comparison)
    assert not re.search(r"<script|<link|<img|\bsrc=|\bhref=|url\(", page)


def test_a_comparison_of_nothing_is_a_page_without_tables(made) -> None:
    page = html(made.compared())
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "<table" not in page
