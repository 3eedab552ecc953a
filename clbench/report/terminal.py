"""What `clbench show` and the end of `clbench run` print."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from clbench.metrics import is_probe
from clbench.records import CellRecord, Measured, Results
from clbench.records.provenance import in_words, runs_of
from clbench.report import plots
from clbench.report.agents import AGENT, means_of_agents, without_agent
from clbench.report.bins import MOST_POINTS, bin_names, bin_size, said_of
from clbench.report.curves import AVERAGE, LEARNT, Course, course_by_seed, mean_matrix
from clbench.report.grid import Column, Grid
from clbench.report.learning import nothing_learnt, sentence
from clbench.report.marks import declared_lines, marked_label
from clbench.report.measuring import measuring_line
from clbench.report.numbers import MISSING, estimate, scale_of, show_estimate, show_unit
from clbench.typing import Array
from clbench.untrusted import printable

USUAL = ("average_accuracy", "forgetting", "learning_accuracy")
COSTS = ("train_seconds", "peak_memory", "parameters", "state_bytes", "bytes_sent")
ENGINE_CURVES = ("online_accuracy", "continual_accuracy", "continual_step", "continual_task")
MOST_SPARKS = 36  # letters of a curve, so that a row fits a terminal of 80 columns


@dataclass(frozen=True)
class Summary:
    """The table of a record before it is drawn: in a terminal, or in a notebook."""

    title: str
    columns: tuple[Column, ...]
    sections: frozenset[int]  # rows with which another scenario begins
    legend: tuple[str, ...]


def summary_table(results: Results, metrics: Sequence[str] | None = None) -> Group:
    """Every cell with its metrics, mean ± half the interval over seeds.

    Without `metrics` those that the suite asked for.
    """
    summary = summary_of(results, metrics)
    title = _text(summary.title, style="bold")
    legend = map(_text, summary.legend)
    if not summary.columns:
        return Group(title, *legend)
    grid = Grid(summary.columns, sections=summary.sections)
    return Group(title, Text(""), grid, Text(""), *legend)


def summary_of(results: Results, metrics: Sequence[str] | None = None) -> Summary:
    """What `summary_table` draws; a record without cells has no columns."""
    title = _heading(results)
    if not results.cells:
        return Summary(title, (), frozenset(), ("the record holds no cells yet",))
    names = list(metrics) if metrics else _metrics_of(results)
    measured = [(name, [results.metric(name, cell) for cell in results.cells]) for name in names]
    cells = results.cells
    begins = [place for place in range(len(cells)) if _begins_scenario(cells, place)]
    labels = Column("strategy", tuple(marked_label(cell) for cell in cells), "name")
    seeds = Column("seeds", tuple(_seeds(cell) for cell in cells), "prose")
    columns = [labels, *(_metric_column(results, *column) for column in measured), seeds]
    if len({cell.scenario for cell in cells}) > 1:
        scenarios = tuple(
            cell.scenario if place in begins else "" for place, cell in enumerate(cells)
        )
        columns.insert(0, Column("scenario", scenarios, "name"))
    legend = tuple(_legend(results, measured))
    return Summary(title, tuple(columns), frozenset(begins[1:]), legend)


def _begins_scenario(cells: Sequence[CellRecord], place: int) -> bool:
    return place == 0 or cells[place].scenario != cells[place - 1].scenario


def _metric_column(results: Results, name: str, measured: Sequence[Measured]) -> Column:
    """Means with half the width of their intervals, all in one unit."""
    found = [estimate(cell, one.summary) for cell, one in zip(results.cells, measured, strict=True)]
    scale = scale_of([one.mean for one in found if one is not None], measured[0].unit)
    return Column(
        f"{name}\n{show_unit(measured[0], scale)}", tuple(scale.estimate(one) for one in found)
    )


def strategy_view(results: Results, strategy: str) -> Group:
    """One strategy's accuracy matrices and curves, averaged over its finished members, for every
    scenario it ran on.
    """
    parts: list[RenderableType] = []
    for cell in results.find(strategy):
        parts += [*_cell_view(results, cell), Text("")]
    return Group(*parts[:-1])


def _cell_view(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    yield _text(f"{marked_label(cell)} on {cell.scenario}", style="bold")
    for line in declared_lines([cell]):
        yield _text(line)
    if cell.options:
        yield _text(
            "options: "
            + ", ".join(
                f"{name}={json.dumps(value, default=str)}" for name, value in cell.options.items()
            )
        )
    each = f", each with the mean of its {cell.agents} agents" if cell.agents > 1 else ""
    yield Text(f"seeds: {_seeds(cell)}{each}")
    if line := measuring_line([cell]):
        yield _text(line)
    for run, seeds in runs_of(results.record, cell):
        yield _text(f"measured (seeds {', '.join(map(str, seeds))}): {in_words(run)}")
    done = cell.complete
    if done.any() and cell.tasks:
        yield from _accuracies(results, cell)
    yield from _curves(results, cell, done)
    yield from _numbers(results, cell)
    for fault in cell.troubles:
        yield Text("\nwent wrong:", style="bold")
        yield _text(str(fault).rstrip())


def _accuracies(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    """The matrix, in blocks where the stream is long, and the course over the tasks."""
    long = cell.tasks > MOST_POINTS
    size = bin_size(cell.tasks, plots.MOST_TASKS) if long else 1
    yield Text(
        "\nAccuracy in % on each task's test samples (· was not measured), mean over seeds"
        + _means_of(size),
        style="bold",
    )
    yield plots.Matrix(mean_matrix(cell, size), bin_names(cell.tasks, size))
    course, heights = _course(results, cell)
    words = course.words[0].upper() + course.words[1:]
    after = ", after each task" if course is AVERAGE else ""
    yield Text(f"\n{words}{after}{_means_of(bin_size(cell.tasks))}", style="bold")
    yield plots.bars(heights)


def _means_of(size: int) -> str:
    said = said_of(size)
    return f", {said}" if said else ""


def _course(results: Results, cell: CellRecord) -> tuple[Course, Array]:
    """What to draw over tasks: where few old tasks are tested again, how well each is learnt."""
    averages, learnt = (
        _mean(list(course_by_seed(results, cell, course))) for course in (AVERAGE, LEARNT)
    )
    untested = cell.trained_together - 1  # of tasks that were trained together there is no average
    if np.isfinite(averages).sum() + untested < np.isfinite(learnt).sum():
        return LEARNT, learnt
    return AVERAGE, averages


def _probed(results: Results, cell: CellRecord) -> dict[str, Array]:
    """What probe metrics measured, by name."""
    names = {label: results.metric_called(label, cell) for label in cell.metrics}
    offered = set(results.host.names("metric"))
    kinds = {
        label: results.host.get("metric", name) for label, name in names.items() if name in offered
    }
    return {label: cell.metrics[label] for label, kind in kinds.items() if is_probe(kind)}


def _curves(results: Results, cell: CellRecord, done: Array) -> Iterable[RenderableType]:
    """What the strategy logged, online accuracy, and what probes measured, a line each."""
    rows = []
    for name, values in {**cell.curves, **_probed(results, cell)}.items():
        if values.ndim != 2 or not done.any() or name in ENGINE_CURVES[1:]:
            continue
        curve = _mean(list(values[done].astype(np.float64)))
        known = curve[~np.isnan(curve)]
        if len(known):
            drawn = plots.sparkline(curve, MOST_SPARKS)
            rows.append((name, drawn, f"{known.min():.4g}", f"{known.max():.4g}"))
    if rows:
        names, drawings, least, most = zip(*rows, strict=True)
        yield Text("\nCurves", style="bold")
        yield Grid(
            [
                Column("curve", names, "name"),
                Column("mean over seeds", drawings),
                Column("from", least),
                Column("to", most),
            ]
        )


def _numbers(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    """The cell's metrics and costs, those that have a value."""
    rows = []
    offered = set(results.metric_names())
    known = [*_metrics_of(results), *cell.metrics, *cell.notes, *COSTS, *cell.cost]
    for name in dict.fromkeys(known):
        if name not in offered:
            continue
        measured = results.metric(name, cell)
        shown = show_estimate(estimate(cell, measured.summary), measured.unit)
        if shown != MISSING:
            rows.append((name, shown, show_unit(measured)))
    if rows:
        names, numbers, units = zip(*rows, strict=True)
        yield Text("\nNumbers", style="bold")
        yield Grid(
            [
                Column("metric", names, "name"),
                Column("mean ± half of the 95 % interval", numbers),
                Column("", units, "prose"),
            ]
        )


