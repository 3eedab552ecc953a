"""The leaderboard: records, read and compared in sections of what may be ranked together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clbench.errors import RecordError, UserError
from clbench.host import Host
from clbench.records import RecordFile, Results, read_record
from clbench.records.file import SMOKE
from clbench.report.choosing import with_choices
from clbench.report.claims import with_claims
from clbench.report.comparison import Comparison, compare_pool
from clbench.report.contest import EVERY_PAIR, RANKS
from clbench.report.pool import Pool, comparable, pool
from clbench.report.reproduction import repeats
from clbench.report.sections import Section, Source
from clbench.report.stated import stated_comparison

RECORDS = "records"  # the folder of copies
SMOKE_DATA = "made-up data of --smoke"
SHARED_RULES = ("metric", "alpha", "tests", "unpaired", "rope")  # with each record by itself
# Costs are shown; networks of one stack share their clock, so nothing is tested.
UNRANKED_UNITS = ("seconds", "bytes", "count")


def leaderboard(
    paths: Sequence[Path],
    out: Path,
    host: Host | None = None,
    *,
    force_mixed: bool = False,
    baseline: str | None = None,
    tell: Callable[[str], None] | None = None,
    **rules: Any,
) -> list[Section]:
    """Read and compare.

    `rules` are those of `compare`; `baseline` counts in the sections that have it. `tell` hears of
    files that are left out, in one line.
    """
    host = host or Host.load(only="metric")
    sources = _sources(_publishable(paths, tell), out)
    results = _opened(sources, host)
    groups = [results] if force_mixed else comparable(results)
    baselines = _baselines(groups, baseline)
    sections = []
    for group, against in zip(groups, baselines, strict=True):
        together = _sources_of(group, sources)
        sections.append(_section(together, host, force_mixed, _rules(rules, against)))
    return sections


def _opened(sources: Iterable[Source], host: Host) -> list[Results]:
    """Each record once, though several paths may name it."""
    opened = {id(source.record): Results(source.record, host) for source in sources}
    return list(opened.values())


def _baselines(groups: Iterable[Sequence[Results]], baseline: str | None) -> list[str | None]:
    """The baseline of each group: none where it has no such strategy."""
    found = [baseline if _has_strategy(group, baseline) else None for group in groups]
    if baseline is not None and not any(found):
        raise RecordError(f"no record has a strategy {baseline!r}")
    return found


def _rules(rules: Mapping[str, Any], baseline: str | None) -> dict[str, Any]:
    """A board ranks, so a baseline adds differences, and every pair is tested all the same."""
    family = rules.get("family")
    if baseline is None:
        return {**rules, "family": None}
    return {**rules, "baseline": baseline, "family": family or EVERY_PAIR}


def _sources_of(group: Sequence[Results], sources: Sequence[Source]) -> list[Source]:
    """Where these results come from; one record may be named by several paths."""
    records = {id(result.record) for result in group}
    return [source for source in sources if id(source.record) in records]


def _has_strategy(group: Sequence[Results], name: str | None) -> bool:
    names: set[str] = set()
    for results in group:
        for cell in results.cells:
            names |= {cell.label, cell.strategy}
    return name in names


# ---------------------------------------------------------------------- which records


def _publishable(
    paths: Sequence[Path], tell: Callable[[str], None] | None
) -> dict[Path, RecordFile]:
    """The records that hold results, by path: `results/*/*.h5` may name others, too."""
    published = {}
    left_out = []
    for path in dict.fromkeys(paths):
        record = read_record(path)
        if reason := _why_not_published(record, path):
            left_out.append(f"{path} ({reason})")
        else:
            published[path] = record
    if left_out and not published:
        raise RecordError(f"there is nothing to publish: {', '.join(left_out)}")
    if left_out and tell is not None:
        tell(f"left out: {', '.join(left_out)}")
    return published


def _why_not_published(record: RecordFile, path: Path) -> str | None:
    """By what the file says of itself.

    One from before records said it is known by the names that clbench gave then.
    """
    if record.purpose == SMOKE:
        return SMOKE_DATA
    if record.purpose:
        return None
    if record.suite == path.stem and path.stem.endswith("-smoke"):
        return SMOKE_DATA
    is_superseded = path.name == f"{record.suite}.superseded.h5"
    return "cells of an older state of its suite" if is_superseded else None


def _sources(records: Mapping[Path, RecordFile], out: Path) -> list[Source]:
    """With where each record lies in the folder: where it is, or a copy under a name of its own."""
    inside = _inside(records, out.resolve())
    taken = set(inside.values())
    sources = []
    for path, record in records.items():
        place = inside.get(path) or _free_name(path, taken)
        taken.add(place)
        sources.append(Source(record, path, place))
    return sources


def _inside(paths: Iterable[Path], folder: Path) -> dict[Path, str]:
    """Records that lie in the folder already, which are linked to where they are."""
    found: dict[Path, str] = {}
    for path in paths:
        if path.resolve().is_relative_to(folder):
            found[path] = path.resolve().relative_to(folder).as_posix()
    return found


def _free_name(path: Path, taken: set[str]) -> str:
    """`records/a.h5`, or `records/a-2.h5` where there is another of that name."""
    name, number = f"{RECORDS}/{path.stem}{path.suffix}", 1
    while name in taken:
        number += 1
        name = f"{RECORDS}/{path.stem}-{number}{path.suffix}"
    return name


# ---------------------------------------------------------------------- one section


def _section(
    sources: Sequence[Source], host: Host, force_mixed: bool, rules: Mapping[str, Any]
) -> Section:
    records = [source.record for source in sources]
    kept, again = repeats(records, _alpha(records, rules))
    pooled = pool([Results(record, host) for record in kept], force_mixed=force_mixed)
    pooled = with_choices(pooled, rules)
    suites = dict.fromkeys(record.suite for record in records)
    comparisons = _comparisons(pooled, rules)
    if len(sources) > 1:
        for metric, board in comparisons.items():
            alone = _by_themselves(sources, host, board, rules)
            comparisons[metric] = with_claims(board, alone)
    return Section(" + ".join(suites), tuple(sources), comparisons, again, pooled.results)


def _by_themselves(
    sources: Sequence[Source], host: Host, board: Comparison, rules: Mapping[str, Any]
) -> dict[str, Comparison]:
    """Each record compared alone, by where it lies; but for those that have nothing of the metric.

    By the board's rules, whatever their own suites state; a record that lacks the baseline is
    compared without one.
    """
    shared = {**rules, **_shared_rules(board)}
    found = {}
    for source in sources:
        alone = pool([Results(source.record, host)], force_mixed=True)
        baseline = rules.get("baseline")
        if not _has_strategy([alone.results], baseline):
            baseline = None
        try:
            found[source.place] = compare_pool(alone, {**shared, "baseline": baseline})
        except UserError:
            continue  # a metric that nobody knows who has this record alone
    return found


def _shared_rules(board: Comparison) -> dict[str, Any]:
    """The board's rules that hold for each record by itself."""
    shared = {name: getattr(board, name) for name in SHARED_RULES}
    if board.tests == RANKS:  # a correction asks for tests on ranks
        shared["correction"] = board.correction
    return shared


def _alpha(records: Sequence[RecordFile], rules: Mapping[str, Any]) -> float:
    """The level that is asked for, or that the first record's suite states."""
    given = rules.get("alpha")
    if given is not None:
        return float(given)
    return stated_comparison(records[0].suite_text)[0].alpha


def _comparisons(pooled: Pool, rules: Mapping[str, Any]) -> dict[str, Comparison]:
    """By the metric that the suite compares, and by every other that can be ranked."""
    # Without a metric given, by the one that the suite compares.
    main = compare_pool(pooled, rules)
    comparisons = {main.metric: main}
    for name in _other_metrics(pooled.results, main.metric):
        found = compare_pool(pooled, {**rules, "metric": name})
        if found.runs and found.unit not in UNRANKED_UNITS:
            comparisons[name] = found
    return comparisons


def _other_metrics(results: Results, main: str) -> list[str]:
    """What the suites asked for beside it, where somebody here knows or stored it."""
    offered = set(results.metric_names())
    return [name for name, _ in results.record.metrics if name in offered and name != main]
