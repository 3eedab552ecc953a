"""What records of schema 1 said in another way, made what it is now.

Schema 1 told faults in sentences (`metric NAME: Undefined: REASON`), and had no word for strategies
that are bounds, which were known by their names.
"""

from __future__ import annotations

import re

from clbench.records.faults import Fault

SCHEMA_VERSION = 1
FAULT_OF_METRIC = re.compile(
    r"metric (?P<metric>\S+): (?P<undefined>Undefined: )?(?P<said>.*)", re.S
)
BOUNDS = ("joint", "cumulative")  # strategies built in since the first record


def fault_of(sentence: str) -> Fault:
    """The fault that a sentence of `errors` tells of; a sentence about no metric is a job's."""
    found = FAULT_OF_METRIC.match(sentence)
    if found is None:
        return Fault(sentence)
    return Fault(found["said"], found["metric"], undefined=found["undefined"] is not None)


def declared(said: tuple[str, ...], strategy: str) -> tuple[str, ...]:
    """What the classes of a strategy declare, bounds among it."""
    if not said and strategy in BOUNDS:
        return ("bound",)
    return said
