"""`clbench validate`: everything wrong with a suite, or what it will run."""

from __future__ import annotations

from clbench.cli.options import DataOption, PluginOption, SeedsOption, SetOption, SuiteArgument
from clbench.cli.output import say, warn
from clbench.words import counted


def validate(
    suite: SuiteArgument,
    seeds: SeedsOption = None,
    change: SetOption = None,
    plugin: PluginOption = None,
    data: DataOption = None,
) -> None:
    """Check a suite: every problem at once, with its line and a suggestion; then against its data,
    where that is here.
    """
    from clbench.execution import open_suite
    from clbench.execution.checking import check_against_data
    from clbench.execution.inspector import CellInspector
    from clbench.suite.suite import runs_in_words

    opened, host = open_suite(suite, plugin or [], data=data, overrides=change or [], seeds=seeds)
    warn([*host.warnings, *opened.warnings])
    cells = opened.cells
    # What a run would refuse before it trains.
    warn(check_against_data(cells, CellInspector(host, data)))
    scenarios = {cell.scenario_label for cell in cells}
    strategies = {cell.label for cell in cells}
    matrix = f"{counted(len(scenarios), 'scenario')} x {counted(len(strategies), 'strategy')}"
    runs = runs_in_words(opened)
    noun = "run" if runs == "1" else "runs"
    sizes = f"{counted(len(cells), 'cell')}, {runs} {noun}"
    say(f"{opened.file} is sound: {matrix}, {sizes}")
