"""The versions that are tested: the newest in constraints.txt, the oldest in
constraints-oldest.txt.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINNED = re.compile(r"([A-Za-z0-9_.-]+)==(\d+(?:\.\d+)*)")
FILES = ["constraints.txt", "constraints-oldest.txt"]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def numbers(version: str) -> tuple[int, ...]:
    """A version without zeros at its end: 2.9 is 2.9.0."""
    return tuple(map(int, re.sub(r"(\.0)+$", "", version).split(".")))


def pins(file: str) -> dict[str, tuple[int, ...]]:
    lines = (ROOT / file).read_text().splitlines()
    found = [PINNED.fullmatch(line) for line in lines]
    assert all(found), f"{file} has a line that is no name==version"
    return {canonical(line[1]): numbers(line[2]) for line in found if line}


def claimed() -> dict[str, tuple[int, ...]]:
    """The oldest version that each requirement of a user's installation allows."""
    requirements = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["parquet"]
    oldest = {}
    for requirement in requirements:
        name, _, version = requirement.partition(">=")
        oldest[canonical(name)] = numbers(version)
    return oldest


@pytest.mark.parametrize("file", FILES)
def test_constraints_are_pins_and_nothing_else(file: str) -> None:
    assert pins(file)


def test_the_oldest_versions_that_are_claimed_are_those_that_are_tested() -> None:
    tested = pins("constraints-oldest.txt")
    assert {name: tested.get(name) for name in claimed()} == claimed()


def test_the_newest_versions_that_are_tested_are_claimed() -> None:
    tested = pins("constraints.txt")
    installed = {name: oldest for name, oldest in claimed().items() if name in tested}
    assert [name for name, oldest in installed.items() if tested[name] < oldest] == []
