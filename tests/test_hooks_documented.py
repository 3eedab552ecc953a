"""Every hook is explained where it is declared, shown in the guide with the same signature, and
tested.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clbench import hookspecs

TESTS = Path(__file__).parent
GUIDE = (TESTS.parent / "docs" / "plugins.md").read_text()
HOOKS = [hook for name, hook in vars(hookspecs).items() if name.startswith("clbench_")]
each_hook = pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.__name__)


def test_there_are_hooks() -> None:
    assert len(HOOKS) >= 10


@each_hook
def test_it_says_since_when(hook: Callable[..., object]) -> None:
    assert re.search(r"Since \d+\.\d+\.$", inspect.getdoc(hook) or "")


@each_hook
def test_the_guide_shows_its_signature(hook: Callable[..., object]) -> None:
    assert f"### `{hook.__name__}{str(inspect.signature(hook)).replace(chr(39), '')}`" in GUIDE


@each_hook
def test_a_test_uses_it(hook: Callable[..., object]) -> None:
    here = Path(__file__)
    sources = (path.read_text() for path in TESTS.rglob("*.py") if path != here)
    named = re.compile(rf'\b{hook.__name__}\b|"{hook.__name__.removeprefix("clbench_")}"')
    assert any(named.search(source) for source in sources)
