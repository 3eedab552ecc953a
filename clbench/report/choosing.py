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
from clbench.report.findings import ChosenConfiguration, OnlyChoosingSeeds, StatedNotUsed
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
    if stated.choose_on is not None:
        return _chosen_as_stated(pooled, metric, stated.choose_on)
    return pooled


def _chosen_as_stated(pooled: Pool, metric: str, asked: int | Sequence[int]) -> Pool:
    """Who asks for it now wants to know what is wrong; a suite may have been cut down since."""
    try:
        return _chosen(pooled, metric, _seeds(asked))
    except UserError as error:
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
    cells, left_out = _reported(results.cells, choices, seeds)
    record = replace(results.record, cells=cells)
    asked_of = {key: _without(asked, seeds) for key, asked in pooled.asked_of.items()}
    return replace(
        pooled,
        results=Results(record, results.host),
        asked=_without(pooled.asked, seeds),
        asked_of=asked_of,
        choices=tuple(choice.finding for choice in choices),
        omissions=(*pooled.omissions, *left_out),
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
    known = np.unique(np.concatenate([cell.seed for cell in cells])).tolist()
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
    labels: Mapping[int, str | None]  # by the `id` of a cell; None is not reported


def _choose(results: Results, grid: Configurations, metric: str, seeds: Sequence[int]) -> _Choice:
    chosen = _best_on(results, grid, metric, seeds)
    left = chosen.seed[_left(chosen, seeds)]
    if not len(left):
        raise UserError(
            f"{grid.scenario}: {chosen.label} is the best on seeds {seeds_in_words(seeds)}, and has"
            " no other seed to be reported on"
        )
    default = default_of(grid.cells, results.host)
    labels = _labels(grid, chosen, default.cell)
    finding = ChosenConfiguration(
        scenario=grid.scenario,
        metric=metric,
        tuned=grid.label(TUNED),
        chosen=chosen.label,
        count=len(grid.cells),
        chosen_on=tuple(seeds),
        reported_on=tuple(np.unique(left).tolist()),
        default=None if default.cell is None else default.cell.label,
        default_row=labels.get(id(default.cell)),
        default_known=default.known,
    )
    return _Choice(finding, labels)


def _best_on(
    results: Results, grid: Configurations, metric: str, seeds: Sequence[int]
) -> CellRecord:
    """The configuration that is the best on these seeds."""
    runs = [runs_of(results, metric, cell) for cell in grid.cells]
    known, table = scores_by_seed(runs)
    rows = np.flatnonzero(np.isin(known, seeds)).tolist()
    if not np.isfinite(table[rows]).any():
        raise UserError(
            f"{grid.scenario}: no configuration of {grid.name} has a finished run on the seeds to"
            f" choose on ({seeds_in_words(seeds)})"
        )
    return grid.cells[choose_on(table, rows).strategy]


def _labels(
    grid: Configurations, chosen: CellRecord, default: CellRecord | None
) -> dict[int, str | None]:
    """By the `id` of a cell its label in the report; a default that was chosen is the tuned one."""
    labels: dict[int, str | None] = dict.fromkeys(map(id, grid.cells))
    if default is not None:
        labels[id(default)] = grid.label(DEFAULT)
    labels[id(chosen)] = grid.label(TUNED)
    return labels


def _left(cell: CellRecord, seeds: Sequence[int]) -> Array:
    """`[S]`: the members that did not take part in the choice."""
    return ~np.isin(cell.seed, seeds)


def _reported(
    cells: Iterable[CellRecord], choices: Iterable[_Choice], seeds: Sequence[int]
) -> tuple[list[CellRecord], list[OnlyChoosingSeeds]]:
    """Of each cell that is shown the other seeds; and who has none.

    Of configurations the tuned one and the default are shown.
    """
    labels: dict[int, str | None] = {}
    for choice in choices:
        labels |= choice.labels
    shown, left_out = [], []
    for cell in cells:
        label = labels.get(id(cell), cell.label)
        rows = np.flatnonzero(_left(cell, seeds))
        if label is not None and len(rows):
            shown.append(replace(select(cell, rows), label=label))
        elif label is not None:
            left_out.append(OnlyChoosingSeeds(cell.scenario, cell.label))
    return shown, left_out
