"""What the leaderboard's page shows, as plain data; the page itself is in `clbench.report.page`.

Numbers have six figures that count, None stands for what has no value, of long streams means of
bins are shown: the records are linked to.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import metadata, version
from operator import attrgetter
from typing import Any

import numpy as np

from clbench.records import CellRecord
from clbench.report.carrying import carrying_lines
from clbench.report.claims import words_of_pair
from clbench.report.compared import SUMMARY_KEYS, Comparison
from clbench.report.curves import COURSES, mean_cost, pareto
from clbench.report.page_entries import COSTS, entry
from clbench.report.rank_diagrams import RankDiagram, rank_diagrams
from clbench.report.sections import Section, Source

SAID_KEYS = ("metric", "alpha", "correction", "design", "choices", "text", "left_out")
SHOWN_KEYS = SUMMARY_KEYS
PAIR_COLUMNS = (
    "scenario",
    "a",
    "b",
    "n",
    "difference",
    "ci_low",
    "ci_high",
    "effect",
    "p",
    "p_adjusted",
    "p_always",
    "verdict",
    "question",
    "won",
    "lost",
    "won_low",
    "won_high",
    "together_low",
    "together_high",
    "p_always",
)


def page_data(sections: Sequence[Section]) -> dict[str, Any]:
    """Everything, ready for JSON."""
    return {
        "version": version("clbench"),
        "project": _project(),
        "citation": _citation(),
        "sections": [plain(_section(section)) for section in sections],
    }


def _project() -> str | None:
    """The project's address, where the installed package names one."""
    named = metadata("clbench").get_all("Project-URL") or []
    addresses = [str(line).partition(", ")[2] for line in named]
    return addresses[0] if addresses else None


def _citation() -> str:
    """How to name the tool in a paper."""
    fields = {
        "title": "{clbench}: a benchmarking suite for continual learning",
        "author": "{The clbench maintainers}",
        "version": version("clbench"),
    }
    if address := _project():
        fields["url"] = address
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join(["@software{clbench,", *lines, "}"])


def plain(value: Any) -> Any:
    """With six figures, and None for what is no number; numpy's values are made Python's."""
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _section(section: Section) -> dict[str, Any]:
    main, cells = section.main, section.results.cells
    rankings = [_ranking(comparison) for comparison in section.comparisons.values()]
    sources = [_source(source) for source in section.sources]
    courses = {course.name: [course.words, course.axis] for course in COURSES}
    entries = [entry(section, cell) for cell in cells]
    scenarios = _each_once(cell.scenario for cell in cells)
    strategies = _each_once(cell.label for cell in cells)
    return {
        "title": section.title,
        "mixed": main.mixed,
        "carrying": list(carrying_lines(section.results)),
        "baseline": main.baseline,
        "records": sources,
        "courses": courses,
        "scenarios": scenarios,
        "strategies": strategies,
        "rankings": rankings,
        "entries": entries,
        "runs": _runs_by_id(section.results.record.runs),
    }


def _each_once(names: Iterable[str]) -> list[str]:
    """In the order in which they first come."""
    return list(dict.fromkeys(names))


def _runs_by_id(runs: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {str(run.get("id")): run for run in runs}


def _source(source: Source) -> dict[str, Any]:
    from urllib.parse import quote

    record = source.record
    return {
        "place": source.place,
        "link": quote(source.place),
        "suite": record.suite,
        "suite_text": record.suite_text,
        "environment": record.environment,
        "date": _last_date(record.runs),
        "cells": [cell.key for cell in record.cells],
    }


def _last_date(runs: Iterable[Mapping[str, Any]]) -> str:
    dates = [str(run.get("date", "")) for run in runs]
    return max(dates, default="")


def _ranking(comparison: Comparison) -> dict[str, Any]:
    overall = comparison.overall
    summary = [_attributes(row, SHOWN_KEYS) for row in comparison.summary]
    diagrams = [_diagram(diagram) for diagram in rank_diagrams(comparison)]
    fronts = {cost: _fronts(comparison, cost) for cost in COSTS}
    return {
        **_picked(comparison.to_json(), SAID_KEYS),
        "claims": _as_dicts(comparison.claims),
        "unit": comparison.unit,
        "higher": comparison.higher_is_better,
        "limits": comparison.limits,
        "summary": summary,
        "question": None if overall is None else overall.question,
        "overall": None if overall is None else _as_dicts(overall.ranks),
        "runs": _runs(comparison),
        "pairs": _pairs(comparison),
        "diagrams": diagrams,
        "fronts": fronts,
    }


def _as_dicts(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def _picked(mapping: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: mapping[name] for name in names}


def _attributes(thing: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(thing, name) for name in names}


def _fronts(comparison: Comparison, cost: str) -> dict[str, list[tuple[float, float]]]:
    return {scenario: _front(comparison, scenario, cost) for scenario in comparison.scenarios}


def _runs(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """By scenario and strategy, the seeds and their values; None for a run that failed."""
    found: dict[str, dict[str, Any]] = {scenario: {} for scenario in comparison.scenarios}
    for runs in comparison.runs:
        values = np.where(runs.failed, np.nan, runs.value)
        found[runs.scenario][runs.strategy] = [runs.seed, values]
    return found


def _pairs(comparison: Comparison) -> dict[str, Any]:
    """A list a column: five thousand pairs would repeat their names five thousand times."""
    every = list(comparison.pairs)
    if comparison.overall is not None:
        every += comparison.overall.pairs
    columns: dict[str, Any] = {}
    for name in PAIR_COLUMNS:
        columns[name] = list(map(attrgetter(name), every))
    columns["in_own_record"] = [words_of_pair(comparison.claims, pair) for pair in every]
    return columns


def _diagram(diagram: RankDiagram) -> dict[str, Any]:
    return {**asdict(diagram), "ranks": list(diagram.ranks.items())}


def _front(comparison: Comparison, scenario: str, cost: str) -> list[tuple[float, float]]:
    """The strategies that no other beats in both this cost and the metric.

    Bounds do not compete.
    """
    rivals = _rivals(comparison, scenario)
    points = []
    for row in comparison.summary:
        if row.scenario == scenario and row.strategy in rivals:
            point = mean_cost(comparison.results, rivals[row.strategy], cost), row.mean
            if _can_be_drawn(point):
                points.append(point)
    return pareto(points, higher_is_better=comparison.higher_is_better)


def _can_be_drawn(point: tuple[float, float]) -> bool:
    """Costs stand on a logarithmic axis."""
    cost, _ = point
    return bool(np.isfinite(point).all()) and cost > 0


def _rivals(comparison: Comparison, scenario: str) -> dict[str, CellRecord]:
    """The scenario's cells by their strategy, without bounds."""
    found = {}
    for cell in comparison.results.cells:
        if cell.scenario == scenario and not cell.is_bound:
            found[cell.label] = cell
    return found
