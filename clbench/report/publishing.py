"""The files of a leaderboard: a page, a table for spreadsheets, one for readers, and the records.

They lie in a folder that can be published as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from clbench.errors import OutputError
from clbench.records import CellRecord
from clbench.records.atomic import atomic_write
from clbench.report.across import OverallRank
from clbench.report.compare_formats import (
    csv_text,
    markdown_list,
    markdown_table,
    markdown_text,
)
from clbench.report.compare_tables import TableKind, tables
from clbench.report.compared import SUMMARY_KEYS, Comparison
from clbench.report.curves import mean_cost
from clbench.report.page import page
from clbench.report.page_data import page_data
from clbench.report.repeat_words import repeat_sentence
from clbench.report.reproduction import Repeat
from clbench.report.sections import Section
from clbench.untrusted import inert_row

CSV_COLUMNS = (
    "suite",
    "metric",
    *SUMMARY_KEYS,
    "average_rank",
    "overall_group",
    "overall_rank_best",
    "overall_rank_worst",
    "train_seconds",
    "run_again",
    "run_again_difference",
    "run_again_low",
    "run_again_high",
    "run_again_largest",
    "options",
    "records",
)
HEAD = (
    "# Leaderboard",
    "",
    "[index.html](index.html) is the page with figures,"
    " [leaderboard.csv](leaderboard.csv) every number.",
    "",
)
# Of the tables of a comparison: every pair of strategies would be too much.
SHOWN_TABLES = (TableKind.SUMMARY, TableKind.OVERALL_RANKS)


def write(sections: Sequence[Section], out: Path) -> list[Path]:
    """Write everything, each file whole or not at all.

    The page last, when what it links to is there.
    """
    files = _copies(sections, out)
    files["leaderboard.csv"] = as_csv(sections).encode()
    files["leaderboard.md"] = as_markdown(sections).encode()
    files["index.html"] = page(page_data(sections)).encode()
    # In this order: the page links to the others, so it is written when they are there.
    for name, content in files.items():
        _write_file(out / name, content)
    return [out / name for name in files]


def _write_file(path: Path, content: bytes) -> None:
    make_folder(path.parent)
    atomic_write(path, content)


def _copies(sections: Sequence[Section], out: Path) -> dict[str, bytes]:
    """The records that do not lie in the folder already."""
    files: dict[str, bytes] = {}
    for section in sections:
        for source in section.sources:
            if (out / source.place).resolve() != source.path.resolve():
                files[source.place] = source.path.read_bytes()
    return files


def make_folder(folder: Path) -> None:
    """Make it, before anything is read for it; `OutputError` where it cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder {folder} cannot be made: {error.strerror or error};"
            " choose another with --out"
        ) from error


# ---------------------------------------------------------------------- csv


def as_csv(sections: Sequence[Section]) -> str:
    """A row a metric, scenario and strategy, in full precision."""
    rows: list[dict[str, Any]] = []
    for section in sections:
        for comparison in section.comparisons.values():
            rows += _csv_rows(section, comparison)
    return csv_text(CSV_COLUMNS, map(inert_row, rows))


def _csv_rows(section: Section, comparison: Comparison) -> list[dict[str, Any]]:
    cells = {(cell.scenario, cell.label): cell for cell in section.results.cells}
    ranks = _ranks(comparison)
    known = {"suite": section.title, "metric": comparison.metric}
    rows = []
    for row in comparison.to_json()["summary"]:
        cell = cells[row["scenario"], row["strategy"]]
        rank = _rank_columns(ranks.get(cell.label))
        rows.append({**row, **known, **rank, **_cell_columns(section, cell)})
    return rows


def _ranks(comparison: Comparison) -> dict[str, OverallRank]:
    """Over all scenarios, by strategy; none where there is one scenario."""
    if comparison.overall is None:
        return {}
    return {rank.strategy: rank for rank in comparison.overall.ranks}


def _rank_columns(rank: OverallRank | None) -> dict[str, Any]:
    if rank is None:
        return {}
    return {
        "average_rank": rank.average_rank,
        "overall_group": rank.group,
        "overall_rank_best": rank.rank_best,
        "overall_rank_worst": rank.rank_worst,
    }


def _cell_columns(section: Section, cell: CellRecord) -> dict[str, Any]:
    """How it was made, what it cost, and whether it was measured again."""
    places = [source.place for source in section.sources]
    return {
        "train_seconds": mean_cost(section.results, cell, "train_seconds"),
        **_repeat_columns(section.repeats_of(cell)),
        "options": json.dumps(dict(cell.options), sort_keys=True),
        "records": " ".join(places),
    }


def _repeat_columns(repeats: Sequence[Repeat]) -> dict[str, Any]:
    """What each repeat of the cell found, one after another."""
    columns: dict[str, Any] = {"run_again": "; ".join(one.verdict for one in repeats)}
    for name in ("difference", "low", "high", "largest"):
        numbers = [getattr(one, name) for one in repeats]
        columns[f"run_again_{name}"] = _one_or_text(numbers)
    return columns


def _one_or_text(numbers: Sequence[float]) -> float | str:
    """One number stays a number, which a spreadsheet can count with; nothing for what is none."""
    shown = [number if math.isfinite(number) else "" for number in numbers]
    return shown[0] if len(shown) == 1 else "; ".join(map(str, shown))


# ---------------------------------------------------------------------- markdown


def as_markdown(sections: Sequence[Section]) -> str:
    """The rankings as tables, and what they mean in words."""
    lines = list(HEAD)
    for section in sections:
        lines += _markdown_section(section)
    return "\n".join(lines)


def _markdown_section(section: Section) -> list[str]:
    main = section.main
    lines = [f"## {markdown_text(section.title)}", ""]
    for table in tables(main):
        if table.kind in SHOWN_TABLES:
            lines += [*markdown_table(table), ""]
    lines += markdown_list((*main.text, *main.left_out, *_repeat_lines(section)))
    links = [_link(source.place) for source in section.sources]
    return [*lines, "", f"Records: {', '.join(links)}", ""]


def _link(place: str) -> str:
    return f"[{markdown_text(place)}]({quote(place)})"


def _repeat_lines(section: Section) -> Iterator[str]:
    for cell in section.results.cells:
        for one in section.repeats_of(cell):
            yield f"{cell.scenario}, {cell.label}: {repeat_sentence(one)}"
