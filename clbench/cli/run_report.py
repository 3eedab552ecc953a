"""What `clbench run` prints at its end: the table, what is missing, and what to type next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from clbench.cli.output import console, say, tell, tell_each, warn
from clbench.errors import UserError
from clbench.words import counted

if TYPE_CHECKING:
    from pathlib import Path

    from clbench.execution import Outcome
    from clbench.host import Host
    from clbench.records import Results
    from clbench.report.compared import Comparison
    from clbench.suite import Suite

DIVERGED = "every run's loss became infinite or NaN; a smaller learning rate may help"


def report(outcome: Outcome, suite: Suite, host: Host, again: str) -> None:
    """Say what the record holds now; `again` is the command that goes on."""
    from clbench.records import load

    results = load(outcome.record, host)
    if results.cells:
        _show_results(results, suite)
        if not outcome.interrupted:
            _say_how_they_compare(results, outcome.record)
    warn(outcome.faults)
    _say_what_ran_without_graphs(results)
    _say_how_much_is_there(outcome)
    _say_what_is_missing(outcome, again)
    if outcome.interrupted:
        tell(f"interrupted; go on with: {again}")
    else:
        _say_what_is_next(results, outcome.record)


def _say_what_is_next(results: Results, record: Path) -> None:
    finished = [cell.label for cell in results.cells if cell.status in ("done", "partial")]
    if finished:
        say(f"next: {_shown(record, finished[-1])}    (its accuracy matrix and curves)")


def _show_results(results: Results, suite: Suite) -> None:
    """The table of the metrics that the suite asks for."""
    from clbench.records.apart import apart_line
    from clbench.report.terminal import summary_table

    labels = [metric.label for metric in suite.metrics]
    # Metrics that are there to be drawn have no column.
    numbers = list(filter(results.is_number, labels))
    console().print(summary_table(results, numbers or None))
    apart = apart_line(results.record)
    if apart:
        say(apart)


def _say_how_they_compare(results: Results, record: Path) -> None:
    """Who is shown to be better than whom, where there is anybody to compare."""
    from clbench.report.comparison import compare
    from clbench.report.looking import note

    try:
        comparison = compare(results)
    except UserError as error:  # what was run is more than how it compares
        tell(f"warning: no comparison: {error}")
        return
    if _say_in_short(comparison, record):
        tell_each(note([comparison], {record: results.record}))


def _say_in_short(comparison: Comparison, record: Path) -> bool:
    """Whether there was anything to say."""
    from clbench.report.short import short

    lines = short(comparison)
    if not lines:
        return False
    more = f"every pair, intervals and effect sizes: clbench compare {_quoted(record)}"
    say("\n".join(["", *lines, f"  {more}"]))
    return True


def _say_what_ran_without_graphs(results: Results) -> None:
    """The strategies whose steps no device graph could hold, each once, and why."""
    reasons = {cell.label: cell.graphs for cell in results.cells}
    for label, said in reasons.items():
        if said.startswith("eager"):
            say(f"{label} ran without device graphs: {said.removeprefix('eager: ')}")


def _say_how_much_is_there(outcome: Outcome) -> None:
    from clbench.execution.display import duration

    ran = "nothing was left to run"
    if outcome.ran:
        ran = f"{counted(outcome.ran, 'job')} in {duration(outcome.seconds)}"
    runs = "run is" if outcome.requested == 1 else "runs are"
    say(f"\n{outcome.finished} of {outcome.requested} {runs} in {outcome.record} ({ran})")
    if outcome.stop is not None:
        (tell if outcome.stop.failed else say)(str(outcome.stop))


def _say_what_is_missing(outcome: Outcome, again: str) -> None:
    for failure in outcome.failures:
        tell(f"failed: {failure}")
    for name in outcome.diverged:
        tell(f"diverged: {name}: {DIVERGED}")
    if outcome.failures:
        shown = _shown(outcome.record, outcome.failures[0].label)
        tell(f"tracebacks: {shown}; what failed is tried again by: {again}")


def _shown(record: Path, label: str) -> str:
    """The command that shows one strategy of a record."""
    return f"clbench show {_quoted(record)} {shlex.quote(label)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
