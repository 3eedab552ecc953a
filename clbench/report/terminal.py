"""What `clbench show` and the end of `clbench run` print."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clbench.metrics.arithmetic import matrix_of
from clbench.records import CellRecord, Measured, Results
from clbench.records.cell import Array
from clbench.report import plots
from clbench.report.numbers import MISSING, estimate, show_estimate, show_unit

USUAL = ("average_accuracy", "forgetting", "learning_accuracy")
COSTS = ("train_seconds", "peak_memory", "parameters", "state_bytes", "bytes_sent")
ENGINE_CURVES = ("online_accuracy", "continual_accuracy", "continual_step", "continual_task")


def summary_table(results: Results, metrics: Sequence[str] | None = None) -> Group:
    """Every cell with its metrics, mean ± half the interval over seeds. Without `metrics` those that the suite asked for."""
    if not results.cells:
        return Group(Text(_heading(results), style="bold"), Text("the record holds no cells yet"))
    names = list(metrics) if metrics else _metrics_of(results)
    columns = [(name, [results.metric(name, cell) for cell in results.cells]) for name in names]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    several = len({cell.scenario for cell in results.cells}) > 1
    if several:
        table.add_column("scenario")
    table.add_column("strategy", overflow="fold")
    for name, measured in columns:
        table.add_column(
            Text(f"{name}\n{show_unit(measured[0]) if measured else ''}"),
            justify="right",
            no_wrap=True,
        )
    table.add_column("seeds", justify="right", no_wrap=True)
    previous = None
    for row, cell in enumerate(results.cells):
        if previous is not None and previous != cell.scenario:
            table.add_section()
        place = [Text("" if previous == cell.scenario else cell.scenario)] if several else []
        numbers = [
            show_estimate(estimate(cell, measured[row].summary), measured[row].unit)
            for _, measured in columns
        ]
        table.add_row(*place, Text(cell.label), *numbers, Text(_seeds(cell)))
        previous = cell.scenario
    return Group(
        Text(_heading(results), style="bold"), Text(""), table, Text(""), *_legend(results, columns)
    )


def strategy_view(results: Results, strategy: str) -> Group:
    """One strategy's accuracy matrices and curves, averaged over its finished members, for every scenario it ran on."""
    parts: list[RenderableType] = []
    for cell in results.find(strategy):
        parts += [*_cell_view(results, cell), Text("")]
    return Group(*parts[:-1])


