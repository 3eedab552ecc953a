"""Long and hostile names on a narrow page, ranks as bars, and what a card says."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from clbench.report.leaderboard import leaderboard
from clbench.report.publishing import write
from tests.report.browser import CHROMIUM, DRIVER, MISSING, Browser
from tests.report.pages import NASTY, choose, saved

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

LONG = "online_ewc+modular_network_with_a_long_name(strength=100.0, memory=2000)"
HOSTILE = "<img src=x onerror=alert(1)> javascript:alert(1) https://example.org/a?b=<c>"


@pytest.fixture(scope="module")
def long_names(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rivals on two scenarios, two of them equal, and a bound."""
    folder = tmp_path_factory.mktemp("names")
    cells = []
    for scenario in ("one", "two"):
        equal = made.draw(0.8, 12, 1)
        table = {LONG: equal, NASTY: equal, "middle": made.draw(0.7, 12, 2)}
        table |= {"last": made.draw(0.5, 12, 3), "all_data": made.draw(0.97, 12, 4)}
        here = made.cells(table, scenario)
        here[-1].declared = ("bound",)
        here[0].papers, here[0].about = {LONG: HOSTILE}, f"Does {HOSTILE}."
        here[0].options, here[0].defaults = {"memory": 2000, "a": 1}, {"memory": 200, "a": 1}
        cells += here
    write(leaderboard([made.save(folder / "r.h5", *cells)], folder), folder)
    return folder / "index.html"


def test_rank_name_and_mean_are_in_sight_at_360_pixels(chromium: Browser, long_names: Path) -> None:
    chromium.open(long_names)
    chromium.resize(360)
    for scenario in ("one", "all scenarios"):
        choose(chromium, "Scenario", scenario)
        ends = chromium.run(
            """return [...document.querySelectorAll('.ranking tbody tr:not(.part)')].map(row =>
              [...row.cells].slice(0, 3).map(cell => cell.getBoundingClientRect().right))"""
        )
        assert len(ends) == 5
        assert max(map(max, ends)) <= 360
    heads = "return [...document.querySelectorAll('.ranking thead th')].map(one => one.textContent)"
    assert chromium.run(heads)[:3] == ["Rank", "Strategy", "Mean, %"]
    assert chromium.run("return document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("width", [360, 1000])
def test_names_in_figures_are_whole_and_within_them(
    chromium: Browser, long_names: Path, width: int
) -> None:
    chromium.open(long_names)
    chromium.resize(width)
    labels = """return [...document.querySelectorAll('.wide svg')].map(svg =>
      [...svg.querySelectorAll('text:has(tspan)')].map(text => {
        const { left, right } = text.getBoundingClientRect();
        return [text.textContent, left, right];
      }))"""
    assert chromium.soon("return document.querySelectorAll('.wide svg').length === 2")
    for drawn in chromium.run(labels):
        assert {LONG, NASTY} <= {text.replace(",m", ", m") for text, _, _ in drawn}
        assert min(left for _, left, _ in drawn) >= 0
        assert max(right for _, _, right in drawn) <= width


def test_ranks_are_bars_from_best_to_worst_without_bounds(
    chromium: Browser, long_names: Path
) -> None:
    chromium.open(long_names)
    chromium.resize(1000)
    choose(chromium, "Scenario", "one")
    assert chromium.soon("return document.querySelectorAll('.wide svg').length === 2")
    tips = chromium.run(
        "return [...document.querySelector('.wide svg').querySelectorAll('[data-tip]')]"
        ".map(one => one.dataset.tip)"
    )
    ranks = {tip.rpartition(": rank ")[0]: tip.rpartition(": rank ")[2] for tip in tips}
    shared = "1\N{EN DASH}2"
    assert ranks == {LONG: shared, NASTY: shared, "middle": "3", "last": "4"}
    bars = chromium.run(
        "return [...document.querySelector('.wide svg').querySelectorAll('[data-tip] line')]"
        ".map(one => one.getBoundingClientRect().width)"
    )
    assert bars[0] == bars[1] > bars[2] == bars[3]


def test_a_card_names_papers_and_marks_chosen_options(chromium: Browser, long_names: Path) -> None:
    chromium.open(long_names)
    chromium.run("document.querySelector('#s0-e0').open = true")
    card = "document.querySelector('#s0-e0')"
    assert chromium.soon(f"return {card}.querySelector('.chosen') !== null")
    text = chromium.run(f"return {card}.textContent")
    assert f"Does {HOSTILE}." in text
    assert f"Paper: {HOSTILE}" in text
    assert "memory2000 chosen (default: 200)" in text
    assert "a1 default" in text
    links = chromium.run(f"return [...{card}.querySelectorAll('a')].map(one => one.href)")
    assert links == ["https://example.org/a?b="]  # an address, and no script
    assert chromium.run("return document.images.length") == 0


@pytest.mark.parametrize("kind", ["lonely", "lost", "empty"])
def test_a_page_with_nothing_to_rank_opens_without_complaint(
    chromium: Browser, made: Any, tmp_path: Path, kind: str
) -> None:
    diverged = np.array(["diverged"] * 3, dtype=object)
    lost = [made.cell(name, [0.5] * 3, member_status=diverged) for name in ("a", "b")]
    cells = {"lonely": [made.cell("only", [0.5])], "lost": lost, "empty": []}[kind]
    write(leaderboard([made.save(tmp_path / "r.h5", *cells)], tmp_path), tmp_path)
    chromium.open(Path("/dev/null"))
    chromium.complaints()
    chromium.open(tmp_path / "index.html")
    assert chromium.run("return document.querySelectorAll('main > section').length") == 1
    assert chromium.complaints() == []


def test_a_saved_picture_has_its_whole_title(
    chromium: Browser, long_names: Path, tmp_path: Path
) -> None:
    chromium.open(long_names)
    chromium.resize(1000)
    chromium.tool("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    assert chromium.soon("return document.querySelector('.duel figure svg[role=img]') !== null")
    chromium.run("document.querySelector('.duel figure .downloads button').click()")
    root = ElementTree.parse(saved(tmp_path, "*.svg")).getroot()
    heading = next(one for one in root if one.get("font-weight") == "bold")
    lines = [line.text or "" for line in heading]
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == (root[0].text or "").replace(" ", "")
    assert max(map(len, lines)) * 8 < int(root.get("width", 0))
