"""What comes with clbench asks for as many seeds as its own comparison needs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from clbench.host import Host
from clbench.stats.power import penalty, seeds_needed
from clbench.suite import Suite, load_suite, packaged_suites

README = Path(__file__).parents[2] / "README.md"


def pairs_of(suite: Suite, host: Host) -> int:
    """How many pairs the comparison of the suite's record tests within its scenarios."""
    strategies = Counter(cell.scenario_label for cell in suite.cells)
    return sum(count * (count - 1) // 2 for count in strategies.values())


def fewest_seeds(suite: Suite, pairs: int) -> int:
    rules = suite.compare
    factor = penalty(pairs, rules.correction or "holm")
    return seeds_needed(rules.alpha, factor, paired=not rules.unpaired)


@pytest.mark.parametrize("name", packaged_suites())
def test_a_shipped_suite_has_seeds_enough_for_its_own_tests(name: str) -> None:
    host = Host.load()
    suite = load_suite(name, host)
    pairs = pairs_of(suite, host)
    assert len(suite.seeds) >= fewest_seeds(suite, pairs)
    said = re.search(r"fewest with which (\d+) pairs", suite.text)
    assert said is not None, "the file does not say why it has so many seeds"
    assert int(said[1]) == pairs


def test_the_readmes_suite_has_seeds_enough_for_its_own_tests(tmp_path: Path) -> None:
    parts = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    for name, text in parts:
        (tmp_path / name).write_text(text)
    plugin = tmp_path / "my_method.py"
    host = Host.load([plugin])
    suite = load_suite(tmp_path / "my_suite.yaml", host)
    pairs = pairs_of(suite, host)
    assert pairs == 10
    assert len(suite.seeds) == fewest_seeds(suite, pairs)
