"""The leaderboard's page in a real browser: what a reader sees, clicks and types."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clbench.report.leaderboard import leaderboard, write
from tests.report.browser import CHROMIUM, DRIVER, MISSING, Browser, browser

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

NASTY = "<script>document.title='caught'</script>"
FIGURES = "[...document.querySelectorAll('figure svg[role=img]')]"
NAMES = "return [...document.querySelectorAll('.ranking tbody th')].map(cell => cell.textContent)"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def page(made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenarios, four strategies, one with a diverged run and a name that would be markup."""
    folder = tmp_path_factory.mktemp("page")
    cells = []
    for scenario in ("one", "two"):
        for k, cell in enumerate(made.three(scenario)):
            cell.cost["train_seconds"] = np.full(cell.members, 2.0 + k)
            cells.append(cell)
        status = np.array(["done"] * 11 + ["diverged"], dtype=object)
        cells.append(
            made.cell(
                NASTY,
                made.draw(0.6, 12, 7),
                scenario,
                member_status=status,
                options={"memory": 200},
            )
        )
    record = made.save(folder / "demo.h5", *cells, suite=NASTY, text="compare: {baseline: poor}")
    write(leaderboard([record], folder / "board"), folder / "board")
    return folder / "board" / "index.html"


@pytest.fixture
def at(chromium: Browser, page: Path) -> Iterator[Browser]:
    """The page, just opened; nothing may be left in the console, and nothing but the page may have been asked for."""
    chromium.resize(1200)
    chromium.prefer("light")
    chromium.open(Path("/dev/null"))
    chromium.complaints()
    chromium.requests()
    chromium.open(page)
    yield chromium
    assert chromium.complaints() == []
    assert [url for url in chromium.requests() if not url.startswith(("data:", "blob:"))] == [
        page.as_uri()
    ]


def choose(browser: Browser, label: str, option: str) -> None:
    """As a reader does with a select."""
    browser.run(
        """const label = [...document.querySelectorAll('label')].find(one => one.firstChild.textContent === arguments[0]);
        const select = label.querySelector('select');
        select.value = arguments[1];
        select.dispatchEvent(new Event('change'));""",
        label,
        option,
    )


def colour(browser: Browser) -> Any:
    return browser.run("return getComputedStyle(document.body).backgroundColor")


def test_the_ranking_shows_ranks_groups_and_intervals(at: Browser) -> None:
    choose(at, "Scenario", "one")
    row = at.run(
        "return [...document.querySelector('.ranking tbody tr').cells].map(cell => cell.textContent)"
    )
    assert row[:3] == ["1", "good", "a  "]
    assert row[4] == ""  # the interval, drawn
    assert at.run("return document.querySelectorAll('.ranking tbody svg circle').length") == 4


def test_strategies_that_cannot_be_told_apart_share_a_rank(
    chromium: Browser, made, tmp_path: Path
) -> None:
    record = made.save(
        tmp_path / "ties.h5", *made.cells({"a": [0.5, 0.6, 0.7], "b": [0.6, 0.5, 0.7]})
    )
    write(leaderboard([record], tmp_path), tmp_path)
    chromium.open(tmp_path / "index.html")
    assert chromium.run(
        "return [...document.querySelectorAll('.ranking tbody tr')].map(row => row.cells[0].textContent)"
    ) == ["= 1", "= 1"]


def test_a_click_on_a_column_sorts_and_another_turns_it_round(at: Browser) -> None:
    choose(at, "Scenario", "one")
    click = "document.querySelector('[data-key=mean]').click()"
    at.run(click)
    assert at.run(NAMES)[:2] == ["poor", NASTY + "1 diverged"]
    at.run(click)
    assert at.run(NAMES)[0] == "good"
    assert (
        at.run("return document.querySelector('[data-key=mean]').closest('th').ariaSort")
        == "descending"
    )


def test_the_filter_looks_at_names_and_options(at: Browser) -> None:
    at.run("document.querySelector('input[type=search]').focus()")
    at.press("memory=200")
    assert at.run(NAMES) == [NASTY + "2 diverged"]
    assert at.run("return document.querySelector('output').textContent") == "1 of 4 strategies"
    at.press("x")
    assert (
        at.run("return document.querySelector('.ranking .empty').textContent")
        == "No strategy matches the filter."
    )


def test_the_theme_follows_the_system_until_the_switch_is_used(at: Browser) -> None:
    light = colour(at)
    at.prefer("dark")
    dark = colour(at)
    assert dark != light
    at.run("document.getElementById('theme').click()")
    assert colour(at) == light
    assert at.run("return document.getElementById('theme').ariaPressed") == "false"


