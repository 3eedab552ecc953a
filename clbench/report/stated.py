"""What a record's suite says of its comparison, read as suites are read: one text, one meaning."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clbench.records import RecordFile
from clbench.records.combining import separated
from clbench.report.findings import StatedNotUsed

if TYPE_CHECKING:
    from pydantic import ValidationError

    from clbench.suite import Compare
    from clbench.suite.adaptive import Adaptive


def stated_comparison(suite_text: str) -> tuple[Compare, list[StatedNotUsed]]:
    """The suite's `compare:` block; the defaults, and why, where it cannot be used."""
    import pydantic

    from clbench.suite import Compare

    block = _suite(suite_text).get("compare")
    try:
        return Compare.model_validate(block or {}), []
    except pydantic.ValidationError as error:
        return Compare(), [_not_used(error)]


def _not_used(error: ValidationError) -> StatedNotUsed:
    """By the first thing that is wrong with it."""
    wrong = error.errors()[0]
    where = ".".join(["compare", *map(str, wrong["loc"])])
    return StatedNotUsed("what the suite says of its comparison", f"{where}: {wrong['msg']}")


def asked_seeds(suite_text: str) -> tuple[int, ...]:
    """The seeds that the suite asks for; none where it does not say so."""
    from clbench.suite.seeds import check_seeds

    try:
        return tuple(check_seeds(_suite(suite_text).get("seeds")))
    except ValueError:
        return ()


def stated_rule(suite_text: str) -> Adaptive | None:
    """By what the suite adds seeds until strategies are told apart; None where it does not."""
    from clbench.suite.adaptive import declared_rule

    compare, _ = stated_comparison(suite_text)
    return declared_rule(_suite(suite_text).get("seeds"), compare)


def asked_by_cell(record: RecordFile) -> dict[str, tuple[int, ...]]:
    """By key the seeds that the cell's suite asks for; of a merged record each suite's own."""
    found: dict[str, tuple[int, ...]] = {}
    for part in separated(record):
        asked = asked_seeds(part.suite_text)
        found |= {cell.key: asked for cell in part.cells}
    return found


@functools.lru_cache(maxsize=64)
def _suite(suite_text: str) -> Mapping[str, Any]:
    """Parsed once: one comparison asks it for its rules, its seeds, and how they were added."""
    from clbench.suite.yaml import parse

    data = parse(suite_text).data
    return data if isinstance(data, dict) else {}
