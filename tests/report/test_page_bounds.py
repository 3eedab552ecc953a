"""Bounds, costs and names on the leaderboard's page, in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clbench.report.leaderboard import leaderboard
from clbench.report.publishing import write
from tests.report.browser import CHROMIUM, DRIVER, MISSING, Browser
from tests.report.pages import FIGURES, choose

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)


@pytest.fixture(scope="module")
def bounded(made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bound that is best and cheapest, and two rivals with options."""
    folder = tmp_path_factory.mktemp("bounds")
    table = {
        "all_data": made.draw(0.95, 12, 1),
        "er(memory=400)": made.draw(0.8, 12, 2),
        "er(memory=40)": made.draw(0.6, 12, 3),
    }
    cells = made.cells(table)
    cells[0].declared, cells[0].about = ("bound",), "Keeps every image."
    for k, cell in enumerate(cells):
        cell.cost["train_seconds"] = np.full(12, 1.0 + k)
        cell.cost["parameters"] = np.full(12, 1000.0 / (1 + k))
    write(leaderboard([made.save(folder / "r.h5", *cells)], folder), folder)
    return folder / "index.html"


def test_bounds_are_marked_and_not_part_of_the_front(chromium: Browser, bounded: Path) -> None:
    chromium.open(bounded)
    marked = chromium.run(
        "return [...document.querySelectorAll('.ranking .bound')].map(one => "
        "one.closest('tr').cells[1].textContent)"
    )
    assert marked == ["all_data bound"]
    best = chromium.run(
        "return [...document.querySelectorAll('.ranking .best')].map(one => "
        "[one.closest('tr').cells[1].textContent, one.dataset.tip])"
    )
    ((name, tip),) = best
    assert name == "er(memory=400) best of 2"
    assert tip.startswith("chosen by the numbers that are shown: its mean is optimistic by up to")
    assert tip.endswith(" points")
    data = json.loads(chromium.run("return document.getElementById('data').textContent"))
    (ranking,) = data["sections"][0]["rankings"]
    assert [point[0] for point in ranking["fronts"]["train_seconds"]["split"]] == [2.0]
    assert [point[0] for point in ranking["fronts"]["parameters"]["split"]] == [333.333, 500.0]
    assert chromium.soon("return document.querySelector('figure polyline') !== null")
    hollow = "return document.querySelectorAll('figure path[fill=\"var(--paper)\"]').length"
    assert chromium.run(hollow) == 1


def test_the_axis_of_costs_can_be_chosen(chromium: Browser, bounded: Path) -> None:
    chromium.open(bounded)
    choose(chromium, "Cost", "parameters")
    assert chromium.soon(f"return {FIGURES}.some(svg => svg.textContent.includes('parameters'))")
    assert chromium.run("return location.hash") == "#s0&cost=parameters"
    header = "return document.querySelector('[data-key=cost]').textContent"
    assert chromium.run(header) == "Parameters"


def test_what_a_strategy_does_stands_at_its_name_and_in_its_entry(
    chromium: Browser, bounded: Path
) -> None:
    chromium.open(bounded)
    assert chromium.run("return document.querySelector('.bounds a').dataset.tip") == (
        "Keeps every image."
    )
    chromium.run("document.querySelector('.bounds a').click()")
    assert chromium.soon(
        "return document.querySelector('[id^=s0-e][open]')?.textContent.includes('Keeps every "
        "image.')"
    )


def test_names_break_after_brackets_and_never_within_a_number(
    chromium: Browser, bounded: Path
) -> None:
    chromium.open(bounded)
    chromium.resize(400)
    lines = chromium.run(
        """const links = [...document.querySelectorAll('.ranking tbody a')];
           const link = links.find(one => one.textContent.includes('=400'));
        const lines = [];
        for (const node of link.childNodes) {
          if (node.nodeType !== Node.TEXT_NODE) continue;
          const range = document.createRange();
          range.selectNode(node);
          lines.push([node.textContent, range.getClientRects().length]);
        }
        return lines"""
    )
    assert [text for text, _ in lines] == ["er(", "memory=", "400)"]
    assert all(count == 1 for _, count in lines), "no piece is broken"
