"""The leaderboard: records to a page, a table for spreadsheets and one for readers, in a folder that can be published as it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.errors import OutputError, RecordError
from clbench.host import Host
from clbench.records import RecordFile, Results, read_record
from clbench.records.atomic import atomic_write
from clbench.records.file import SMOKE
from clbench.report.compare_formats import markdown_table, markdown_text
from clbench.report.compare_tables import tables
from clbench.report.comparison import SUMMARY_KEYS, Comparison, compare_pool
from clbench.report.curves import mean_cost
from clbench.report.pool import comparable, pool
from clbench.report.reproduction import Repeat, repeats
from clbench.untrusted import inert_row

RECORDS = "records"  # the folder of copies
UNRANKED = (
    "seconds",
    "bytes",
    "count",
)  # costs are shown; networks of one stack share their clock, so nothing is tested


@dataclass(frozen=True)
class Source:
    """A record as it is published: `place` is its path from the leaderboard's folder."""

    record: RecordFile
    path: Path
    place: str


@dataclass(frozen=True)
class Section:
    """What is ranked together: records of one suite, or of suites with the same streams and budget. The first comparison leads."""

    title: str
    sources: tuple[Source, ...]
    comparisons: Mapping[str, Comparison]  # by metric
    repeats: Mapping[str, tuple[Repeat, ...]]  # by cell
    results: Results = field(repr=False)

    @property
    def main(self) -> Comparison:
        """By the metric that the suite compares."""
        return next(iter(self.comparisons.values()))


def leaderboard(
    paths: Sequence[Path],
    out: Path,
    host: Host | None = None,
    *,
    force_mixed: bool = False,
    baseline: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
    **rules: Any,
) -> list[Section]:
    """Read and compare. `rules` are those of `compare`; `baseline` counts in the sections that have it.

    `tell` hears of files that are left out, in one line.
    """
    host = host or Host.load(only="metric")
    records = _publishable(paths, tell)
    sources = [Source(records[path], path, place) for path, place in _places(list(records), out)]
    opened = {id(source.record): Results(source.record, host) for source in sources}
    results = list(opened.values())
    groups = [results] if force_mixed else comparable(results)
    together = [_sources_of(group, sources) for group in groups]
    named = [_baseline(group, baseline) for group in groups]
    if baseline is not None and not any(named):
        raise RecordError(f"no record has a strategy {baseline!r}")
    return [
        _section(group, host, force_mixed, rules | {"baseline": against})
        for group, against in zip(together, named, strict=True)
    ]


def _sources_of(group: Sequence[Results], sources: Sequence[Source]) -> list[Source]:
    """Where these results come from; one record may be named by several paths."""
    records = {id(result.record) for result in group}
    return [source for source in sources if id(source.record) in records]


def _publishable(paths: Sequence[Path], tell: Callable[[str], None]) -> dict[Path, RecordFile]:
    """The records that hold results, by path: `results/*/*.h5` may name others, too."""
    opened = {path: read_record(path) for path in dict.fromkeys(paths)}
    reasons = {path: _why_not_published(record, path) for path, record in opened.items()}
    left_out = [f"{path} ({reason})" for path, reason in reasons.items() if reason]
    if left_out and len(left_out) == len(opened):
        raise RecordError(f"there is nothing to publish: {', '.join(left_out)}")
    if left_out:
        tell(f"left out: {', '.join(left_out)}")
    return {path: record for path, record in opened.items() if not reasons[path]}


def _why_not_published(record: RecordFile, path: Path) -> str | None:
    """By what the file says of itself; one from before records said it, by the names that clbench gave then."""
    smoke = not record.purpose and record.suite == path.stem and path.stem.endswith("-smoke")
    if record.purpose == SMOKE or smoke:
        return "made-up data of --smoke"
    if not record.purpose and path.name == f"{record.suite}.superseded.h5":
        return "cells of an older state of its suite"
    return None


def _baseline(group: Sequence[Results], name: str | None) -> str | None:
    known = any(name in (cell.label, cell.strategy) for results in group for cell in results.cells)
    return name if known else None


def _places(paths: Sequence[Path], out: Path) -> Iterator[tuple[Path, str]]:
    """Where each record lies in the folder: where it is already, or a copy under a name of its own."""
    base = out.resolve()
    inside = {
        path: path.resolve().relative_to(base).as_posix()
        for path in paths
        if path.resolve().is_relative_to(base)
    }
    taken = set(inside.values())
    for path in dict.fromkeys(paths):
        if path in inside:
            yield path, inside[path]
            continue
        names = (
            f"{RECORDS}/{path.stem}{suffix}{path.suffix}"
            for suffix in ("", *(f"-{number}" for number in range(2, len(paths) + 2)))
        )
        place = next(name for name in names if name not in taken)
        taken.add(place)
        yield path, place


