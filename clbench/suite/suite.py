"""A suite that was read and found sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, Field

from clbench.suite.cell import Cell
from clbench.suite.choice import MetricChoice
from clbench.suite.seeds import check_seeds

if TYPE_CHECKING:
    from clbench.suite.adaptive import Adaptive

# A suite's name names files, with endings such as `.superseded.h5`; file systems take 255 bytes,
# and a letter may be four.
NAME = r"[A-Za-z0-9][\w.-]{0,59}"


class Compare(pydantic.BaseModel):
    """How `clbench compare` reads the results, unless its own options say otherwise."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    metric: str = Field(default="average_accuracy", description="The metric that is compared.")
    baseline: str | None = Field(
        default=None, description="The strategy, by label or name, that the others are set against."
    )
    alpha: float = Field(default=0.05, gt=0, lt=1, description="The level of the tests.")
    tests: Literal["by_design", "ranks"] | None = Field(
        default=None,
        description="Those that the design of the experiment asks for (the default), or"
        " tests on ranks alone.",
    )
    correction: Literal["holm", "bonferroni", "fdr_bh", "none"] | None = Field(
        default=None, description="Of tests on ranks, for testing several pairs; holm by default."
    )
    unpaired: bool = Field(default=False, description="Do not pair the runs by seed.")
    family: Literal["pairs", "baseline"] | None = Field(
        default=None,
        description="The comparisons that are tested together: every pair (the default), or"
        " those with the baseline.",
    )
    rope: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Differences up to this size count as none."
    )
    choose_on: Annotated[int | list[int], AfterValidator(check_seeds)] | None = Field(
        default=None,
        description="The seeds on which the best configuration of each grid is chosen; all is"
        " reported on the others.",
    )

    @property
    def family_where_seeds_are_added(self) -> Literal["pairs", "baseline"]:
        """The comparisons that decide whether seeds are added, and what is compared afterwards.

        Those with the baseline, where one is named and nothing else is said.
        """
        if self.family is not None:
            return self.family
        return "baseline" if self.baseline is not None and not self._on_ranks else "pairs"

    @property
    def _on_ranks(self) -> bool:
        return self.tests == "ranks" or self.correction is not None

    @property
    def baseline_where_seeds_are_added(self) -> str | None:
        """The baseline whose comparisons alone are to be decided; None where all are."""
        return self.baseline if self.family_where_seeds_are_added == "baseline" else None

    @pydantic.field_validator("family", "correction", "unpaired")
    @classmethod
    def _goes_together(cls, value: Any, known: pydantic.ValidationInfo) -> Any:
        """With the keys before it."""
        wrong = contradiction({**known.data, str(known.field_name): value})
        if wrong:
            raise ValueError(wrong)
        return value


def contradiction(asked: Mapping[str, Any]) -> str | None:
    """What of a comparison cannot be asked for at once, in a sentence."""
    on_ranks = [name for name in ("correction", "unpaired") if asked.get(name)]
    if asked.get("tests") == "by_design" and on_ranks:
        return (
            f"`{on_ranks[0]}` belongs to `tests: ranks`; tests by design pair the runs by seed,"
            " and adjust for their number themselves"
        )
    if asked.get("tests") == "ranks":
        on_ranks.append("tests: ranks")
    if asked.get("family") == "baseline" and on_ranks:
        return f"`{on_ranks[0]}` tests every pair; `family: baseline` belongs to tests by design"
    return None


@dataclass(frozen=True)
class Suite:
    """What `load_suite` gives: checked, and unfolded to its cells."""

    name: str
    file: str  # as messages name it
    text: str  # goes into the record; with overrides, what was really run
    seeds: tuple[int, ...]
    metrics: tuple[MetricChoice, ...]
    compare: Compare
    cells: tuple[Cell, ...] = ()  # scenario by scenario; equal ones once, with `smoke` tiny ones
    plugins: tuple[FilePath, ...] = ()
    warnings: tuple[str, ...] = ()
    smoke: bool = False
    own_seeds: tuple[int, ...] | None = None  # the file's, where `seeds` are named for one run
    adaptive: Adaptive | None = None  # by what seeds are added; `seeds` are then all there may be


def runs_in_words(suite: Suite) -> str:
    """How many runs a suite asks for: `12`, or `24 to 120` where seeds are added.

    A seed with all its agents is one run.
    """
    runs = sum(len(cell.seeds) for cell in suite.cells)
    if suite.adaptive is None or suite.adaptive.fewest == suite.adaptive.most:
        return f"{runs}"
    return f"{len(suite.cells) * suite.adaptive.fewest} to {runs}"
