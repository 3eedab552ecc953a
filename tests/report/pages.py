"""What the tests of the leaderboard's page share: how they look at it."""

from __future__ import annotations

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
