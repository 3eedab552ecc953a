"""Configurations chosen on some seeds and reported on the others: `--choose-on`.

Of each method that has several configurations on a scenario one row is left, the tuned one, and
beside it the default one where that is among them. The seeds that chose are in no number shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clbench.errors import UserError
from clbench.records import CellRecord, Results
from clbench.records.cell import select
from clbench.report.configurations import Configurations, configurations, scores_by_seed
from clbench.report.default_options import default_of
from clbench.report.findings import ChosenConfiguration, Omission, OnlyChoosingSeeds, StatedNotUsed
from clbench.report.pool import Pool
from clbench.report.runs import runs_of
from clbench.report.stated import stated_comparison
from clbench.stats.selection import choose_on
from clbench.suite.seeds import check_seeds, parse_seeds, seeds_in_words
from clbench.typing import Array

TUNED, DEFAULT = "tuned", "default"


def with_choices(pooled: Pool, given: Mapping[str, Any]) -> Pool:
    """The pool as `choose_on` leaves it: as it is given, or as the suite states it."""
    if pooled.choices:  # the choice was made already
        return pooled
    stated, _ = stated_comparison(pooled.results.record.suite_text)
    metric = given.get("metric") or stated.metric
    asked = given.get("choose_on")
    if asked is not None:
        return _chosen(pooled, metric, _seeds(asked))
    if stated.choose_on is None:
        return pooled
    try:
        return _chosen(pooled, metric, _seeds(stated.choose_on))
    except UserError as error:
        # Who asks for it now wants to know; a suite may have been cut down since.
        not_used = StatedNotUsed("choose_on, which the suite states,", str(error))
        return replace(pooled, omissions=(*pooled.omissions, not_used))


def _seeds(asked: str | int | Sequence[int]) -> list[int]:
    try:
        if isinstance(asked, str):
            return parse_seeds(asked)
        return check_seeds(asked if isinstance(asked, int) else list(asked))
    except ValueError as error:
        raise UserError(f"the seeds to choose on: {error}") from None


# ---------------------------------------------------------------------- choosing


def _chosen(pooled: Pool, metric: str, seeds: Sequence[int]) -> Pool:
    results = pooled.results
    grids = configurations(results.cells)
    _check(results.cells, grids, seeds)
    choices = [_choose(results, grid, metric, seeds) for grid in grids]
    omissions: list[Omission] = []
    cells = list(_reported(results.cells, choices, seeds, omissions))
    record = replace(results.record, cells=cells)
    asked_of = {key: _without(asked, seeds) for key, asked in pooled.asked_of.items()}
    return replace(
        pooled,
        results=Results(record, results.host),
        asked=_without(pooled.asked, seeds),
        asked_of=asked_of,
        choices=tuple(choice.finding for choice in choices),
        omissions=(*pooled.omissions, *omissions),
    )


def _without(asked: Iterable[int], seeds: Sequence[int]) -> tuple[int, ...]:
    return tuple(seed for seed in asked if seed not in seeds)


def _check(
    cells: Sequence[CellRecord], grids: Sequence[Configurations], seeds: Sequence[int]
) -> None:
    """Whether there is anything to choose, by these seeds, and to report it on."""
    if not grids:
        raise UserError(
            "there is nothing to choose: no strategy has several configurations on a scenario"
        )
    known = sorted({int(seed) for cell in cells for seed in np.unique(cell.seed)})
    unknown = [seed for seed in seeds if seed not in known]
    if unknown:
        raise UserError(
            f"no run has seed {seeds_in_words(unknown)}, which the choice is to be made on;"
            f" the runs have {seeds_in_words(known)}"
        )
    if set(known) <= set(seeds):
        raise UserError(
            f"the choice is to be made on all seeds that there are ({seeds_in_words(known)}), and"
            " nothing is left to report it on"
        )


@dataclass(frozen=True)
class _Choice:
    """Which of some configurations are reported, under which labels."""

    finding: ChosenConfiguration
    labels: Mapping[int, str]  # by the `id` of a cell; None of the others is reported
    among: frozenset[int]


def _choose(results: Results, grid: Configurations, metric: str, seeds: Sequence[int]) -> _Choice:
    runs = [runs_of(results, metric, cell) for cell in grid.cells]
    known, table = scores_by_seed(runs)
    rows = np.flatnonzero(np.isin(known, seeds)).tolist()
    if not np.isfinite(table[rows]).any():
        raise UserError(
            f"{grid.scenario}: no configuration of {grid.name} has a finished run on the seeds to"
            f" choose on ({seeds_in_words(seeds)})"
        )
    chosen = grid.cells[choose_on(table, rows).strategy]
    if not _left(chosen, seeds).any():
        raise UserError(
            f"{grid.scenario}: {chosen.label} is the best on seeds {seeds_in_words(seeds)}, and has"
            " no other seed to be reported on"
        )
    default = default_of(grid.cells, results.host)
    labels = {id(chosen): grid.label(TUNED)}
    if default.cell is not None:
        labels.setdefault(id(default.cell), grid.label(DEFAULT))
    others = np.unique(chosen.seed[_left(chosen, seeds)]).tolist()
    finding = ChosenConfiguration(
        scenario=grid.scenario,
        metric=metric,
        tuned=grid.label(TUNED),
        chosen=chosen.label,
        count=len(grid.cells),
        chosen_on=tuple(seeds),
        reported_on=tuple(others),
        default=None if default.cell is None else default.cell.label,
        default_row=labels.get(id(default.cell)),
        default_known=default.known,
    )
    return _Choice(finding, labels, frozenset(map(id, grid.cells)))


def _left(cell: CellRecord, seeds: Sequence[int]) -> Array:
    """`[S]`: the members that did not take part in the choice."""
    return ~np.isin(cell.seed, seeds)


def _reported(
    cells: Iterable[CellRecord],
    choices: Iterable[_Choice],
    seeds: Sequence[int],
    omissions: list[Omission],
) -> Iterable[CellRecord]:
    """Of each cell that is shown the other seeds; of configurations the tuned and the default."""
    labels: dict[int, str] = {}
    among: set[int] = set()
    for choice in choices:
        labels |= choice.labels
        among |= choice.among
    for cell in cells:
        if id(cell) in among and id(cell) not in labels:
            continue
        rows = np.flatnonzero(_left(cell, seeds))
        if not len(rows):
            omissions.append(OnlyChoosingSeeds(cell.scenario, cell.label))
            continue
        yield replace(select(cell, rows), label=labels.get(id(cell), cell.label))