def _cell_view(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    yield Text(f"{cell.label} on {cell.scenario}", style="bold")
    if cell.options:
        yield Text(
            "options: "
            + ", ".join(
                f"{name}={json.dumps(value, default=str)}" for name, value in cell.options.items()
            )
        )
    yield Text(f"seeds: {_seeds(cell)}")
    done = _done(cell)
    if done.any() and cell.tasks:
        accuracy = _mean_matrix(cell, done)
        averages = _mean(
            [results.run(cell, int(member)).averages for member in np.flatnonzero(done)]
        )
        yield Text(
            "\nAccuracy in % on each task's test samples (· was not measured), mean over seeds",
            style="bold",
        )
        yield plots.matrix(accuracy)
        yield Text("\nAverage accuracy on the tasks so far, after each task", style="bold")
        yield plots.bars(averages)
    yield from _curves(cell, done)
    yield from _numbers(results, cell)
    for error in cell.troubles:
        yield Text("\nwent wrong:", style="bold")
        yield Text(
            "".join(
                letter if letter.isprintable() or letter in "\n\t" else "?"
                for letter in error.rstrip()
            )
        )


def _mean_matrix(cell: CellRecord, done: Array) -> Array:
    """`[T+1, T]`, the mean over members."""
    if cell.entries is None:
        assert cell.accuracy is not None
        return _mean(list(cell.accuracy[done]))
    return matrix_of(
        cell.entries.row, cell.entries.column, _mean(list(cell.entries.value[done])), cell.tasks
    )


def _curves(cell: CellRecord, done: Array) -> Iterable[RenderableType]:
    """What the strategy logged, and online accuracy, a line each."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for header in ("curve", "mean over seeds", "from", "to"):
        table.add_column(header, no_wrap=True)
    for name, values in cell.curves.items():
        if values.ndim != 2 or not done.any() or name in ENGINE_CURVES[1:]:
            continue
        curve = _mean(list(values[done].astype(np.float64)))
        known = curve[~np.isnan(curve)]
        if len(known):
            table.add_row(
                Text(name), Text(plots.sparkline(curve)), f"{known.min():.4g}", f"{known.max():.4g}"
            )
    if table.row_count:
        yield Text("\nCurves", style="bold")
        yield table


def _numbers(results: Results, cell: CellRecord) -> Iterable[RenderableType]:
    """The cell's metrics and costs, those that have a value."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("mean ± half of the 95 % interval", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    offered = set(results.metric_names())
    for name in dict.fromkeys([*_metrics_of(results), *cell.metrics, *COSTS]):
        if name not in offered:
            continue
        measured = results.metric(name, cell)
        shown = show_estimate(estimate(cell, measured.summary), measured.unit)
        if shown != MISSING:
            table.add_row(Text(name), shown, show_unit(measured))
    if table.row_count:
        yield Text("\nNumbers", style="bold")
        yield table


def _metrics_of(results: Results) -> list[str]:
    """Those the suite asked for; in a record that does not say, the usual ones and whatever was stored."""
    asked = [name for name, _ in results.record.metrics]
    stored = [name for cell in results.cells for name in cell.metrics]
    offered = set(results.metric_names())
    return [name for name in dict.fromkeys(asked or [*USUAL, *stored]) if name in offered]


def _heading(results: Results) -> str:
    strategies, scenarios = (
        len({getattr(cell, name) for cell in results.cells}) for name in ("label", "scenario")
    )
    where = (
        f"{scenarios} scenarios"
        if scenarios > 1
        else results.cells[0].scenario
        if results.cells
        else "no scenario"
    )
    return f"{results.record.suite}: {strategies} {'strategies' if strategies != 1 else 'strategy'} on {where}"


def _legend(results: Results, columns: Sequence[tuple[str, Sequence[Measured]]]) -> Iterable[Text]:
    """How to read the table, and why numbers are missing from it."""
    yield Text(
        "mean ± half width of the 95 % t interval over seeds; ↑ more is better, ↓ less is better"
    )
    yield Text("`clbench describe NAME` explains a metric or a strategy")
    offered = {*results.metric_names(), *results.host.names("metric")}
    for name in (name for name, _ in results.record.metrics if name not in offered):
        yield Text(
            f"{MISSING} {name}: no plugin here offers this metric; give the file that does with --plugin"
        )
    for name, measured in columns:
        reasons: dict[str, list[str]] = defaultdict(list)
        for cell, one in zip(results.cells, measured, strict=True):
            if np.isnan(one.summary).all():
                reasons[_usual_reason(one)].append(cell.label)
        for reason, labels in reasons.items():
            yield Text(f"{MISSING} {name} of {', '.join(dict.fromkeys(labels))}: {reason}")


def _usual_reason(measured: Measured) -> str:
    common = Counter(reason for reason in measured.reasons if reason).most_common(1)
    return common[0][0] if common else "there are no runs"


def _done(cell: CellRecord) -> Array:
    return (
        np.ones(cell.members, bool)
        if cell.member_status is None
        else np.asarray(cell.member_status == "done")
    )


def _seeds(cell: CellRecord) -> str:
    """`10`, or `9 of 10 (1 diverged)`. A seed is finished when all its agents are."""
    done = _done(cell)
    total = len(np.unique(cell.seed))
    unfinished = np.unique(cell.seed[~done])
    if not len(unfinished):
        return str(total)
    assert cell.member_status is not None
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
