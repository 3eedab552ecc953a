"""The leaderboard's page in a real browser: what a reader sees, clicks and types."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from clbench.report.leaderboard import leaderboard
from clbench.report.publishing import write
from tests.report.browser import CHROMIUM, DRIVER, MISSING, Browser
from tests.report.pages import FIGURES, NAMES, NASTY, choose, saved

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)


def colour(browser: Browser) -> Any:
    return browser.run("return getComputedStyle(document.body).backgroundColor")


def test_the_ranking_shows_ranks_groups_and_intervals(at: Browser) -> None:
    choose(at, "Scenario", "one")
    row = at.run(
        "return [...document.querySelector('.ranking tbody tr').cells].map(cell => "
        "cell.textContent)"
    )
    assert row[:2] == ["1", "good"]
    assert row[3] == ""  # the interval, drawn
    assert row[5] == "a  "
    assert at.run("return document.querySelectorAll('.ranking tbody svg circle').length") == 4


def test_strategies_that_cannot_be_told_apart_share_their_ranks(
    chromium: Browser, made, tmp_path: Path
) -> None:
    record = made.save(
        tmp_path / "ties.h5", *made.cells({"a": [0.5, 0.6, 0.7], "b": [0.6, 0.5, 0.7]})
    )
    write(leaderboard([record], tmp_path), tmp_path)
    chromium.open(tmp_path / "index.html")
    assert (
        chromium.run(
            "return [...document.querySelectorAll('.ranking tbody tr')].map(row => "
            "row.cells[0].textContent)"
        )
        == ["1\N{EN DASH}2"] * 2
    )


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
    assert at.soon(f"return {FIGURES}.length === 6")  # two of ranks, and two of each scenario
    assert at.run(f"return {FIGURES}.every(svg => svg.getAttribute('aria-label').length > 10)")
    assert at.run(
        "return [...document.querySelectorAll('figure')].every(one => one.querySelector('details'))"
    )
    assert at.run(
        "return [...document.querySelectorAll('svg *')].every(one => "
        "!/NaN|undefined/.test(one.outerHTML))"
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
        f"return document.querySelectorAll('.heat').length === 8 && {FIGURES}.length === 6"
    )
    assert at.run("return document.documentElement.scrollWidth") <= width
    at.run("document.querySelectorAll('details details').forEach(one => one.open = true)")
    assert at.run("return document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_and_works_everything(at: Browser) -> None:
    focused = (
        "const one = document.activeElement; return one.dataset?.key ?? (one.id || one.localName)"
    )
    visited = []
    for _ in range(10):
        at.press("Tab")
        visited.append(at.run(focused))
    assert visited[:5] == ["a", "theme", "a", "select", "select"]
    assert visited[5:9] == ["select", "input", "div", "rank"]
    at.run("document.querySelector('[data-key=rank]').focus()")
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
    lines = table.read_text().splitlines()
    assert lines[0].startswith('Rank,Strategy,"Mean, %",')
    assert lines[1].startswith("1,good,0.9")
    assert json.loads(data.read_text())["sections"][0]["title"] == NASTY


def test_every_figure_can_be_saved_with_its_colours_and_its_legend(
    at: Browser, tmp_path: Path
) -> None:
    at.tool("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    choose(at, "Scenario", "one")
    figures = "[...document.querySelectorAll('figure')]"
    number = at.run(f"return {figures}.findIndex((one) => one.querySelector('.legend'))")
    names = at.run(f"return {figures}[{number}].querySelector('.legend').textContent")
    for kind in ("SVG", "PNG"):
        at.run(
            f"{figures}[{number}].querySelectorAll('.downloads button').forEach("
            f"(one) => one.textContent === '{kind}' && one.click())"
        )
    drawn = saved(tmp_path, "*.svg")
    root = ElementTree.parse(drawn).getroot()
    text = "".join(root.itertext())
    assert all(name in text for name in ("good", "poor", NASTY) if name in names)
    assert "var(" not in drawn.read_text()  # no colour of the page's style sheet is missing
    assert len({line.get("stroke") for line in root.iter("{http://www.w3.org/2000/svg}path")}) > 2
    picture = Image.open(saved(tmp_path, "*.png"))
    assert picture.size == (2 * int(root.get("width", 0)), 2 * int(root.get("height", 0)))
    assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20  # drawn, and not blank


def test_no_accuracy_is_drawn_beyond_0_or_100_percent(
    chromium: Browser, made, tmp_path: Path
) -> None:
    near_one = [0.93, 0.99, 1.0, 1.0, 1.0]
    cells = made.cells({"a": near_one, "b": [1 - value for value in near_one]})
    for cell in cells:
        cell.cost["train_seconds"] = np.full(cell.members, 2.0)
    write(leaderboard([made.save(tmp_path / "r.h5", *cells)], tmp_path), tmp_path)
    chromium.open(tmp_path / "index.html")
    assert chromium.soon(f"return {FIGURES}.length === 4")
    ticks = chromium.run(
        """return [...document.querySelectorAll('figure svg .axis')].map(axis =>
          [...axis.querySelectorAll('text[text-anchor=end]')]
            .map(text => Number(text.textContent)))"""
    )
    drawn = [found for found in ticks if found]  # ranks have no such axis
    assert len(drawn) == 4  # curves, costs, head to head by seed and by task
    assert all(min(found) >= 0 and max(found) == 100 for found in drawn)


# ---------------------------------------------------------------------- what is chosen has an
# address


def test_a_view_has_an_address_that_leads_back_to_it(at: Browser, page: Path) -> None:
    choose(at, "Scenario", "two")
    at.run("document.querySelector('[data-key=mean]').click()")
    at.run("document.querySelector('[data-key=mean]').click()")
    at.run("document.querySelector('input[type=search]').focus()")
    at.press("o")
    address = at.run("return location.hash")
    assert address == "#s0&scenario=two&filter=o&sort=-mean"
    assert at.run("return document.querySelector('.downloads a').hash") == address
    names = at.run(NAMES)
    at.run("location.hash = ''")
    at.run("location.hash = arguments[0]", address)
    assert at.soon("return document.querySelector('.controls input').value === 'o'")
    assert at.run(NAMES) == names
    assert at.run("return document.querySelectorAll('.controls select')[1].value") == "two"
    assert at.run("return document.querySelector('[data-key=mean]').closest('th').ariaSort") == (
        "descending"
    )


def test_an_address_of_what_is_not_here_shows_the_page_as_at_first(at: Browser) -> None:
    before = at.run(NAMES)
    at.run("location.hash = '#s0&scenario=none&metric=<b>&cost=x&curves=y&sort=-z&q=1'")
    time.sleep(0.2)
    assert at.run(NAMES) == before
    assert at.run("return document.querySelectorAll('b').length") == 0


def test_the_back_button_takes_back_what_was_chosen(at: Browser) -> None:
    first = at.run(NAMES)
    choose(at, "Scenario", "two")
    at.run("document.querySelector('[data-key=name]').click()")
    sorted_names = at.run(NAMES)
    at.run("document.querySelector('input[type=search]').focus()")
    at.press("oo")  # one step, not one for each letter
    assert len(at.run(NAMES)) < len(sorted_names)
    at.run("history.back()")
    assert at.soon("return document.querySelector('.controls input').value === ''")
    assert at.run(NAMES) == sorted_names
    at.run("history.go(-2)")
    assert at.soon("return document.querySelectorAll('.controls select')[1].value !== 'two'")
    assert at.run(NAMES) == first
    at.run("history.forward()")
    assert at.soon("return document.querySelectorAll('.controls select')[1].value === 'two'")


# ---------------------------------------------------------------------- what a reader is told


def test_the_words_are_folded_until_somebody_wants_them(at: Browser) -> None:
    words = "[...document.querySelectorAll('summary')].find(one => one.textContent === 'In words')"
    assert not at.run(f"return {words}.parentElement.open")
    at.run(f"{words}.click()")
    assert at.soon("return document.querySelector('.sentences') !== null")
    choose(at, "Scenario", "one")
    assert at.soon(f"return {words}.parentElement.open"), "it stays as the reader left it"


def test_pairs_are_a_matrix_with_a_tooltip_each(at: Browser) -> None:
    choose(at, "Scenario", "one")
    at.run(
        "document.querySelector('.matrix') ?? [...document.querySelectorAll('summary')]"
        ".find(one => one.textContent.startsWith('Every strategy')).click()"
    )
    assert at.soon("return document.querySelectorAll('.matrix tbody td').length === 16")
    kinds = at.run(
        "return [...document.querySelectorAll('.matrix tbody tr')].map(row =>"
        " [...row.cells].slice(1).map(cell => cell.className))"
    )
    assert kinds[0][1:] == ["better"] * 3  # good, against all others
    assert [row[0] for row in kinds[1:]] == ["worse"] * 3
    at.run("document.querySelector('.matrix td.better button').focus()")
    tip = at.run("return document.querySelector('.tip').textContent")
    assert tip.startswith("good \N{MINUS SIGN} ")
    assert "adjusted p" in tip
    assert at.run("return document.querySelector('.tip').hidden") is False
    at.press("\ue00c")  # Escape
    assert at.run("return document.querySelector('.tip').hidden")


def test_the_page_says_how_to_add_a_result_and_how_to_cite(at: Browser) -> None:
    at.run("document.querySelectorAll('footer details').forEach(one => one.open = true)")
    footer = at.run("return document.querySelector('footer').textContent")
    assert "clbench leaderboard records/*.h5 mine/*.h5 --out ." in footer
    assert "@software{clbench," in footer


# ---------------------------------------------------------------------- what is drawn


def test_bands_end_where_the_frame_does(at: Browser) -> None:
    assert at.soon(f"return {FIGURES}.length === 6")
    unclipped = (
        "return [...document.querySelectorAll('.band')]"
        ".filter(one => !one.getAttribute('clip-path')).length"
    )
    assert at.run("return document.querySelectorAll('.band').length") > 0
    assert at.run(unclipped) == 0
    box = at.run(
        """const band = document.querySelector('.band');
           const id = band.getAttribute('clip-path').slice(5, -1);
        const frame = document.getElementById(id).firstChild, svg = band.closest('svg');
        return [frame.y.baseVal.value, frame.height.baseVal.value, svg.height.baseVal.value]"""
    )
    assert box[0] >= 0
    assert box[0] + box[1] < box[2]


def test_at_400_pixels_the_mean_is_in_sight(at: Browser) -> None:
    at.resize(400)
    for scenario in ("one", "all scenarios"):
        choose(at, "Scenario", scenario)
        assert (
            at.run("return document.querySelector('[data-key=mean]').getBoundingClientRect().right")
            < 400
        )


def test_legends_of_all_figures_have_the_table_s_order(at: Browser) -> None:
    legends = at.run(
        "return [...document.querySelectorAll('.legend')].map(one => [...one.children].map(item => "
        "item.textContent))"
    )
    order = ["good", "middle", NASTY, "poor"]
    known = ["good", "middle", "poor"]  # nobody knows what the other one cost
    assert legends == [order, known] * 2