def _section(
    sources: Sequence[Source], host: Host, force_mixed: bool, rules: Mapping[str, Any]
) -> Section:
    kept, again = repeats([source.record for source in sources])
    pooled = pool([Results(record, host) for record in kept], force_mixed=force_mixed)
    main = compare_pool(pooled, rules)
    comparisons = {main.metric: main}
    for name in _other_metrics(pooled.results, main.metric):
        found = compare_pool(pooled, {**rules, "metric": name})
        if found.runs and found.unit not in UNRANKED:
            comparisons[name] = found
    title = " + ".join(dict.fromkeys(source.record.suite for source in sources))
    return Section(title, tuple(sources), comparisons, again, pooled.results)


def _other_metrics(results: Results, main: str) -> Iterable[str]:
    """What the suites asked for beside it, where somebody here knows or stored it."""
    offered = set(results.metric_names())
    return [name for name, _ in results.record.metrics if name in offered and name != main]


# ---------------------------------------------------------------------- writing


def write(sections: Sequence[Section], out: Path) -> list[Path]:
    """Write everything, each file whole or not at all; the page last, when what it links to is there."""
    from clbench.report.page import page
    from clbench.report.page_data import page_data

    files: dict[str, bytes] = {}
    for source in (source for section in sections for source in section.sources):
        if (out / source.place).resolve() != source.path.resolve():
            files[source.place] = source.path.read_bytes()
    files["leaderboard.csv"] = as_csv(sections).encode()
    files["leaderboard.md"] = as_markdown(sections).encode()
    files["index.html"] = page(page_data(sections)).encode()
    for name, content in files.items():
        make_folder((out / name).parent)
        atomic_write(out / name, content)
    return [out / name for name in files]


def make_folder(folder: Path) -> None:
    """Make it, before anything is read for it; `OutputError` where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror or error}; choose another with --out"
        ) from error


CSV_COLUMNS = (
    "suite",
    "metric",
    *SUMMARY_KEYS,
    "average_rank",
    "overall_group",
    "train_seconds",
    "run_again",
    "options",
    "records",
)


def as_csv(sections: Sequence[Section]) -> str:
    """A row a metric, scenario and strategy, in full precision."""
    target = io.StringIO()
    writer = csv.DictWriter(target, CSV_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for section in sections:
        cells = {(cell.scenario, cell.label): cell for cell in section.results.cells}
        for metric, comparison in section.comparisons.items():
            over = (
                {row.strategy: row for row in comparison.overall.ranks}
                if comparison.overall
                else {}
            )
            for row in comparison.to_json()["summary"]:
                cell = cells[row["scenario"], row["strategy"]]
                again = section.repeats.get(cell.key, ())
                ranks = over.get(cell.label)
                shown = row | {
                    "suite": section.title,
                    "metric": metric,
                    "average_rank": "" if ranks is None else ranks.average_rank,
                    "overall_group": "" if ranks is None else ranks.group,
                    "train_seconds": mean_cost(section.results, cell, "train_seconds"),
                    "run_again": "; ".join(one.verdict for one in again),
                    "options": json.dumps(dict(cell.options), sort_keys=True),
                    "records": " ".join(source.place for source in section.sources),
                }
                writer.writerow(inert_row(shown))
    return target.getvalue()


def as_markdown(sections: Sequence[Section]) -> str:
    """The rankings as tables, and what they mean in words."""
    lines = [
        "# Leaderboard",
        "",
        "[index.html](index.html) is the page with figures, [leaderboard.csv](leaderboard.csv) every number.",
        "",
    ]
    for section in sections:
        lines += [f"## {markdown_text(section.title)}", ""]
        for table in tables(section.main):
            if not table.title.startswith("Every pair"):
                lines += [*markdown_table(table), ""]
        lines += [
            f"- {markdown_text(sentence)}"
            for sentence in (*section.main.text, *section.main.left_out)
        ]
        lines += [
            "",
            "Records: "
            + ", ".join(
                f"[{markdown_text(source.place)}]({_link(source.place)})"
                for source in section.sources
            ),
            "",
        ]
    return "\n".join(lines)


def _link(place: str) -> str:
    from urllib.parse import quote

    return quote(place)
