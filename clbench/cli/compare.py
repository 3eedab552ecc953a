"""`clbench compare`: which strategies differ, by how much, and how sure that is."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clbench.cli.options import (
    AlphaOption,
    BaselineOption,
    ChooseOnOption,
    CorrectionOption,
    FamilyOption,
    FigureOption,
    MetricOption,
    MixedOption,
    PluginOption,
    RecordsArgument,
    RopeOption,
    TestsOption,
    UnpairedOption,
    UnusedDataOption,
)
from clbench.cli.output import console, say, tell, tell_each, warn

BUILT_IN = "<table|markdown|latex|csv|json|html>"


def compare(
    records: RecordsArgument,
    metric: MetricOption = None,
    baseline: BaselineOption = None,
    alpha: AlphaOption = None,
    tests: TestsOption = None,
    family: FamilyOption = None,
    correction: CorrectionOption = None,
    unpaired: UnpairedOption = False,
    rope: RopeOption = None,
    choose_on: ChooseOnOption = None,
    force_mixed: MixedOption = False,
    form: Annotated[
        str,
        typer.Option("--format", metavar=BUILT_IN, help="What to print; plugins may offer others."),
    ] = "table",
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="<full|paper>",
            help="How --format latex and markdown are laid out: paper is one table,"
            " strategies x scenarios.",
            show_default=False,
        ),
    ] = None,
    figure: FigureOption = None,
    plugin: PluginOption = None,
    data: UnusedDataOption = None,
) -> None:
    """Compare strategies: means with intervals, tests paired by seed, effect sizes, ranks, and
    what they mean in words. That a record was compared is noted in it; where it had fewer seeds
    then, verdicts go by p-values that hold however often one looks.
    """
    from clbench.host import Host
    from clbench.records import load
    from clbench.report.compare_formats import format_of
    from clbench.report.comparison import compare as compared
    from clbench.report.figures import check, draw
    from clbench.report.looking import note

    # Torch stays out: comparing starts in a fraction of the time that it takes to import.
    kinds = ["metric", "format", "figure"] if figure else ["metric", "format"]
    host = Host.load(plugin or [], only=kinds)
    warn(host.warnings)
    chosen = format_of(host, form, layout)  # before anything is computed
    figures = [check(path, host) for path in figure or []]
    opened = {record: load(record, host) for record in records}
    comparison = compared(
        list(opened.values()),
        metric=metric,
        baseline=baseline,
        alpha=alpha,
        tests=tests,
        family=family,
        correction=correction,
        unpaired=unpaired or None,  # the flag that is not there leaves it to the suite
        rope=rope,
        choose_on=choose_on,
        force_mixed=force_mixed,
    )
    _print(chosen.render(comparison))
    for path in figures:
        draw(comparison, path)
        tell(f"figure: {path}")
    tell_each(note([comparison], {path: results.record for path, results in opened.items()}))


def _print(rendered: Any) -> None:
    """A table is laid out for the width of the terminal; text goes out as it is."""
    if isinstance(rendered, str):
        say(rendered)
    else:
        console().print(rendered)
