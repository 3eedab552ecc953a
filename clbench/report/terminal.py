"""What `clbench show` and the end of `clbench run` print."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from clbench.metrics import is_probe
from clbench.records import CellRecord, Measured, Results
from clbench.records.provenance import in_words, runs_of
from clbench.report import plots
from clbench.report.agents import AGENT, means_of_agents, without_agent
from clbench.report.bins import MOST_POINTS, bin_names, bin_size, mean_of_known, said_of
from clbench.report.curves import AVERAGE, LEARNT, Course, course_by_seed, mean_matrix
from clbench.report.grid import Column, Grid
from clbench.report.learning import nothing_learnt, sentence
from clbench.report.marks import declared_lines, marked_label
from clbench.report.measuring import measuring_line
from clbench.report.numbers import MISSING, estimate, scale_of, show_estimate, show_unit
from clbench.report.seed_words import seeds_in_words
from clbench.report.stated import asked_by_cell
from clbench.typing import Array
from clbench.untrusted import printable
from clbench.words import counted

USUAL = ("average_accuracy", "forgetting", "learning_accuracy")
COSTS = ("train_seconds", "peak_memory", "parameters", "state_bytes", "bytes_sent")
# Curves of the engine that have figures of their own.
HIDDEN_CURVES = ("continual_accuracy", "continual_step", "continual_task")
MAX_SPARKS = 36  # letters of a curve, so that a row fits a terminal of 80 columns


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
    # It asks for the width of the terminal when it is printed.
    grid = Grid(summary.columns, sections=summary.sections)
    return Group(title, Text(""), grid, Text(""), *legend)


def summary_of(results: Results, metrics: Sequence[str] | None = None) -> Summary:
    """What `summary_table` draws; a record without cells has no columns."""
    cells = results.cells
    title = _heading(results)
    if not cells:
        return Summary(title, (), frozenset(), ("the record holds no cells yet",))
    measured = _measured(results, metrics or _metrics_of(results))
    columns = [Column("strategy", tuple(map(marked_label, cells)), "name")]
    columns += [_metric_column(results, name, found) for name, found in measured.items()]
    columns.append(_seeds_column(results))
    begins = _first_of_scenarios(cells)
    if _count_scenarios(cells) > 1:
        columns.insert(0, _scenario_column(cells, begins))
    return Summary(title, tuple(columns), begins - {0}, tuple(_legend(results, measured)))


def _measured(results: Results, metrics: Iterable[str]) -> dict[str, list[Measured]]:
    """By metric, what it is in each cell."""
    measured = {}
    for name in metrics:
        measured[name] = [results.metric(name, cell) for cell in results.cells]
    return measured


def _count_scenarios(cells: Iterable[CellRecord]) -> int:
    return len({cell.scenario for cell in cells})


def _first_of_scenarios(cells: Sequence[CellRecord]) -> frozenset[int]:
    """The rows with which another scenario begins."""
    begins = set()
    before = None
    for row, cell in enumerate(cells):
        if cell.scenario != before:
            begins.add(row)
        before = cell.scenario
    return frozenset(begins)


def _scenario_column(cells: Sequence[CellRecord], begins: frozenset[int]) -> Column:
    """The name of each scenario beside the first of its rows."""
    names = [cell.scenario if row in begins else "" for row, cell in enumerate(cells)]
    return Column("scenario", tuple(names), "name")


def _seeds_column(results: Results) -> Column:
    """How many seeds each cell has of those that it should have."""
    asked = asked_by_cell(results.record)
    seeds = [seeds_in_words(cell, asked.get(cell.key, ())) for cell in results.cells]
    return Column("seeds", tuple(seeds), "prose")


def _metric_column(results: Results, name: str, measured: Sequence[Measured]) -> Column:
    """Means with half the width of their intervals, all in one unit."""
    pairs = zip(results.cells, measured, strict=True)
    found = [estimate(cell, one.summary) for cell, one in pairs]
    scale = scale_of([one.mean for one in found if one is not None], measured[0].unit)
    header = f"{name}\n{show_unit(measured[0], scale)}"
    return Column(header, tuple(map(scale.estimate, found)))


# ---------------------------------------------------------------------- one strategy


def strategy_view(results: Results, strategy: str) -> Group:
    """One strategy's accuracy matrices and curves, for every scenario it ran on.

    They are averaged over its finished members.
    """
    parts: list[RenderableType] = []
    for cell in results.find(strategy):
        parts += [*_cell_view(results, cell), Text("")]
    return Group(*parts[:-1])


def _cell_view(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    yield _text(f"{marked_label(cell)} on {cell.scenario}", style="bold")
    yield from map(_text, _cell_facts(results, cell))
    if cell.complete.any() and cell.tasks:
        yield from _accuracies(results, cell)
    yield from _curves(results, cell)
    yield from _numbers(results, cell)
    for fault in cell.troubles:
        yield Text("\nwent wrong:", style="bold")
        yield _text(str(fault).rstrip())


def _cell_facts(results: Results, cell: CellRecord) -> Iterable[str]:
    """How the cell was made: lines."""
    yield from declared_lines([cell])
    if cell.options:
        yield _options(cell.options)
    each = f", each with the mean of its {cell.agents} agents" if cell.agents > 1 else ""
    asked = asked_by_cell(results.record).get(cell.key, ())
    yield f"seeds: {seeds_in_words(cell, asked)}{each}"
    if line := measuring_line([cell]):
        yield line
    yield from _measured_in(results, cell)


def _measured_in(results: Results, cell: CellRecord) -> Iterable[str]:
    """When, where and with what, a line a run."""
    for run, seeds in runs_of(results.record, cell):
        yield f"measured (seeds {', '.join(map(str, seeds))}): {in_words(run)}"


def _options(options: Mapping[str, Any]) -> str:
    told = [f"{name}={json.dumps(value, default=str)}" for name, value in options.items()]
    return f"options: {', '.join(told)}"


def _accuracies(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    """The matrix, in blocks where the stream is long, and the course over the tasks."""
    size = _block_size(cell.tasks)
    title = "\nAccuracy in % on each task's test samples (· was not measured), mean over seeds"
    yield Text(f"{title}{_means_of(size)}", style="bold")
    yield plots.Matrix(mean_matrix(cell, size), bin_names(cell.tasks, size))
    course, heights = _course(results, cell)
    yield Text(f"\n{_course_title(course)}{_means_of(bin_size(cell.tasks))}", style="bold")
    yield plots.bars(heights)


def _block_size(tasks: int) -> int:
    """How many tasks are one of the matrix: 1 where the stream is short."""
    return bin_size(tasks, plots.MOST_TASKS) if tasks > MOST_POINTS else 1


def _course_title(course: Course) -> str:
    words = course.words[0].upper() + course.words[1:]
    return f"{words}, after each task" if course is AVERAGE else words


def _means_of(size: int) -> str:
    said = said_of(size)
    return f", {said}" if said else ""


def _course(results: Results, cell: CellRecord) -> tuple[Course, Array]:
    """What to draw over tasks: where few old tasks are tested again, how well each is learnt."""
    averages = mean_of_known(course_by_seed(results, cell, AVERAGE))
    learnt = mean_of_known(course_by_seed(results, cell, LEARNT))
    untested = cell.trained_together - 1  # of tasks that were trained together there is no average
    if np.isfinite(averages).sum() + untested < np.isfinite(learnt).sum():
        return LEARNT, learnt
    return AVERAGE, averages


def _probed(results: Results, cell: CellRecord) -> dict[str, Array]:
    """What probe metrics measured, by name."""
    offered = set(results.host.names("metric"))
    probed = {}
    for label, values in cell.metrics.items():
        name = results.metric_called(label, cell)
        if name in offered and is_probe(results.host.get("metric", name)):
            probed[label] = values
    return probed


def _curves(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    """What the strategy logged, online accuracy, and what probes measured, a line each."""
    rows = []
    for name, values in {**cell.curves, **_probed(results, cell)}.items():
        if _is_line(name, values) and (row := _curve_row(name, values[cell.complete])):
            rows.append(row)
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


def _is_line(name: str, values: Array) -> bool:
    """A curve with several numbers a point is none."""
    return name not in HIDDEN_CURVES and values.ndim == 2


def _curve_row(name: str, values: Array) -> tuple[str, str, str, str] | None:
    """The curve, drawn in a line, with its ends; None where nothing is known."""
    if not len(values):
        return None
    curve = mean_of_known(values.astype(np.float64))
    drawn = plots.sparkline(curve, MAX_SPARKS)
    if not drawn:
        return None
    return name, drawn, f"{np.nanmin(curve):.4g}", f"{np.nanmax(curve):.4g}"


def _numbers(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    """The cell's metrics and costs, those that have a value."""
    # What the suite asked for first, and costs last.
    known = [*_metrics_of(results), *cell.metrics, *cell.notes, *COSTS, *cell.cost]
    rows = [_number_row(results, name, cell) for name in _offered(results, known)]
    rows = [row for row in rows if row[1] != MISSING]
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


