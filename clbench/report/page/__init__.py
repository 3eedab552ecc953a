"""The leaderboard's page: one file, nothing loaded, nothing sent.

The data stands in it as JSON, where no letter of it can be markup; the scripts make text nodes of
names, never markup. The page's own policy lets the browser run these scripts and styles, known by
their hashes, and fetch nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

SCRIPTS = (
    "charts.js",
    "picture.js",
    "parts.js",
    "views.js",
    "ranks.js",
    "duel.js",
    "ranking.js",
    "figures.js",
    "pairs.js",
    "entries.js",
    "section.js",
    "page.js",
)  # in the order in which they build on each other
_ESCAPED = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def page(data: dict[str, Any]) -> str:
    """The page of `page_data`."""
    style = _file("style.css")
    script = "".join(map(_file, SCRIPTS))
    titles = [section["title"] for section in data["sections"]]
    return rendered(
        "template.html",
        style=style,
        script=script,
        policy=_policy(style, script),
        data=embedded(data),
        titles=titles,
        version=data["version"],
        project=data["project"],
        citation=data["citation"],
        date=_last_day(data["sections"]),
    )


def rendered(template: str, **values: Any) -> str:
    """A template of this folder with its values, all of which are escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_file(template)).render(**values)


def _last_day(sections: Sequence[Mapping[str, Any]]) -> str:
    """When a record was last added to."""
    days = [""]
    for section in sections:
        days += [record["date"][:10] for record in section["records"]]
    return max(days)


def embedded(data: Any) -> str:
    """JSON that can stand inside a script element: no letter of it ends the element, or a line."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPED)


def _policy(style: str, script: str) -> str:
    """Content-Security-Policy: these two texts and nothing else; the data is never run."""
    rules = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {allowed}" for name, allowed in rules.items())


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _file(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
