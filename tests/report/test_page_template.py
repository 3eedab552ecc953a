"""The page of a leaderboard as a text, before a browser opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from clbench.records import RecordFile, write_file
from clbench.report import page as page_module
from clbench.report.leaderboard import leaderboard
from clbench.report.page import SCRIPTS, embedded, page
from clbench.report.page_data import page_data

NASTY = "<script>alert(1)</script>&\u2028"


class Elements(HTMLParser):
    """The scripts of a page, and every address in an attribute."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.addresses: list[str] = []
        self.open: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.open = dict(attrs) if tag == "script" else None

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.scripts.append((self.open, data))
            self.open = None


def test_names_that_are_markup_do_not_leave_their_data(made, tmp_path) -> None:
    path = made.save(
        tmp_path / "demo.h5",
        *made.cells({"<script>alert(1)</script>": [0.5] * 6, "b": [0.6] * 6}),
        suite="</script><b>",
    )
    text = page(page_data(leaderboard([path], tmp_path)))
    scripts = Elements(text).scripts
    assert [attributes.get("type") for attributes, _ in scripts] == ["application/json", None]
    data = json.loads(scripts[0][1])
    assert data["sections"][0]["strategies"] == ["<script>alert(1)</script>", "b"]
    assert data["sections"][0]["title"] == "</script><b>"


def test_embedded_data_has_no_letter_that_means_something_in_a_page() -> None:
    text = embedded({"a": NASTY + "\u2029"})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"a": NASTY + "\u2029"}


def test_the_page_forbids_itself_the_network(three, tmp_path) -> None:
    text = page(page_data(leaderboard([three], tmp_path)))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "http" not in policy[1]
    assert not [address for address in Elements(text).addresses if re.match(r"https?:|//", address)]


def test_the_page_is_dated_by_its_newest_run_and_not_by_today(made, tmp_path) -> None:
    cells = made.cells({"a": [0.5] * 6, "b": [0.6] * 6})
    runs = tuple(
        {"id": name, "date": f"{name}T10:00:00+00:00"} for name in ("2025-01-31", "2025-03-01")
    )
    write_file(tmp_path / "r.h5", RecordFile(1, "demo", "", {}, cells, runs=runs))
    sections = leaderboard([tmp_path / "r.h5"], tmp_path)
    text = page(page_data(sections))
    assert "Newest run: 2025-03-01." in text
    assert text == page(page_data(sections))
    undated = page(page_data(leaderboard([made.save(tmp_path / "old.h5", *cells)], tmp_path)))
    assert "Newest run" not in undated


# ---------------------------------------------------------------------- its parts


DATA = {
    "version": "1.2.3",
    "project": None,
    "citation": "@software{clbench,\n}",
    "sections": [
        {"title": "a & b", "records": [{"date": "2025-01-02T10:00"}, {"date": ""}]},
        {"title": "other", "records": [{"date": "2025-03-04T00:00"}]},
        {"title": "none", "records": []},
    ],
}


def test_the_page_needs_only_what_it_is_given() -> None:
    text = page(DATA)
    assert "Newest run: 2025-03-04." in text
    assert "1.2.3" in text
    assert "a &amp; b" in text
    assert "a & b" not in text.partition("<script")[0]


def test_without_sections_it_is_a_page_without_a_date() -> None:
    text = page({**DATA, "sections": []})
    assert "Newest run" not in text
    assert Elements(text).scripts


def test_the_policy_knows_the_scripts_and_styles_by_their_hashes() -> None:
    """What a browser computes of the texts on the page is what the policy allows."""
    text = page(DATA)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (script,) = [body for kind, body in Elements(text).scripts if "type" not in kind]
    policy = unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0])
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for name, content in (("script-src", script), ("style-src", style)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["form-action"] == rules["base-uri"] == "'none'"


def test_every_script_of_the_folder_is_on_the_page() -> None:
    folder = Path(page_module.__file__).parent
    assert {path.name for path in folder.glob("*.js")} == set(SCRIPTS)
    text = page(DATA)
    for path in folder.glob("*.js"):
        assert path.read_text().splitlines()[-1] in text


@pytest.mark.parametrize("value", [np.nan, float("inf")])
def test_what_no_browser_could_read_is_not_embedded(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"a": value})


def test_letters_of_any_language_stay_as_they_are() -> None:
    assert embedded(["naïve", "連続"]) == '["naïve","連続"]'