def _number_row(results: Results, name: str, cell: CellRecord) -> tuple[str, str, str]:
    """A metric with its value and its unit."""
    measured = results.metric(name, cell)
    shown = show_estimate(estimate(cell, measured.summary), measured.unit)
    return name, shown, show_unit(measured)


# ---------------------------------------------------------------------- words


def _metrics_of(results: Results) -> list[str]:
    """Those the suite asked for.

    In a record that does not say, the usual ones and whatever was stored.
    """
    names = [name for name, _ in results.record.metrics]
    if not names:
        names += USUAL
        for cell in results.cells:
            names += cell.metrics
    return _offered(results, names)


def _offered(results: Results, names: Iterable[str]) -> list[str]:
    """Those that somebody here knows or stored, each once."""
    offered = set(results.metric_names())
    return [name for name in dict.fromkeys(names) if name in offered]


def _heading(results: Results) -> str:
    labels = [cell.label for cell in results.cells]
    each = ", agent by agent" if any(AGENT in label for label in labels) else ""
    return f"{results.record.suite}: {_strategies(labels)} on {_where(results.cells)}{each}"


def _strategies(labels: Iterable[str]) -> str:
    """How many there are, whatever they have of agents."""
    return counted(len(set(map(without_agent, labels))), "strategy")


