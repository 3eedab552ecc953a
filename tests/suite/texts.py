"""Small suites as texts, which tests change line by line."""

from __future__ import annotations

from typing import Any

from clbench.host import Host
from clbench.suite import Suite, load_suite


def with_lines(**lines: str) -> str:
    """A small sound suite, one key a line, some of them replaced."""
    keys = {
        "name": "name: digits",
        "scenarios": "scenarios: [split: {dataset: digits}]",
        "protocol": "protocol: {}",
        "seeds": "seeds: 3",
        "strategies": "strategies: [naive, er: {memory: 5}]",
        "metrics": "metrics: [average_accuracy]",
        "compare": "compare: {baseline: naive}",
    }
    return "\n".join({**keys, **lines}.values()) + "\n"


def load_suite_text(suite: Suite, host: Host) -> tuple[Any, ...]:
    """What the text that goes into the record stands for."""
    from clbench.suite.yaml import parse

    return load_suite(parse(suite.text).data, host).cells
