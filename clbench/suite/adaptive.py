"""Seeds that are added until strategies are told apart: `seeds: {until: separated, max: 30}`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal, Protocol

import pydantic
from pydantic import Field

from clbench.errors import suggest
from clbench.option_issues import issues_of
from clbench.stats.declared import ALWAYS_VALID, DECLARED, declared_looks
from clbench.suite.paths import Path, numbered
from clbench.suite.problems import Problems, must_be
from clbench.suite.seeds import MAX_SEEDS
from clbench.suite.suite import Compare

METHODS = {"declared": DECLARED, "always_valid": ALWAYS_VALID}
FEWEST, MOST = 6, 30  # seeds, where a suite does not say so

Count = Annotated[int, Field(ge=2, le=MAX_SEEDS)]


class Named(Protocol):
    """A cell, of a suite or of a record."""

    @property
    def label(self) -> str:
        """What tables call it."""

    @property
    def strategy(self) -> str:
        """The bare name."""


class Written(pydantic.BaseModel):
    """`seeds:` as a suite may write it, where seeds are added."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    until: Literal["separated"] = Field(
        description="Add seeds until every pair that is compared is decided, or max is reached."
    )
    min: Count | None = Field(
        default=None, description=f"Seeds before the first look; {FEWEST} unless given."
    )
    max: Count | None = Field(
        default=None, description=f"The most seeds there may be; {MOST} unless given."
    )
    looks: list[Count] | None = Field(
        default=None,
        description="Numbers of seeds, from min to max, at which the strategies are compared;"
        " unless given each is half as many again as the one before.",
    )
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="The level of all looks together; that of `compare` unless given."
    )
    rope: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="Who is shown to differ by less is decided, too; that of `compare` unless"
        " given.",
    )
    method: Literal["declared", "always_valid"] = Field(
        default="declared",
        description="Decide by looks that are declared here, or by bets that hold however often"
        " somebody looks and take a few seeds more.",
    )


@dataclass(frozen=True)
class Adaptive:
    """When to look, and by what it is decided whether seeds are added: fixed before the run."""

    looks: tuple[int, ...]  # numbers of seeds, ascending
    alpha: float
    rope: float | None
    method: str  # DECLARED or ALWAYS_VALID
    baseline: str | None = None  # as the suite names it, where its comparisons alone decide

    @property
    def fewest(self) -> int:
        """Seeds before the first look."""
        return self.looks[0]

    @property
    def most(self) -> int:
        """Seeds at which it ends."""
        return self.looks[-1]

    def limited(self, most: int) -> Adaptive:
        """With no more seeds than these."""
        earlier = [look for look in self.looks if look < most]
        return replace(self, looks=(*earlier, most))

    def __str__(self) -> str:
        """`6 to 30, until they tell the strategies apart`."""
        if self.fewest == self.most:
            return f"{self.most}"
        return f"{self.fewest} to {self.most}, until they tell the strategies apart"

    def to_plain(self) -> dict[str, Any]:
        """As a record holds it."""
        return {**asdict(self), "looks": list(self.looks)}


def adaptive_seeds(value: Mapping[str, Any], compare: Compare, problems: Problems) -> Adaptive:
    """What a suite asks for, complete; everything wrong with it goes into `problems`."""
    written = _checked(value, problems)
    looks = _looks(written, problems)
    if compare.unpaired:
        unpaired = "compares runs of the same seeds, and `compare` says unpaired: true"
        problems.add(("seeds", "until"), unpaired)
    if compare.choose_on is not None:
        kept = "decides by all seeds, and `compare` keeps some to choose on; leave choose_on out"
        problems.add(("seeds", "until"), kept)
    return Adaptive(
        looks=looks,
        alpha=compare.alpha if written.alpha is None else written.alpha,
        rope=compare.rope if written.rope is None else written.rope,
        method=METHODS[written.method],
        baseline=compare.baseline_where_seeds_are_added,
    )


def declared_rule(seeds: object, compare: Compare) -> Adaptive | None:
    """The same of the text of a suite that was run; None where it adds no seeds, or is wrong."""
    if not isinstance(seeds, dict):
        return None
    problems = Problems("", {})
    found = adaptive_seeds(seeds, compare, problems)
    return None if problems.found else found


def labelled_so(name: str | None, cells: Iterable[Named]) -> str | None:
    """The label that a baseline's name stands for; None where it is no single strategy's."""
    every = list(cells)
    labels = {cell.label for cell in every if cell.label == name}
    labels = labels or {cell.label for cell in every if cell.strategy == name}
    return labels.pop() if len(labels) == 1 else None


def _checked(value: Mapping[str, Any], problems: Problems) -> Written:
    """The keys that are sound; of the others a sentence each."""
    try:
        return Written.model_validate(value, strict=True)
    except pydantic.ValidationError as error:
        wrong = issues_of(error, value)
    for path, message in wrong:
        problems.add(("seeds", *numbered(path)), _sentence(path, message))
    bad = {path[0] for path, _ in wrong}
    sound = {key: given for key, given in value.items() if key not in bad}
    return Written.model_validate({"until": "separated", **sound}, strict=True)


def _sentence(path: tuple[str, ...], message: str) -> str:
    if path == ("until",):
        given = message.rpartition(", not ")[2]
        what = "is missing" if message.startswith("is missing") else f"is not {given}"
        return f"{what}; write `until: separated`"
    if message == "is not known here":
        return f"unknown key{suggest(path[0], Written.model_fields)}"
    return message


def _looks(written: Written, problems: Problems) -> tuple[int, ...]:
    """The looks, from the fewest seeds to the most."""
    if written.looks is not None:
        return _given_looks(written, written.looks, problems)
    fewest = written.min or min(FEWEST, written.max or MOST)
    most = written.max or max(MOST, fewest)
    if most < fewest:
        problems.add(("seeds", "max"), f"is {most}, and no fewer than min, {fewest}, can be run")
        return (fewest,)
    return declared_looks(fewest, most)


def _given_looks(written: Written, looks: list[int], problems: Problems) -> tuple[int, ...]:
    path: Path = ("seeds", "looks")
    if not looks or looks != sorted(set(looks)):
        problems.add(path, must_be("ascending numbers of seeds", looks))
        return (FEWEST,)
    ends = {"min": (written.min, looks[0]), "max": (written.max, looks[-1])}
    for key, (end, own) in ends.items():
        if end is not None and end != own:
            which = "begin" if key == "min" else "end"
            problems.add(path, f"must {which} with {key}, which is {end}, not with {own}")
    return tuple(looks)
