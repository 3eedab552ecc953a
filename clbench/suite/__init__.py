"""The suite file: reading it, checking it, expanding it to cells. No torch in here."""

from __future__ import annotations

from clbench.suite.cell import ENGINE_VERSION, Cell
from clbench.suite.checks import Checks
from clbench.suite.choice import Choice
from clbench.suite.labels import pick, split_names
from clbench.suite.load import check_suite, load_suite
from clbench.suite.packaged import packaged_suites
from clbench.suite.protocol import Protocol, describe_protocol
from clbench.suite.schema import json_schema
from clbench.suite.source import read_suite
from clbench.suite.suite import Compare, Suite, contradiction

__all__ = [
    "ENGINE_VERSION",
    "Cell",
    "Checks",
    "Choice",
    "Compare",
    "Protocol",
    "Suite",
    "check_suite",
    "contradiction",
    "describe_protocol",
    "json_schema",
    "load_suite",
    "packaged_suites",
    "pick",
    "read_suite",
    "split_names",
]