def _where(cells: Sequence[CellRecord]) -> str:
    """The scenario, or how many there are."""
    if not cells:
        return "no scenario"
    count = _count_scenarios(cells)
    return cells[0].scenario if count == 1 else f"{count} scenarios"


def _legend(results: Results, measured: Mapping[str, Sequence[Measured]]) -> Iterable[str]:
    """How to read the table, and why numbers are missing from it."""
    yield (
        "mean ± half width of the 95 % t interval over seeds; ↑ more is better, ↓ less is better"
    )
    yield from _agents_line(results)
    yield "`clbench describe NAME` explains a metric or a strategy"
    yield from declared_lines(results.cells)
    yield from _not_offered(results)
    for name, found in measured.items():
        yield from _missing(results, name, found)
    yield from map(sentence, nothing_learnt(results))
    if line := measuring_line(results.cells):
        yield line


def _agents_line(results: Results) -> Iterable[str]:
    """Where seeds have several."""
    means = means_of_agents({cell.scenario: cell.agents for cell in results.cells})
    if means:
        yield f"{means}; `clbench show RECORD --by agent` tells them apart"


def _not_offered(results: Results) -> Iterable[str]:
    """The metrics that the suite asked for, and that nobody here knows."""
    offered = {*results.metric_names(), *results.host.names("metric")}
    for label, _ in results.record.metrics:
        if not offered & {label, results.record.called(label)}:
            yield (
                f"{MISSING} {label}: no plugin here offers this metric;"
                " give the file that does with --plugin"
            )


def _missing(results: Results, name: str, measured: Sequence[Measured]) -> Iterable[str]:
    """Why cells have no number of a metric, those with one reason together."""
    without: dict[str, dict[str, None]] = defaultdict(dict)
    for cell, one in zip(results.cells, measured, strict=True):
        if np.isnan(one.summary).all():
            without[_usual_reason(one)][cell.label] = None
    for reason, labels in without.items():
        yield f"{MISSING} {name} of {', '.join(labels)}: {reason}"


def _usual_reason(measured: Measured) -> str:
    common = Counter(filter(None, measured.reasons)).most_common(1)
    return common[0][0] if common else "there are no runs"


def _text(text: str, style: str = "") -> Text:
    """What comes from a file, or from a plugin, as text that cannot steer the terminal."""
    return Text(printable(text), style=style)
