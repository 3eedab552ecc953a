"""From a suite to its cells: a pure function of the suite and of what plugins declare."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from clbench.errors import UserError, suggest
from clbench.suite.cell import Cell
from clbench.suite.checks import UNCHECKED, Checks
from clbench.suite.choice import Choice, MetricChoice
from clbench.suite.entries import Resolver, ScenarioEntry, StrategyEntry
from clbench.suite.grids import Variant, count, grid_problems, unfold
from clbench.suite.labels import scenario_labels, strategy_labels
from clbench.suite.paths import Path
from clbench.suite.problems import Problems

if TYPE_CHECKING:
    from clbench.host import Host

Entry = TypeVar("Entry", ScenarioEntry, StrategyEntry)

# Beyond this a suite is a mistake in a grid: nobody waits for the table.
MAX_CELLS = 100_000


@dataclass(frozen=True)
class Matrix:
    """What a suite's cells are made of: its lists as they are written, and what all cells share."""

    scenarios: Sequence[Any]
    strategies: Sequence[Any]
    protocol: Mapping[str, Any]
    seeds: tuple[int, ...]
    metrics: tuple[MetricChoice, ...]
    imported: frozenset[str] = frozenset()  # data sets no plugin offers, brought in by hand


def expand(
    matrix: Matrix, host: Host, problems: Problems, checks: Checks = UNCHECKED
) -> tuple[list[Cell], list[str]]:
    """The cells, scenario by scenario and equal ones once, and the warnings.

    What is wrong goes into `problems`, and then there may be no cells.
    """
    scenario_variants = _variants(matrix.scenarios, ("scenarios",), problems)
    strategy_variants = _variants(matrix.strategies, ("strategies",), problems)
    protocols = _item_variants(matrix.protocol, ("protocol",), problems)
    # Where a grid of it is wrong, the strategies are checked by the defaults.
    protocols = protocols or [Variant({}, ("protocol",))]
    if len(scenario_variants) * len(protocols) * len(strategy_variants) > MAX_CELLS:
        problems.add((), f"unfolds into more than {MAX_CELLS:,} cells; shorten its grids")
        return [], []
    resolver = Resolver(host, problems, matrix.imported, checks)
    found = [resolver.scenario(variant) for variant in scenario_variants]
    strategies = []
    for variant, base in itertools.product(strategy_variants, protocols):
        strategies.append(resolver.strategy(variant, base))
    if not strategy_variants:
        # No strategy carries the suite's protocol, and what is wrong with it is to be said.
        for base in protocols:
            resolver.base_protocol(base)
    warnings: list[str] = []
    scenarios = _once(_sound(found), _scenario_content, scenario_labels, problems, warnings)
    rows = _once(_sound(strategies), _strategy_content, strategy_labels, problems, warnings)
    cells = _cells(matrix, scenarios, rows, problems)
    _refusals(rows, scenarios, host, problems, checks)
    return cells, warnings


def _sound(entries: Iterable[Entry | None]) -> list[Entry]:
    """The entries that have no problems."""
    return [entry for entry in entries if entry is not None]


def _scenario_content(entry: ScenarioEntry) -> Any:
    """What makes two scenarios the same."""
    return entry.choice


def _strategy_content(entry: StrategyEntry) -> Any:
    """What makes two strategies the same."""
    return entry.parts, dict(entry.protocol), entry.scenarios


def _variants(items: Sequence[Any], path: Path, problems: Problems) -> list[Variant]:
    """The variants of every item of a list."""
    return [
        variant
        for position, item in enumerate(items)
        for variant in _item_variants(item, (*path, position), problems)
    ]


def _item_variants(item: Any, path: Path, problems: Problems) -> list[Variant]:
    """One item for every combination of its grids; none where a grid is wrong."""
    wrong = list(grid_problems(item, path))
    for where, message in wrong:
        problems.add(where, message)
    if not wrong and count(item) > MAX_CELLS:
        wrong.append((path, ""))
        problems.add(path, f"unfolds into more than {MAX_CELLS:,} variants; shorten its grids")
    return [] if wrong else unfold(item, path)