def _metrics_of(results: Results) -> list[str]:
    """Those the suite asked for.

    In a record that does not say, the usual ones and whatever was stored.
    """
    asked = [name for name, _ in results.record.metrics]
    stored = [name for cell in results.cells for name in cell.metrics]
    offered = set(results.metric_names())
    return [name for name in dict.fromkeys(asked or [*USUAL, *stored]) if name in offered]


def _heading(results: Results) -> str:
    strategies = len({without_agent(cell.label) for cell in results.cells})
    scenarios = len({cell.scenario for cell in results.cells})
    where = f"{scenarios} scenarios"
    if scenarios < 2:
        where = results.cells[0].scenario if results.cells else "no scenario"
    named = "strategy" if strategies == 1 else "strategies"
    each = ", agent by agent" if any(AGENT in cell.label for cell in results.cells) else ""
    return f"{results.record.suite}: {strategies} {named} on {where}{each}"


def _legend(results: Results, columns: Sequence[tuple[str, Sequence[Measured]]]) -> Iterable[str]:
    """How to read the table, and why numbers are missing from it."""
    yield (
        "mean ± half width of the 95 % t interval over seeds; ↑ more is better, ↓ less is better"
    )
    agents_of = {cell.scenario: cell.agents for cell in results.cells}
    if means := means_of_agents(agents_of):
        yield f"{means}; `clbench show RECORD --by agent` tells them apart"
    yield "`clbench describe NAME` explains a metric or a strategy"
    yield from declared_lines(results.cells)
    offered = {*results.metric_names(), *results.host.names("metric")}
    for label, _ in results.record.metrics:
        if not offered & {label, results.record.called(label)}:
            yield (
                f"{MISSING} {label}: no plugin here offers this metric;"
                " give the file that does with --plugin"
            )
    for name, measured in columns:
        reasons: dict[str, list[str]] = defaultdict(list)
        for cell, one in zip(results.cells, measured, strict=True):
            if np.isnan(one.summary).all():
                reasons[_usual_reason(one)].append(cell.label)
        for reason, labels in reasons.items():
            yield f"{MISSING} {name} of {', '.join(dict.fromkeys(labels))}: {reason}"
    yield from (sentence(found) for found in nothing_learnt(results))
    if line := measuring_line(results.cells):
        yield line


