"""What a comparison is to be: the suite's `compare:`, and what was given in its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from clbench.errors import RecordError, UserError, suggest
from clbench.records import Results
from clbench.report.contest import BASELINE, BY_DESIGN, EVERY_PAIR, RANKS, Rules
from clbench.report.findings import StatedNotUsed
from clbench.report.stated import stated_comparison, stated_rule
from clbench.stats.corrections import CORRECTIONS

TESTS, FAMILIES = (BY_DESIGN, RANKS), (EVERY_PAIR, BASELINE)
CHOICES = {"tests": TESTS, "family": FAMILIES, "correction": CORRECTIONS}


def rules_of(
    results: Results, given: Mapping[str, Any], seed: int
) -> tuple[Rules, list[StatedNotUsed]]:
    """Everything decided; and what of the suite's could not be followed."""
    block, not_used = stated_comparison(results.record.suite_text)
    stated = block.model_dump()
    rule = stated_rule(results.record.suite_text)
    if rule is not None:
        # What is compared is what decided how many seeds there are.
        family = block.family_where_seeds_are_added
        stated |= {"family": family, "alpha": rule.alpha, "rope": rule.rope}
    _check(given)
    chosen = stated | dict(given)
    chosen.pop("choose_on", None)  # `choosing.with_choices` did so
    baseline = chosen["baseline"]
    if baseline is not None:
        try:
            baseline = _label(results, baseline)
        except RecordError as error:
            # Who asks for it now wants to know; a suite may have been cut down since.
            if "baseline" in given:
                raise
            not_used.append(StatedNotUsed("the baseline that the suite names", str(error)))
            baseline = None
    chosen |= {"baseline": baseline, **_tests(stated, given, baseline)}
    return Rules(**chosen, seed=seed), not_used


def _tests(
    stated: Mapping[str, Any], given: Mapping[str, Any], baseline: str | None
) -> dict[str, Any]:
    """Which tests, of which family: what is given here goes before what the suite says."""
    tests = _tests_asked_for(given) or _tests_asked_for(stated) or BY_DESIGN
    if tests == BY_DESIGN:
        family = _family(stated, given, baseline)
        return {"tests": tests, "family": family, "correction": "holm", "unpaired": False}
    correction = given.get("correction") or stated["correction"] or "holm"
    return {"tests": tests, "family": EVERY_PAIR, "correction": correction}


def _tests_asked_for(block: Mapping[str, Any]) -> str | None:
    """A correction is one of tests on ranks, and so are the tests of runs that are not paired."""
    if block.get("correction") or block.get("unpaired"):
        return RANKS
    if block.get("family") == BASELINE:
        return BY_DESIGN
    asked: str | None = block.get("tests")
    return asked


def _family(stated: Mapping[str, Any], given: Mapping[str, Any], baseline: str | None) -> str:
    """Who names a baseline now asks how the others compare with it."""
    asked = given.get("family")
    if asked is None and given.get("baseline"):
        asked = BASELINE
    family: str = asked or stated["family"] or EVERY_PAIR
    if family == BASELINE and baseline is None:
        if asked is not None:
            raise UserError("the family of comparisons with a baseline needs one: --baseline NAME")
        return EVERY_PAIR
    return family


def _check(chosen: Mapping[str, Any]) -> None:
    """What is given here; what a suite says was checked when it was read."""
    from clbench.suite import contradiction

    for name, known in CHOICES.items():
        value = chosen.get(name)
        if value is not None and value not in known:
            raise UserError(f"unknown {name} {value!r}{suggest(value, known)}")
    _check_sizes(chosen.get("alpha"), chosen.get("rope"))
    wrong = contradiction(chosen)
    if wrong:
        raise UserError(wrong)


def _check_sizes(alpha: float | None, rope: float | None) -> None:
    if alpha is not None and not 0 < alpha < 1:
        raise UserError(f"alpha is {alpha:g}; it must lie between 0 and 1")
    if rope is not None and not (0 <= rope < math.inf):
        raise UserError(
            f"the region of practical equivalence is {rope:g}; it must be a finite size, 0 or more"
        )


def _label(results: Results, name: str) -> str:
    """A baseline's label: one strategy, on however many scenarios."""
    labels = list(dict.fromkeys(cell.label for cell in results.find(name)))
    if len(labels) > 1:
        raise RecordError(
            f"{name!r} names {len(labels)} strategies;"
            f" choose one as the baseline: {', '.join(labels)}"
        )
    return labels[0]