def test_the_figures_are_drawn_with_names_and_tables(at: Browser) -> None:
    assert at.soon(f"return {FIGURES}.length === 5")  # ranks, and two of each scenario
    assert at.run(f"return {FIGURES}.every(svg => svg.getAttribute('aria-label').length > 10)")
    assert at.run(
        "return [...document.querySelectorAll('figure')].every(one => one.querySelector('details'))"
    )
    assert at.run(
        "return [...document.querySelectorAll('svg *')].every(one => !/NaN|undefined/.test(one.outerHTML))"
    )


def test_a_link_opens_an_entry_with_its_matrix_options_and_environment(at: Browser) -> None:
    at.run("document.querySelector('.ranking tbody a').click()")
    assert at.soon(
        "return document.querySelectorAll('main > section > details[open] .heat').length === 2"
    )
    entry = at.run("return document.querySelector('main > section > details[open]').textContent")
    assert "Options" in entry
    assert "Environment" in entry
    assert "Not yet, in these records." in entry


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_makes_the_page_scroll_sideways(at: Browser, width: int) -> None:
    at.resize(width)
    at.run(
        "document.querySelectorAll('summary').forEach(summary => summary.parentElement.open = true)"
    )
    assert at.soon(
        "return document.querySelectorAll('.heat').length === 8 && document.querySelectorAll('figure svg[role=img]').length === 5"
    )
    assert at.run("return document.documentElement.scrollWidth") <= width
    at.run("document.querySelectorAll('details details').forEach(one => one.open = true)")
    assert at.run("return document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_and_works_everything(at: Browser) -> None:
    focused = (
        "const one = document.activeElement; return one.dataset?.key ?? (one.id || one.localName)"
    )
    visited = []
    for _ in range(9):
        at.press("Tab")
        visited.append(at.run(focused))
    assert visited[:8] == ["a", "theme", "a", "select", "select", "input", "div", "name"]
    at.press("Enter")
    assert (
        at.run("return document.querySelector('[data-key=rank]').closest('th').ariaSort")
        == "ascending"
    )
    assert at.run(focused) == "rank", "sorting keeps the focus where it was"
    at.press("Space")
    assert (
        at.run("return document.querySelector('[data-key=rank]').closest('th').ariaSort")
        == "descending"
    )
    at.run("document.querySelector('main > section > details > summary').focus()")
    at.press("Enter")
    assert at.run("return document.querySelector('main > section > details').open")
    at.run("document.getElementById('theme').focus()")
    before = colour(at)
    at.press("Space")
    assert colour(at) != before


def test_names_that_are_markup_stay_text(at: Browser) -> None:
    assert at.run("return document.title") == f"Leaderboard: {NASTY}"
    assert at.run("return document.querySelector('h2').textContent") == NASTY
    assert at.run("return document.scripts.length") == 2


def test_the_page_can_fetch_nothing(at: Browser) -> None:
    assert (
        at.run("return fetch('data:text/plain,x').then(() => 'fetched', () => 'refused')")
        == "refused"
    )
    assert all("Content Security Policy" in line for line in at.complaints())


def test_tables_and_data_can_be_downloaded(at: Browser, tmp_path: Path) -> None:
    at.tool("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    at.run("document.querySelector('.downloads button').click()")
    at.run("document.getElementById('json').click()")
    table, data = tmp_path / "ranking.csv", tmp_path / "leaderboard.json"
    until = time.monotonic() + 10
    while not (table.exists() and data.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert table.read_text().startswith("Strategy,Average rank,Group")
    assert json.loads(data.read_text())["sections"][0]["title"] == NASTY


def test_no_accuracy_is_drawn_beyond_0_or_100_percent(
    chromium: Browser, made, tmp_path: Path
) -> None:
    near_one = [0.93, 0.99, 1.0, 1.0, 1.0]
    cells = made.cells({"a": near_one, "b": [1 - value for value in near_one]})
    for cell in cells:
        cell.cost["train_seconds"] = np.full(cell.members, 2.0)
    write(leaderboard([made.save(tmp_path / "r.h5", *cells)], tmp_path), tmp_path)
    chromium.open(tmp_path / "index.html")
    assert chromium.soon(f"return {FIGURES}.length === 3")
    ticks = chromium.run(
        """return [...document.querySelectorAll('figure svg .axis')].map(axis =>
          [...axis.querySelectorAll('text[text-anchor=end]')].map(text => Number(text.textContent)))"""
    )
    drawn = [found for found in ticks if found]
    assert len(drawn) == 2
    assert all(min(found) >= 0 and max(found) == 100 for found in drawn)
