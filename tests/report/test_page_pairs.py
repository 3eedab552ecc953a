"""Two strategies head to head on the leaderboard's page."""

from __future__ import annotations

import pytest

from tests.report.browser import CHROMIUM, DRIVER, MISSING, Browser
from tests.report.pages import NASTY, choose

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)

DUELS = "[...document.querySelectorAll('.duel figure')]"


def dots(browser: Browser, figure: int) -> int:
    return browser.run(
        f"return {DUELS}[arguments[0]].querySelectorAll('svg [data-tip]').length", figure
    )


def test_a_pair_is_chosen_in_the_matrix_and_shown_by_seed_task_and_scenario(at: Browser) -> None:
    choose(at, "Scenario", "one")
    assert at.soon("return document.querySelector('.matrix td.better button') !== null")
    at.run(
        """const row = [...document.querySelectorAll('.matrix tbody tr')]
             .find(one => one.cells[0].textContent === 'middle');
        row.cells[4].querySelector('button').click()"""
    )
    titles = f"return {DUELS}.map(one => one.querySelector('strong').textContent)"
    assert at.soon(f"return {DUELS}.filter(one => one.querySelector('svg[role=img]')).length === 3")
    assert at.run(titles) == [
        f"By {what}: middle against poor" for what in ("seed", "task", "scenario")
    ]
    assert [dots(at, figure) for figure in range(3)] == [12, 2, 2]
    words = at.run("return document.querySelector('.duel > p').textContent")
    assert "middle is ahead in 12 of 12 seeds (95 % interval of the share: " in words
    assert " to 100.0 %), poor in 0." in words
    assert "middle \N{MINUS SIGN} poor: +20." in words
    assert words.endswith("middle better, A = 1.00.")
    assert at.run("return location.hash") == "#s0&scenario=one&a=middle&b=poor"
    chosen = "return document.querySelector('.matrix [aria-pressed=true]')"
    assert at.run(f"{chosen}.dataset.tip").startswith("middle ")


def test_a_link_opens_a_pair_and_a_swap_turns_it_round(at: Browser) -> None:
    at.run("location.hash = '#s0&scenario=two&a=poor&b=good'")
    words = "return document.querySelector('.duel > p').textContent"
    assert at.soon(f"{words}.includes('poor is ahead in 0 of 12 seeds')")
    assert ", good in 12. poor \N{MINUS SIGN} good: " in at.run(words)
    at.run(
        "[...document.querySelectorAll('.duel button')]"
        ".find(one => one.textContent === 'Swap').click()"
    )
    assert "good is ahead in 12 of 12 seeds" in at.run(words)
    choose(at, "against", "middle")
    assert at.run("return location.hash") == "#s0&scenario=two"  # the pair of the start again


@pytest.mark.parametrize("pair", ["a=good&b=nobody", "a=good&b=good", "a=good"])
def test_a_pair_that_is_not_here_is_the_pair_of_the_start(at: Browser, pair: str) -> None:
    at.run("location.hash = '#s0&scenario=one&' + arguments[0]", pair)
    words = "return document.querySelector('.duel > p').textContent"
    assert at.soon(f"{words}.includes('good is ahead in 12 of 12 seeds')")
    assert "middle in 0. good \N{MINUS SIGN} middle: " in at.run(words)


def test_a_failed_run_is_worst_and_stands_at_the_edge(at: Browser) -> None:
    at.run("location.hash = '#s0&scenario=one&a=good&b=' + encodeURIComponent(arguments[0])", NASTY)
    words = "return document.querySelector('.duel > p').textContent"
    assert at.soon(f"{words}.includes('good is ahead in 12 of 12 seeds')")
    assert at.soon(f"return {DUELS}[0]?.querySelector('svg[role=img]')")
    assert dots(at, 0) == 12
    tips = f"return [...{DUELS}[0].querySelectorAll('path[data-tip]')].map(one => one.dataset.tip)"
    (tip,) = at.run(tips)
    assert tip.startswith("seed 11: good ")
    assert tip.endswith(f"{NASTY} failed")


def test_the_keyboard_stays_on_the_pair_that_it_chose_and_on_the_list(at: Browser) -> None:
    choose(at, "Scenario", "one")
    at.run("document.querySelectorAll('.matrix button')[1].focus()")
    chosen = at.run("return document.activeElement.dataset.focus")
    at.press("Enter")
    assert at.run("return document.activeElement.dataset.focus") == chosen
    assert at.run("return document.activeElement.ariaPressed") == "true"
    at.run("document.querySelector('.duel select').focus()")
    at.press("Down")
    assert at.run("return document.activeElement.dataset.focus") == "select One"


def test_a_matrix_that_was_folded_stays_folded(at: Browser) -> None:
    matrix = (
        "[...document.querySelectorAll('summary')]"
        ".find(one => one.textContent.startsWith('Every strategy'))"
    )
    assert at.run(f"return {matrix}.parentElement.open")
    at.run(f"{matrix}.click()")
    choose(at, "Scenario", "one")
    assert not at.run(f"return {matrix}.parentElement.open")