def _text(text: str, style: str = "") -> Text:
    """What comes from a file, or from a plugin, as text that cannot steer the terminal."""
    return Text(printable(text), style=style)


def _usual_reason(measured: Measured) -> str:
    common = Counter(reason for reason in measured.reasons if reason).most_common(1)
    return common[0][0] if common else "there are no runs"


def _seeds(cell: CellRecord) -> str:
    """`10`, or `9 of 10 (1 diverged)`. A seed is finished when all its agents are."""
    total, unfinished = len(np.unique(cell.seed)), np.unique(cell.seed[~cell.complete])
    if not len(unfinished):
        return str(total)
    done = cell.done
    why: dict[str, set[int]] = defaultdict(set)
    for seed, status in zip(cell.seed[~done].tolist(), cell.member_status[~done], strict=True):
        why[status].add(seed)
    words = ", ".join(
        f"{len(seeds)} {'timed out' if status == 'timeout' else status}"
        for status, seeds in sorted(why.items())
    )
    return f"{total - len(unfinished)} of {total} ({words})"


def _mean(arrays: Sequence[Array]) -> Array:
    """The mean of what is known at each place; NaN where nothing is."""
    stacked = np.stack(arrays)
    known = ~np.isnan(stacked)
    count = known.sum(axis=0)
    total = np.where(known, stacked, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