def _once(
    entries: Sequence[Entry],
    content: Callable[[Entry], Any],
    label: Callable[[Sequence[Entry]], list[str]],
    problems: Problems,
    warnings: list[str],
) -> list[Entry]:
    """Entries without repetitions; a repetition is a warning that names the first."""
    first: dict[str, Entry] = {}
    repeated: list[tuple[Entry, Entry]] = []
    for entry in entries:
        # Options hold lists and mappings, which only as text can be keys.
        key = json.dumps(content(entry), sort_keys=True, default=Choice.to_plain)
        if key in first:
            repeated.append((entry, first[key]))
        else:
            first[key] = entry
    kept = list(first.values())
    labels = {id(entry): text for entry, text in zip(kept, label(kept), strict=True)}
    for entry, original in repeated:
        warnings.append(_said_once(entry, original, labels[id(original)], problems))
    return kept


def _said_once(entry: Entry, original: Entry, label: str, problems: Problems) -> str:
    first = f"{label!r} on line {problems.line(original.source)}"
    same = f"is the same as {first}, with all its options; it is run once"
    return problems.sentence(entry.source, same)


def _cells(
    matrix: Matrix,
    scenarios: Sequence[ScenarioEntry],
    strategies: Sequence[StrategyEntry],
    problems: Problems,
) -> list[Cell]:
    cells = []
    columns, rows = scenario_labels(scenarios), strategy_labels(strategies)
    _unique(scenarios, columns, problems)
    _known_scenarios(strategies, scenarios, columns, problems)
    for scenario, column in zip(scenarios, columns, strict=True):
        met, labels = [], []
        for strategy, row in zip(strategies, rows, strict=True):
            if strategy.meets(scenario, column):
                met.append(strategy)
                labels.append(row)
        _unique(met, labels, problems)
        for strategy, row in zip(met, labels, strict=True):
            _fit(strategy, row, scenario, column, problems)
            cell = Cell(
                scenario=scenario.choice,
                scenario_label=column,
                parts=strategy.parts,
                label=row,
                protocol=strategy.protocol,
                metrics=matrix.metrics,
                seeds=matrix.seeds,
            )
            cells.append(cell)
    return cells


def _known_scenarios(
    strategies: Sequence[StrategyEntry],
    scenarios: Sequence[ScenarioEntry],
    columns: Sequence[str],
    problems: Problems,
) -> None:
    """Strategies are limited to scenarios that there are."""
    known = {*columns, *(scenario.name for scenario in scenarios)}
    for strategy in strategies:
        for position, name in enumerate(strategy.scenarios or ()):
            # Without any scenario that is the problem, and it has been said.
            if name not in known and scenarios:
                problems.add(
                    (*strategy.source, strategy.name, "scenarios", position),
                    f"{name!r} is no scenario of this suite{suggest(name, known)}",
                )


def _fit(
    strategy: StrategyEntry, row: str, scenario: ScenarioEntry, column: str, problems: Problems
) -> None:
    """The strategy's protocol can be followed in the scenario."""
    setting = scenario.choice.options.get("setting")
    if strategy.protocol.head == "multi" and setting not in (None, "task"):
        problems.add(
            strategy.head,
            f"one head a task works only where the task is known, but {column!r} has setting"
            f" {setting!r}; use `setting: task` or `head: single`",
        )
    if strategy.protocol.validation > 0 and not scenario.holds_out:
        problems.add(
            scenario.source,
            f"in {column!r} nothing can be held out, and the protocol of {row!r} says"
            f" validation: {strategy.protocol.validation}; leave it at 0",
        )


def _refusals(
    strategies: Sequence[StrategyEntry],
    scenarios: Sequence[ScenarioEntry],
    host: Host,
    problems: Problems,
    checks: Checks,
) -> None:
    """What strategies say against the settings and the protocol that they are to run in."""
    columns = scenario_labels(scenarios)
    for strategy in strategies:
        labelled = zip(scenarios, columns, strict=True)
        met = [(entry, column) for entry, column in labelled if strategy.meets(entry, column)]
        # Each setting once, with the first scenario that has it; a scenario may have none.
        settings = {entry.choice.options.get("setting"): column for entry, column in reversed(met)}
        settings.pop(None, None)
        for (setting, column), part in itertools.product(settings.items(), strategy.parts):
            kind = host.get("strategy", part.name)
            try:
                checks.fit(kind, part.options, setting, strategy.protocol)
            except UserError as error:
                problems.add(strategy.source, f"in {column!r}: {error}")


def _unique(entries: Sequence[Entry], labels: Sequence[str], problems: Problems) -> None:
    seen = Counter(labels)
    for position, label in enumerate(labels):
        if seen[label] > 1:
            entry: Entry = entries[position]
            own_label: Path = (*entry.source, entry.name, "label")
            problems.add(
                own_label if entry.label else entry.source,
                f"{seen[label]} different cells are called {label!r};"
                " give each a `label` of its own",
            )
