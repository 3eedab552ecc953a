"""What the tests of the leaderboard's page share: how they look at it."""

from __future__ import annotations

import time
from pathlib import Path

from tests.report.browser import Browser

NASTY = "<script>document.title='caught'</script>"
FIGURES = (
    "[...document.querySelectorAll('figure svg[role=img]')].filter(one => !one.closest('.duel'))"
)
NAMES = "return [...document.querySelectorAll('.ranking tbody th')].map(cell => cell.textContent)"


def choose(browser: Browser, label: str, option: str) -> None:
    """As a reader does with a select."""
    browser.run(
        """const labels = [...document.querySelectorAll('label')];
           const label = labels.find(one => one.firstChild.textContent === arguments[0]);
        const select = label.querySelector('select');
        select.value = arguments[1];
        select.dispatchEvent(new Event('change'));""",
        label,
        option,
    )


def saved(folder: Path, pattern: str) -> Path:
    """The file that the browser saves, once it is there."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if found := list(folder.glob(pattern)):
            return found[0]
        time.sleep(0.05)
    raise AssertionError(f"no {pattern} was saved: {list(folder.iterdir())}")
